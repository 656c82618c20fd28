"""Tables that rows of a dataset become for other engines: the rows as they are stored, or ATIF in columns."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import msgspec
import pyarrow as pa

from hfsvc.arguments import check_value, not_among
from hfsvc.errors import BadRow, InvalidArgument
from hfsvc.models import ReadOptions, RowForm, TrajectoryRow
from hfsvc.trajectories.batch_mapper import BatchMapper, Placed, map_kept
from hfsvc.trajectories.columns.atif_columns import SCHEMA, atif_batch
from hfsvc.trajectories.columns.stored_columns import aligned, names_in, stored_schema
from hfsvc.trajectories.data_file import DataFile
from hfsvc.trajectories.files.base import unreadable_rows
from hfsvc.trajectories.layouts.conversation import RowLocation

KEPT = pa.field("kept", pa.string())
_CURSOR_TYPE = pa.string()


class RowTable(NamedTuple):
    """A table that rows become, a batch at a time; can be pickled.

    Attributes:
        form: What its rows are.
        schema: Its columns.
        options: How rows are read.
        cursor_column: The last column, which holds the cursor after each row; None for none.
    """

    form: RowForm
    schema: pa.Schema
    options: ReadOptions
    cursor_column: str | None

    @property
    def own_schema(self) -> pa.Schema:
        """Its columns without that of cursors."""
        return self.schema.remove(len(self.schema) - 1) if self.cursor_column else self.schema

    def narrowed(self, names: Collection[str]) -> "RowTable":
        """The same with those of its columns alone."""
        schema = pa.schema([field for field in self.schema if field.name in names])
        return self._replace(schema=schema, cursor_column=self.cursor_column if self.cursor_column in names else None)

    def mapper(self) -> BatchMapper[pa.RecordBatch]:
        """Makes batches of its columns, but for that of cursors; their rows follow one another in the dataset."""
        if self.form == "stored":
            return _map_stored(self.own_schema)
        return _map_atif(self.options, self.own_schema)

    def with_cursors(self, batch: pa.RecordBatch, cursors: Sequence[str]) -> pa.RecordBatch:
        """A batch with the cursor after each of its rows."""
        return pa.RecordBatch.from_arrays([*batch.columns, pa.array(cursors, _CURSOR_TYPE)], schema=self.schema)


def plan_table(
    files: Sequence[DataFile],
    options: ReadOptions,
    *,
    form: RowForm,
    columns: Sequence[str] | str | None,
    cursor_column: str | None,
) -> RowTable:
    """The table that the rows of some files become.

    Args:
        files: At least one.
        options: How to read them.
        form: What its rows are.
        columns: Names of its columns; None for all.
        cursor_column: A name for one more column, of cursors.

    Raises:
        InvalidArgument: There is no such form or column, or the column of cursors has the name of another one.
    """
    check_value("form", form, RowForm)
    check_value("columns", columns, list[str] | tuple[str, ...] | str | None)
    check_value("cursor_column", cursor_column, str | None)
    names = [columns] if isinstance(columns, str) else columns
    if names is not None and not names:
        raise InvalidArgument(
            name="columns", given="[]", reason="rows without columns are nothing: name one, or None for all"
        )
    schema = stored_schema(files, names) if form == "stored" else _atif_schema(options, names)
    if cursor_column is not None:
        if cursor_column in schema.names:
            raise InvalidArgument(name="cursor_column", given=cursor_column, reason="another column has this name")
        schema = schema.append(pa.field(cursor_column, _CURSOR_TYPE))
    return RowTable(form, schema, options, cursor_column)


def _atif_schema(options: ReadOptions, names: Sequence[str] | None) -> pa.Schema:
    whole = pa.schema([*SCHEMA, KEPT] if options.keep else [*SCHEMA])
    for name in names or ():
        if name not in whole.names:
            raise not_among("columns", name, whole.names)
    return whole if names is None else pa.schema([whole.field(name) for name in names])


def _map_stored(schema: pa.Schema) -> BatchMapper[pa.RecordBatch]:
    def convert(first: RowLocation, file: DataFile, batch: pa.RecordBatch) -> list[Placed[pa.RecordBatch]]:
        faults, table = unreadable_rows(batch), aligned(batch, schema)
        found: list[Placed[pa.RecordBatch]] = []
        begin = 0
        for row in [*sorted(faults), batch.num_rows]:
            if begin < row:
                found.append((first.row + row - 1, table.slice(begin, row - begin)))
            if row in faults:
                place = first.row + row
                found.append((place, BadRow(file=file.path, row=place, column=None, reason=faults[row])))
            begin = row + 1
        return found

    return BatchMapper(lambda file: names_in(file, schema), convert)


def _map_atif(options: ReadOptions, schema: pa.Schema) -> BatchMapper[pa.RecordBatch]:
    rows = map_kept(options, lambda _: "")

    def convert(first: RowLocation, file: DataFile, batch: pa.RecordBatch) -> list[Placed[pa.RecordBatch]]:
        return [*_runs(rows.convert(first, file, batch), schema)]

    return BatchMapper(rows.columns_of, convert)


def _runs(found: Sequence[Placed[TrajectoryRow]], schema: pa.Schema) -> Iterator[Placed[pa.RecordBatch]]:
    """Trajectories in batches that end where a bad row is."""
    run: list[TrajectoryRow] = []
    for row, value in found:
        if not isinstance(value, BadRow):
            run.append(value)
            continue
        if run:
            yield run[-1].row, _atif_table(run, schema)
        yield row, value
        run = []
    if run:
        yield run[-1].row, _atif_table(run, schema)


def _atif_table(rows: Sequence[TrajectoryRow], schema: pa.Schema) -> pa.RecordBatch:
    made = atif_batch(rows)
    if KEPT.name in schema.names:
        kept = pa.array([msgspec.json.encode(row.kept, enc_hook=str).decode() for row in rows], KEPT.type)
        made = made.append_column(KEPT, kept)
    return pa.RecordBatch.from_arrays([made.column(name) for name in schema.names], schema=schema)
