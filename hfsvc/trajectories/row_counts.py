"""The count of a dataset's rows for its statistics: batch by batch, or by several processes piece by piece."""

from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa

from hfsvc.errors import BadRow
from hfsvc.models import ReadOptions
from hfsvc.trajectories.batch_mapper import BatchMapper, layout_columns
from hfsvc.trajectories.data_file import DataFile
from hfsvc.trajectories.divided_reading import ReadingPiece
from hfsvc.trajectories.divided_stream import DividedStream
from hfsvc.trajectories.layouts.conversation import RowLocation
from hfsvc.trajectories.piece_reader import KeptFile, read_piece
from hfsvc.trajectories.statistics import COUNTED, StatisticsBuilder
from hfsvc.trajectories.styles.convert import recovered

_kept = KeptFile()


class CountJob(NamedTuple):
    """A piece to count."""

    piece: ReadingPiece
    options: ReadOptions

    def __str__(self) -> str:
        return str(self.piece)


def map_counts(
    options: ReadOptions, statistics: StatisticsBuilder, on_row: Callable[[int], None] = lambda _: None
) -> BatchMapper[BadRow]:
    """Adds batches to statistics, and makes nothing of them.

    Args:
        options: How to read rows.
        statistics: Takes them.
        on_row: Told the row after each batch.
    """

    def add(first: RowLocation, file: DataFile, batch: pa.RecordBatch) -> list[tuple[int, BadRow]]:
        statistics.add(file.layout.message_counts(batch), file.layout.metadata.texts(batch, COUNTED))
        for each in recovered(batch, first, file.layout, options):
            statistics.recovered.add(each)
        on_row(first.row + batch.num_rows)
        return []

    return BatchMapper(layout_columns, add)


def count_piece(job: CountJob) -> StatisticsBuilder:
    """The statistics of a piece, with every value by its name."""
    statistics = StatisticsBuilder(most_values=None)
    for _ in read_piece(job.piece, map_counts(job.options, statistics), _kept):
        pass
    return statistics


async def count_divided(
    stream: DividedStream, options: ReadOptions, workers: int, on_row: Callable[[int], None]
) -> StatisticsBuilder:
    """The statistics of all pieces of a stream, counted by so many processes.

    Raises:
        WorkerLost: A worker died over a piece, and so did the next one.
    """
    statistics = StatisticsBuilder()
    jobs = (CountJob(piece, options) for piece in stream.pieces())
    async with stream.results(count_piece, jobs, workers=workers) as results:
        async for job, part in results:
            await stream.check_unchanged()
            statistics.merge(part)
            on_row(job.piece.rows[-1] + 1)
    return statistics
