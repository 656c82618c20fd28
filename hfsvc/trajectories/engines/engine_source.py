"""What a source gives to other engines: an Arrow reader, a Ray dataset, a Daft data frame, or the tasks that these are made of."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Unpack

import pyarrow as pa
from anyio import to_thread

from hfsvc.arguments import check_name
from hfsvc.errors import BadRow, MissingExtra
from hfsvc.models import RangeArguments, ReadOptions, RowForm
from hfsvc.ray_cluster import join_cluster
from hfsvc.trajectories.divided_stream import DividedStream
from hfsvc.trajectories.engines.piece_task import PieceTask, tasks_of
from hfsvc.trajectories.engines.record_reader import reader_of
from hfsvc.trajectories.selection import RowRange


class EngineSource(ABC):
    """A source whose rows other engines read, divided as they are for processes of our own.

    Attributes:
        options: How it is read.
    """

    options: ReadOptions

    @abstractmethod
    async def divide(self, rows: RowRange) -> DividedStream:
        """The stream of `stream_rows` in pieces, to be read elsewhere."""

    @abstractmethod
    def _skip(self, bad: BadRow) -> None:
        """Leave a bad row out, or raise it."""

    async def to_reader(
        self,
        *,
        columns: Sequence[str] | str | None = None,
        form: RowForm = "stored",
        cursor_column: str | None = None,
        limit: int | None = None,
        **rows: Unpack[RangeArguments],
    ) -> pa.RecordBatchReader:
        """As `hfsvc.protocols.BatchSource.to_reader`."""
        schema, tasks = await self._tasks(rows, form, columns, cursor_column, limit, for_one=True)
        return reader_of(schema, tasks, limit=limit, on_bad=self._skip)

    async def read_tasks(
        self,
        *,
        columns: Sequence[str] | str | None = None,
        form: RowForm = "atif",
        cursor_column: str | None = None,
        **rows: Unpack[RangeArguments],
    ) -> list[PieceTask]:
        """As `hfsvc.protocols.BatchSource.read_tasks`."""
        _, tasks = await self._tasks(rows, form, columns, cursor_column)
        return [*tasks]

    async def to_ray(
        self,
        *,
        columns: Sequence[str] | str | None = None,
        form: RowForm = "atif",
        cursor_column: str | None = None,
        address: str | None = None,
        **rows: Unpack[RangeArguments],
    ) -> Any:
        """As `hfsvc.protocols.BatchSource.to_ray`."""
        schema, tasks = await self._tasks(rows, form, columns, cursor_column)
        await join_cluster(address)
        return await to_thread.run_sync(_ray_dataset, schema, [*tasks])

    async def to_daft(
        self,
        *,
        columns: Sequence[str] | str | None = None,
        form: RowForm = "atif",
        cursor_column: str | None = None,
        **rows: Unpack[RangeArguments],
    ) -> Any:
        """As `hfsvc.protocols.BatchSource.to_daft`."""
        schema, tasks = await self._tasks(rows, form, columns, cursor_column)
        return await to_thread.run_sync(_daft_frame, schema, [*tasks])

    async def _tasks(
        self,
        rows: RangeArguments,
        form: RowForm,
        columns: Sequence[str] | str | None,
        cursor_column: str | None,
        limit: int | None = None,
        *,
        for_one: bool = False,
    ) -> tuple[pa.Schema, Iterator[PieceTask]]:
        for name in rows:
            # Several readers have no limit together: the engine's own does that.
            check_name("option of rows", name, RangeArguments.__annotations__)
        stream = await self.divide(RowRange(limit=limit, **rows))
        return tasks_of(stream, self.options, form=form, columns=columns, cursor_column=cursor_column, for_one=for_one)


def _ray_dataset(schema: pa.Schema, tasks: Sequence[PieceTask]) -> Any:
    # Late: this module is there where Ray is not.
    try:
        from hfsvc.trajectories.engines.ray_source import ray_dataset
    except ImportError as error:
        raise MissingExtra(wanted="Ray Data", extra="ray") from error
    return ray_dataset(schema, tasks)


def _daft_frame(schema: pa.Schema, tasks: Sequence[PieceTask]) -> Any:
    try:
        from hfsvc.trajectories.engines.daft_source import TrajectoryDataSource
    except ImportError as error:
        raise MissingExtra(wanted="Daft", extra="daft") from error
    return TrajectoryDataSource(schema, tasks).read()
