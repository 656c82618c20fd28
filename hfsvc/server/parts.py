"""What routes are made of: the parts of one app, and how they are handed to its handlers."""

from typing import Annotated, Any, NamedTuple

import anyio
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter, SkipValidation

from hfsvc.containers import Container
from hfsvc.protocols import DatasetService
from hfsvc.server.access import Access
from hfsvc.server.answers import ErrorAnswer
from hfsvc.server.budget import ByteBudget
from hfsvc.server.counts import Counts
from hfsvc.server.failures import Words
from hfsvc.server.jobs import Jobs
from hfsvc.server.limits import PAGE_ROWS, Limits
from hfsvc.server.sending import Slots
from hfsvc.server.sources import Sources

# Of integers that every reader of JSON keeps exactly.
LARGEST = (1 << 53) - 1
LONGEST_WORDS = 1000


class Parts(NamedTuple):
    """The parts of one app.

    Attributes:
        lists: Lets so many pages of summaries be read at once: each takes a thread, and threads keep memory.
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
Source = Annotated[
    str | None,
    QueryParameter(name="source", max_length=LONGEST_WORDS, description="Alias or id; else the default source."),
]
Query = Annotated[
    str | None,
    QueryParameter(name="query", max_length=LONGEST_WORDS, description='Words, field:word, or field:"whole value".'),
]
Row = Annotated[int, QueryParameter(ge=0, le=LARGEST)]
Stop = Annotated[int, QueryParameter(ge=0, le=LARGEST, description="Row to stop before.")]
Offset = Annotated[int, QueryParameter(ge=0, le=LARGEST, description="How many to leave out.")]
Limit = Annotated[int, QueryParameter(ge=0, le=PAGE_ROWS, description="Longest page.")]


NOTHING = ResponseSpec(None, generate_examples=False, description="Success, without a body")


def failing(*statuses: int) -> dict[int, ResponseSpec]:
    """What an operation may answer instead of success: these, and what every operation may."""
    every = (400, 401, 403, 414, 500, 503)
    return {status: _error(status) for status in sorted({*every, *statuses})}


def _error(status: int) -> ResponseSpec:
    return ResponseSpec(ErrorAnswer, generate_examples=False, description=f"An error with status {status}")


def answering(model: Any, media_type: str = "application/json") -> dict[int, ResponseSpec]:
    """What an operation answers whose body is written elsewhere."""
    return {200: ResponseSpec(model, generate_examples=False, description="Success", media_type=media_type)}
