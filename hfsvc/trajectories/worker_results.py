"""Results of parts of a work that worker processes share, in order; a part that no worker survives is told by name."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from hfsvc.aio.process_map import JobLost, ordered_results
from hfsvc.errors import WorkerLost

J = TypeVar("J")
R = TypeVar("R")


@asynccontextmanager
async def results_of(
    work: Callable[[J], R], parts: Iterable[J], *, workers: int
) -> AsyncIterator[AsyncIterator[tuple[J, R]]]:
    """As `ordered_results`; the text of a part is what it is called.

    Raises:
        WorkerLost: A worker died over a part, and so did the next one.
    """
    try:
        async with ordered_results(work, parts, workers=workers) as results:
            yield results
    except JobLost as lost:
        raise WorkerLost(part=str(lost.job), ended_with=lost.code) from lost
