"""An Arrow reader over a dataset's rows, for synchronous code: it reads a batch when it is asked for one, and never more."""

from collections.abc import Generator, Iterable

import pyarrow as pa

from hfsvc.trajectories.engines.piece_task import OnBad, PieceTask
from hfsvc.trajectories.piece_reader import KeptFile


def reader_of(
    schema: pa.Schema, tasks: Iterable[PieceTask], *, limit: int | None, on_bad: OnBad
) -> pa.RecordBatchReader:
    """The batches of tasks, one after the other, read in the thread that asks for them.

    Args:
        schema: Of the batches.
        tasks: Of one reading, in order.
        limit: Most rows.
        on_bad: As for `PieceTask.batches`.
    """
    return pa.RecordBatchReader.from_batches(schema, _batches(tasks, limit, on_bad))


def _batches(tasks: Iterable[PieceTask], limit: int | None, on_bad: OnBad) -> Generator[pa.RecordBatch, None, None]:
    left, kept = limit, KeptFile()
    try:
        for task in tasks:
            for batch in task.batches(on_bad, kept):
                some = batch if left is None else batch.slice(0, left)
                if some.num_rows:
                    yield some
                left = left and left - some.num_rows
                if left == 0:
                    return
    finally:
        kept.close()
