"""The columns of several files as those of one table: all names, and for each a type that holds what every file has. Pure."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc

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
        _as_type(batch.column(field.name), field.type) if field.name in found else pa.nulls(rows, field.type)
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
            _as_type(pa.nulls(1, kind), common)
        return common
    (one, here), (other, there), *_ = kinds.items()
    reason = f"it is {one} in {here}, and {other} in {there}"
    raise InvalidArgument(name="columns", given=name, reason=reason, hint=_AS_ATIF)


def _as_type(array: pa.Array, to: pa.DataType) -> pa.Array:
    """Values as those of a wider type; fields that a struct lacks are null.

    Arrow's own cast gives structs in lists such fields of the wrong length.
    """
    kind = array.type
    if kind == to:
        return array
    if pa.types.is_struct(kind) and pa.types.is_struct(to):
        fields = [_field_as(array, each) for each in to]
        return pa.StructArray.from_arrays(fields, fields=[*to], mask=array.is_null())
    if _is_list(kind) and _is_list(to):
        ends = array.offsets
        values = array.values.slice(ends[0].as_py(), ends[-1].as_py() - ends[0].as_py())
        wider = pa.LargeListArray if pa.types.is_large_list(to) else pa.ListArray
        begins = pc.call_function("subtract", [ends, ends[0]])
        offsets = begins.cast(pa.int64() if wider is pa.LargeListArray else pa.int32())
        return wider.from_arrays(offsets, _as_type(values, to.value_type), type=to, mask=array.is_null())
    return array.cast(to)


def _field_as(structs: pa.StructArray, field: pa.Field) -> pa.Array:
    index = structs.type.get_field_index(field.name)
    return pa.nulls(len(structs), field.type) if index < 0 else _as_type(structs.field(index), field.type)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))
