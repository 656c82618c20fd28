"""The world that the contract tests of a `TrajectorySource` ask for, and how they read streams in it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from hfsvc import atif
from hfsvc.models import OnBadRow
from hfsvc.protocols import TrajectorySource

Rows = Sequence[Mapping[str, Any]]
T = TypeVar("T")
E = TypeVar("E", bound=Exception)


class TrajectoryWorld(Protocol):
    """Makes sources under test: the fixture ``world`` of a `TrajectorySourceContract`.

    Rows are dictionaries in the layout of `hfsvc.testing.samples`: its `rows_table` makes an Arrow table of them, and
    `sample_trajectory` a trajectory. A row whose ``conversations`` is None cannot be converted.
    """

    async def open(self, rows: Rows, *, on_bad_row: OnBadRow = "raise") -> TrajectorySource:
        """A source of rows that are on disk."""
        ...

    async def open_remote(self, rows: Rows) -> TrajectorySource:
        """A source of rows that are still to be downloaded."""
        ...

    async def move(self, rows: Rows) -> None:
        """The dataset of the source that was opened last moves to another commit, which is on disk."""
        ...

    async def open_damaged(self) -> TrajectorySource | None:
        """A source over a damaged file; None where there are no files."""
        ...


def reads_remotely(source: TrajectorySource) -> bool:
    """Whether a source reads where its rows lie, at one commit for its life, and nothing need be downloaded."""
    return getattr(source, "traffic", None) is not None


async def numbers_of(source: TrajectorySource, **where: Any) -> list[int]:
    """The numbers of the rows that a stream gives."""
    return [each.row async for each in source.stream_rows(**where)]


async def tasks_of(source: TrajectorySource, **where: Any) -> list[str | None]:
    """The tasks of the trajectories that a stream gives."""
    return [task_of(each) async for each in source.stream_trajectories(**where)]


def task_of(trajectory: atif.Trajectory | None) -> str | None:
    """The task of a trajectory."""
    return trajectory.extra["task"] if trajectory and trajectory.extra else None


async def read_until(kind: type[E], stream: AsyncIterator[T]) -> tuple[list[T], E]:
    """What a stream gives before it raises, and what it raises."""
    seen: list[T] = []
    try:
        async for each in stream:
            seen.append(each)
    except kind as error:
        return seen, error
    raise AssertionError(f"no {kind.__name__}")
