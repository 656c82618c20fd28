"""Arrow columns to Python values, whole columns at a time. Pure."""

from itertools import pairwise
from typing import Any, Literal

import pyarrow as pa


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds texts, or nothing at all."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(is_kind(kind) for is_kind in texts)


def is_list(kind: pa.DataType) -> bool:
    """Whether a column holds lists."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def texts_of(column: pa.Array) -> list[str | None]:
    """The values of a text column.

    Raises:
        UnicodeDecodeError: Parquet does not promise that text is UTF-8.
    """
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column.to_pylist()  # type: ignore[no-any-return]
    texts = _slices(column)
    if not column.null_count:
        return texts
    return [text if valid else None for text, valid in zip(texts, column.is_valid().to_pylist(), strict=True)]


def _slices(column: pa.Array) -> list[Any]:
    # Cut from the buffer at once: Arrow's own way makes an object of its own for every value first.
    if not len(column):
        return []
    _, offsets, data = column.buffers()
    width: Literal["q", "i"] = "q" if pa.types.is_large_string(column.type) else "i"
    ends = memoryview(offsets).cast(width)[column.offset : column.offset + len(column) + 1].tolist()
    base = ends[0]
    raw = bytes(memoryview(data)[base : ends[-1]]) if data is not None else b""
    if raw.isascii():
        text = raw.decode("ascii")
        return [text[start - base : stop - base] for start, stop in pairwise(ends)]
    return [raw[start - base : stop - base].decode() for start, stop in pairwise(ends)]


def written_texts(column: pa.Array) -> list[str | None]:
    """The values of any column as texts; what is no text is written as one."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        # Python's datetime has no nanoseconds, and Arrow refuses to leave them out.
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        values = column.cast(pa.large_binary()).to_pylist()
    return [None if value is None else _written(value) for value in values]


def _written(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def field_of(structs: pa.StructArray, name: str) -> pa.Array:
    """A field of a struct column, by name; null where the struct is."""
    # StructArray.field ignores the nulls of the struct itself; flatten applies them.
    return structs.flatten()[structs.type.get_field_index(name)]
