"""A Daft `DataSource` over a dataset's rows: a task for every piece of the reading, read where Daft runs it."""

from collections.abc import AsyncIterator, Sequence

import pyarrow as pa
from anyio import CancelScope, to_thread
from daft import Schema
from daft.io.pushdowns import Pushdowns
from daft.io.source import DataSource, DataSourceTask
from daft.recordbatch import RecordBatch

from hfsvc.trajectories.engines.piece_task import PieceTask


class TrajectoryDataSource(DataSource):
    """A dataset's rows as Daft reads them.

    Args:
        schema: Of the rows.
        tasks: That read them, in order.
    """

    def __init__(self, schema: pa.Schema, tasks: Sequence[PieceTask]) -> None:
        self._schema = Schema.from_pyarrow_schema(schema)
        self._tasks = tasks

    @property
    def name(self) -> str:
        return "hfsvc"

    @property
    def schema(self) -> Schema:
        return self._schema

    async def get_tasks(self, pushdowns: Pushdowns) -> AsyncIterator[DataSourceTask]:
        wanted = {*(pushdowns.columns or self._schema.column_names()), *pushdowns.filter_required_column_names()}
        for task in self._tasks:
            yield TrajectoryDataSourceTask(task.narrowed(wanted))


class TrajectoryDataSourceTask(DataSourceTask):
    """A piece of the rows.

    Args:
        task: That reads it.
    """

    def __init__(self, task: PieceTask) -> None:
        self._task = task

    @property
    def schema(self) -> Schema:
        return Schema.from_pyarrow_schema(self._task.schema)

    async def read(self) -> AsyncIterator[RecordBatch]:
        batches = self._task.batches()
        try:
            while (batch := await to_thread.run_sync(next, batches, None)) is not None:
                yield RecordBatch.from_arrow_record_batches([batch], batch.schema)
        finally:
            # What is left early is not to keep connections.
            with CancelScope(shield=True):
                await to_thread.run_sync(batches.close)
