"""Mappers from record batches to what a stream yields: trajectories, alone or with row number and cursor."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import pyarrow as pa

from hfsvc.arguments import not_among
from hfsvc.atif import Trajectory
from hfsvc.errors import BadRow
from hfsvc.models import ReadOptions, TrajectoryRow
from hfsvc.trajectories.cursor import Numbering, write_cursor
from hfsvc.trajectories.data_file import DataFile
from hfsvc.trajectories.layouts.conversation import RowLocation, Unreadable
from hfsvc.trajectories.styles.convert import BuiltTrajectory, convert, style_of

T = TypeVar("T")


class BatchMapper(NamedTuple, Generic[T]):
    """Which columns to read of every file, and what to make of its batches. Both functions run in a worker thread.

    Attributes:
        columns_of: The columns to read of a file.
        convert: Makes values of a batch, given the location of its first row and its file.
    """

    columns_of: Callable[[DataFile], list[str]]
    convert: Callable[[RowLocation, DataFile, pa.RecordBatch], list[T | BadRow]]


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


def map_rows(
    options: ReadOptions, make: Callable[[RowLocation, BuiltTrajectory], T], skip: Callable[[BadRow], None]
) -> BatchMapper[T]:
    """Trajectories in the style that was asked for.

    Args:
        options: How to read rows.
        make: Makes a value of a row that became a trajectory.
        skip: Called with bad rows, where they are left out; else they are among the values.
    """

    def convert_batch(first: RowLocation, file: DataFile, batch: pa.RecordBatch) -> list[T | BadRow]:
        values: list[T | BadRow] = []
        for location, found in convert(batch, first, file.layout, style_of(options)):
            if not isinstance(found, Unreadable):
                values.append(make(location, found))
                continue
            bad = BadRow(file=location.file, row=location.row, column=found.column, reason=found.reason)
            if options.on_bad_row == "raise":
                # Handed on where it stands, so that it is raised after the rows before it, wherever batches end.
                return [*values, bad]
            skip(bad)
        return values

    return BatchMapper(layout_columns, convert_batch)


def trajectory_of(_: RowLocation, found: BuiltTrajectory) -> Trajectory:
    """A trajectory alone."""
    return found.trajectory


def row_of(numbering: Numbering, location: RowLocation, found: BuiltTrajectory) -> TrajectoryRow:
    """A trajectory with its surroundings."""
    cursor = write_cursor(numbering, location.row)
    return TrajectoryRow(row=location.row, file=location.file, cursor=cursor, **found._asdict())


def unless_bad(value: T | BadRow) -> T:
    """The value of a row, or its error."""
    if isinstance(value, BadRow):
        raise value
    return value
