"""What goes along with each row of an export: further keys of a line, further columns of a table. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from hfsvc.atif import Trajectory
from hfsvc.errors import InvalidExport
from hfsvc.export.lines import plain_json
from hfsvc.models import TrajectoryRow

NUMBER = "row"
"""What formats call the number of a row, which is kept under the same name."""


def with_kept(made: dict[str, Any], row: TrajectoryRow) -> dict[str, Any]:
    """A row of a format of lines, with what is kept behind its own keys.

    Raises:
        InvalidExport: Something that is kept has the name of one of those.
    """
    return {**made, **_besides(row.kept, made)}


def with_kept_extra(row: TrajectoryRow) -> Trajectory:
    """A document with what is kept in its ``extra``, where it is not there already."""
    if not row.kept:
        return row.trajectory
    return msgspec.structs.replace(row.trajectory, extra={**row.kept, **(row.trajectory.extra or {})})


def kept_schema(kept: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Schema:
    """The columns of a table with those of what is kept, whose types are those of the first rows.

    Raises:
        InvalidExport: As `with_kept`.
    """
    for name in _besides(_names(kept), schema.names):
        schema = schema.append(pa.field(name, _type_of([each.get(name) for each in kept])))
    return schema


def kept_batch(made: pa.RecordBatch, kept: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """A batch of such a table.

    Args:
        made: Its rows without what is kept.
        kept: What is, of each of them.
        schema: As `kept_schema` gives it.

    Raises:
        InvalidExport: As `with_kept`; a value is of another type than those of the first rows, or they had nothing of
            its name.
    """
    names = schema.names[made.num_columns :]
    if late := [name for name in _besides(_names(kept), made.schema.names) if name not in names]:
        reason = "the first rows had nothing of this name: keep the same of all datasets, or write JSON Lines"
        raise InvalidExport(target=late[0], reason=reason)
    own = [_column(name, [each.get(name) for each in kept], schema.field(name).type) for name in names]
    return pa.RecordBatch.from_arrays([*made.columns, *own], schema=schema)


def _names(kept: Sequence[Mapping[str, Any]]) -> dict[str, None]:
    return dict.fromkeys(name for each in kept for name in each)


def _besides(kept: Mapping[str, Any], own: Mapping[str, Any] | Sequence[str]) -> Mapping[str, Any]:
    """What is kept and a format does not have by itself, as some have the number of the row."""
    if taken := [name for name in kept if name in own and name != NUMBER]:
        raise InvalidExport(target=taken[0], reason="the format has a field of this name already, so it cannot be kept")
    return {name: value for name, value in kept.items() if name not in own}


def _type_of(values: Sequence[Any]) -> pa.DataType:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64()
    return pa.float64() if kinds and kinds <= {int, float} else pa.string()


def _column(name: str, values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        values = [value if value is None or isinstance(value, str) else plain_json(value) for value in values]
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, OverflowError):
        reason = f"its values are of several types, and {kind} holds not all of them: write JSON Lines, or leave it out"
        raise InvalidExport(target=name, reason=reason) from None
