"""The columns of several files as those of one table: all names, and for each a type that holds what every file has. Pure."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

import pyarrow as pa

from hfsvc.arguments import not_among
from hfsvc.errors import InvalidArgument
from hfsvc.trajectories.data_file import DataFile

# What hfsvc itself adds to what is stored stands in brackets; no key of a row does.
_ADDED = "("
_AS_ATIF = "Name columns that are alike in all files, or read ATIF columns (form='atif')."


def stored_schema(files: Sequence[DataFile], names: Sequence[str] | None) -> pa.Schema:
    """The columns of a table that holds the rows of all files as they are stored.

    Args:
        files: At least one.
        names: In this order; None for all that any file has, by first appearance.

    Raises:
        InvalidArgument: No file has a column of one of the names, a file has two, or files have it in types that no single one holds.
    """
    known = [*dict.fromkeys(name for file in files for name in file.schema.names)]
    stored = [name for name in known if not name.startswith(_ADDED)] or known
    for name in names or ():
        if name not in known:
            raise not_among("columns", name, stored)
    return pa.schema([_common_field(name, files) for name in (stored if names is None else names)])


def names_in(file: DataFile, schema: pa.Schema) -> list[str]:
    """The columns of such a table that a file has."""
    return [name for name in schema.names if name in file.schema.names]


def aligned(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Rows of a file as rows of such a table: null where the file has no column of the name."""
    rows, found = batch.num_rows, {*batch.schema.names}
    columns = [
        batch.column(field.name).cast(field.type) if field.name in found else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _common_field(name: str, files: Iterable[DataFile]) -> pa.Field:
    kinds: dict[pa.DataType, str] = {}
    for file in files:
        if (count := file.schema.names.count(name)) > 1:
            reason = f"{file.path} has {count} columns of this name"
            raise InvalidArgument(name="columns", given=name, reason=reason, hint=_AS_ATIF)
        if count:
            kinds.setdefault(file.schema.field(name).type, file.path)
    return pa.field(name, _common_type(name, kinds))


def _common_type(name: str, kinds: dict[pa.DataType, str]) -> pa.DataType:
    """The type that holds what is of any of these."""
    schemas = [pa.schema([pa.field(name, kind)]) for kind in kinds]
    with suppress(pa.ArrowException):
        common = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        for kind in kinds:
            pa.nulls(1, kind).cast(common)
        return common
    (one, here), (other, there), *_ = kinds.items()
    reason = f"it is {one} in {here}, and {other} in {there}"
    raise InvalidArgument(name="columns", given=name, reason=reason, hint=_AS_ATIF)
