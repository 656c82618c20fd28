"""The state of one app, which its routes get by dependency injection."""

from typing import NamedTuple

import anyio
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from hfsvc.containers import Container
from hfsvc.protocols import DatasetService
from hfsvc.server.codes import OneTimeCodes
from hfsvc.server.effuse.trial_names import TrialNames
from hfsvc.server.errors import ErrorRenderer, ToldFailures
from hfsvc.server.jobs import Jobs
from hfsvc.server.limits import ByteBudget, ServerLimits, Slots
from hfsvc.server.measures import MeasuredRows
from hfsvc.server.metrics import ServerCounters
from hfsvc.server.middleware.access import ServerAccess
from hfsvc.server.open_sources import OpenSources
from hfsvc.server.row_order import OrderedLists


class AppState(NamedTuple):
    """What the routes of one app share.

    Attributes:
        lists: Lets so many lists be read, or their values counted, at once: each takes a thread, and threads keep memory.
        exports: How many streams of trajectories there may be.
        watchers: How many streams of events there may be.
        trial_names: What rows are called on the socket.
        measured_rows: What runs took.
        ordered_lists: Those that were put in order last.
        socket_failures: Why the socket could not answer.
    """

    container: Container
    datasets: DatasetService
    sources: OpenSources
    jobs: Jobs
    budget: ByteBudget
    lists: anyio.CapacityLimiter
    exports: Slots
    watchers: Slots
    access: ServerAccess
    codes: OneTimeCodes
    limits: ServerLimits
    errors: ErrorRenderer
    counters: ServerCounters
    trial_names: TrialNames
    socket_failures: ToldFailures
    measured_rows: MeasuredRows
    ordered_lists: OrderedLists


AppStateDep = NamedDependency[SkipValidation[AppState]]
