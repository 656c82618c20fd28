"""Mappers from record batches to what a stream yields: trajectories, alone or with row number and cursor."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, NamedTuple, TypeVar

import msgspec
import pyarrow as pa

from hfsvc.arguments import not_among
from hfsvc.atif import Trajectory
from hfsvc.errors import BadRow
from hfsvc.models import ReadOptions, TrajectoryRow
from hfsvc.trajectories.data_file import DataFile
from hfsvc.trajectories.kept_columns import columns_kept, kept_of
from hfsvc.trajectories.layouts.conversation import RowLocation, Unreadable
from hfsvc.trajectories.styles.convert import BuiltTrajectory, convert, style_of

T = TypeVar("T")
Placed = tuple[int, T | BadRow]
"""What was made of a row, with its number in the dataset; of several rows, with that of the last."""


class BatchMapper(NamedTuple, Generic[T]):
    """Which columns to read of every file, and what to make of its batches. Both functions run in a worker thread.

    Attributes:
        columns_of: The columns to read of a file.
        convert: Makes values of a batch, given the location of its first row and its file.
    """

    columns_of: Callable[[DataFile], list[str]]
    convert: Callable[[RowLocation, DataFile, pa.RecordBatch], list[Placed[T]]]


def layout_columns(file: DataFile) -> list[str]:
    """The columns that trajectories are made of."""
    return file.layout.columns


def columns_among(wanted: Sequence[str], file: DataFile) -> list[str]:
    """The columns that were asked for, whole ones or their leaves.

    Raises:
        InvalidArgument: The file lacks one.
    """
    for name in wanted:
        if name not in file.schema.names and not any(f"{leaf}.".startswith(f"{name}.") for leaf in file.leaves):
            raise not_among("columns", name, file.schema.names)
    return [*wanted]


def map_rows(options: ReadOptions, make: Callable[[RowLocation, BuiltTrajectory], T]) -> BatchMapper[T]:
    """Trajectories in the style that was asked for. Bad rows are among the values; where they are raised, as the last.

    Args:
        options: How to read rows.
        make: Makes a value of a row that became a trajectory.
    """

    def convert_batch(first: RowLocation, file: DataFile, batch: pa.RecordBatch) -> list[Placed[T]]:
        values: list[Placed[T]] = []
        for location, found in convert(batch, first, file.layout, style_of(options)):
            if not isinstance(found, Unreadable):
                values.append((location.row, make(location, found)))
                continue
            bad = BadRow(file=location.file, row=location.row, column=found.column, reason=found.reason)
            values.append((location.row, bad))
            if options.on_bad_row == "raise":
                break
        return values

    return BatchMapper(layout_columns, convert_batch)


def map_kept(options: ReadOptions, cursor_of: Callable[[int], str]) -> BatchMapper[TrajectoryRow]:
    """Trajectories with their surroundings, and with what `ReadOptions.keep` names."""
    rows = map_rows(options, partial(row_of, cursor_of))

    def columns_of(file: DataFile) -> list[str]:
        return [*dict.fromkeys([*rows.columns_of(file), *columns_kept(options.keep, file)])]

    def convert_batch(first: RowLocation, file: DataFile, batch: pa.RecordBatch) -> list[Placed[TrajectoryRow]]:
        kept = kept_of(batch, first, file, options.keep)
        return [
            (row, found if isinstance(found, BadRow) else msgspec.structs.replace(found, kept=kept[row - first.row]))
            for row, found in rows.convert(first, file, batch)
        ]

    return BatchMapper(columns_of, convert_batch) if options.keep else rows


def trajectory_of(_: RowLocation, found: BuiltTrajectory) -> Trajectory:
    """A trajectory alone."""
    return found.trajectory


def row_of(cursor_of: Callable[[int], str], location: RowLocation, found: BuiltTrajectory) -> TrajectoryRow:
    """A trajectory with its surroundings."""
    return TrajectoryRow(row=location.row, file=location.file, cursor=cursor_of(location.row), **found._asdict())


def map_batches(columns: Sequence[str] | None) -> BatchMapper[pa.RecordBatch]:
    """The batches as they are, with these columns, or those that trajectories are made of."""
    columns_of = layout_columns if columns is None else partial(columns_among, columns)

    def convert_batch(first: RowLocation, _: DataFile, batch: pa.RecordBatch) -> list[Placed[pa.RecordBatch]]:
        return [(first.row + batch.num_rows - 1, batch)]

    return BatchMapper(columns_of, convert_batch)


def row_by_row(mapper: BatchMapper[T]) -> BatchMapper[T]:
    """The same, given one row at a time."""

    def convert_batch(first: RowLocation, file: DataFile, batch: pa.RecordBatch) -> list[Placed[T]]:
        found: list[Placed[T]] = []
        for offset in range(batch.num_rows):
            location = first._replace(row=first.row + offset, file_row=first.file_row + offset)
            found += mapper.convert(location, file, batch.slice(offset, 1))
        return found

    return BatchMapper(mapper.columns_of, convert_batch)
