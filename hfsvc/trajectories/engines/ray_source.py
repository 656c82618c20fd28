"""A Ray `Datasource` over a dataset's rows: a read task for every piece of the reading, in blocks of record batches."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from ray.data import Datasource, ReadTask, read_datasource
from ray.data.block import BlockMetadata

from hfsvc.trajectories.engines.piece_task import PieceTask


class TrajectoryDatasource(Datasource):
    """A dataset's rows as Ray Data reads them.

    Args:
        schema: Of the rows.
        tasks: That read them, in order.
    """

    def __init__(self, schema: pa.Schema, tasks: Sequence[PieceTask]) -> None:
        super().__init__()
        self._schema = schema
        self._tasks = tasks

    def get_name(self) -> str:
        return "Trajectories"

    def estimate_inmemory_data_size(self) -> int:
        return sum(each.size for each in self._tasks)

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None
    ) -> list[ReadTask]:
        """The tasks as they are, however many Ray would like: they are cut where all engines cut them."""
        return [
            ReadTask(
                partial(_blocks, each),
                BlockMetadata(num_rows=None, size_bytes=each.size, exec_stats=None, input_files=_paths(each)),
                schema=self._schema,
                per_task_row_limit=per_task_row_limit,
            )
            for each in self._tasks
        ]


def _blocks(task: PieceTask) -> Iterator[pa.Table]:
    for batch in task.batches():
        yield pa.Table.from_batches([batch])


def _paths(task: PieceTask) -> tuple[str, ...]:
    dataset = task.piece.dataset
    root = f"hf://datasets/{dataset.repo}@{dataset.commit}" if task.piece.portable else str(dataset.local_path)
    return tuple(f"{root}/{each.path}" for each in task.piece.files)


def ray_dataset(schema: pa.Schema, tasks: Sequence[PieceTask]) -> Any:
    """A lazy dataset of rows; Ray is connected."""
    return read_datasource(TrajectoryDatasource(schema, tasks))
