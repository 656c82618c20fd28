"""The parts of one app, and how they are handed to its routes."""

from typing import NamedTuple

import anyio
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from hfsvc.containers import Container
from hfsvc.protocols import DatasetService
from hfsvc.server.errors import Words
from hfsvc.server.jobs import Jobs
from hfsvc.server.limits import ByteBudget, Limits, Slots
from hfsvc.server.metrics import Counts
from hfsvc.server.middleware.access import Access
from hfsvc.server.open_sources import Sources


class Parts(NamedTuple):
    """The parts of one app.

    Attributes:
        lists: Lets so many lists be read, or their values counted, at once: each takes a thread, and threads keep memory.
        exports: How many streams of trajectories there may be.
        watchers: How many streams of events there may be.
    """

    container: Container
    datasets: DatasetService
    sources: Sources
    jobs: Jobs
    budget: ByteBudget
    lists: anyio.CapacityLimiter
    exports: Slots
    watchers: Slots
    access: Access
    limits: Limits
    words: Words
    counts: Counts


Using = NamedDependency[SkipValidation[Parts]]
