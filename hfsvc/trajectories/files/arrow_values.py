"""Arrow columns to Python values, whole columns at a time. Pure."""

import math
from collections.abc import Iterator
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from hfsvc.trajectories.files.lenient_json import NO_NUMBER, changes_in, read_json

T = TypeVar("T")
# What stands in texts that are changed, in the words of Arrow, whose texts hold no half characters.
_MAY_CHANGE = r"NaN|Infinity|\\u[dD][89abAB]"


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds texts, or nothing at all."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return is_text(kind.storage_type)
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(is_kind(kind) for is_kind in texts)


def is_json(kind: pa.DataType) -> bool:
    """Whether a column holds JSON texts, and says so, as `datasets` writes columns of mixed values since 5.0."""
    return isinstance(kind, pa.BaseExtensionType) and kind.extension_name == "arrow.json"


def is_binary(kind: pa.DataType) -> bool:
    """Whether a column holds bytes, which are texts where their writer had no type for those."""
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    return any(is_kind(kind) for is_kind in kinds)


def is_list(kind: pa.DataType) -> bool:
    """Whether a column holds lists."""
    lists = (
        pa.types.is_list,
        pa.types.is_large_list,
        pa.types.is_fixed_size_list,
        pa.types.is_list_view,
        pa.types.is_large_list_view,
    )
    return any(is_kind(kind) for is_kind in lists)


def texts_of(column: pa.Array) -> list[str | None]:
    """The values of a text column.

    Raises:
        UnicodeDecodeError: Parquet does not promise that text is UTF-8.
    """
    if is_json(column.type):
        return [value if value is None or isinstance(value, str) else str(value) for value in values_of(column)]
    if isinstance(column, pa.ExtensionArray):
        return texts_of(column.storage)
    return column.to_pylist()  # type: ignore[no-any-return]


def written_texts(column: pa.Array) -> list[str | None]:
    """The values of any column as texts; what is no text is written as one."""
    if is_json(column.type):
        return [_plain_text(text) for text in written_texts(column.storage)]
    if isinstance(column, pa.ExtensionArray):
        return written_texts(column.storage)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        # Python's datetime has no nanoseconds, and Arrow refuses to leave them out.
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        values = column.cast(pa.large_binary()).to_pylist()
    except (OverflowError, ValueError):
        values = [_moment(each) for each in column]
    return [None if value is None else _written(value) for value in values]


def _plain_text(text: str | None) -> str | None:
    """What a JSON text says where that is a text or nothing, else the JSON."""
    value = _decoded(text)
    return value if value is None or isinstance(value, str) else text


def _decoded(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return read_json(text).value
    except (ValueError, RecursionError):
        # Nothing checks that a column that is marked as JSON holds it.
        return text


def _moment(value: pa.Scalar) -> Any:
    # Python's calendar ends before Arrow's: such a moment is the number it is stored as.
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        return value.value


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def values_of(column: pa.Array) -> list[Any]:
    """The values of any column, as JSON can hold them.

    Fields of structs that are null are left out: a struct has the fields of all rows, also where a row had none of them.
    What JSON has no type for is written as text, and no number is null.

    Raises:
        UnicodeDecodeError: A text is no UTF-8.
    """
    kind = column.type
    if is_json(kind):
        return [_decoded(text) for text in texts_of(column.storage)]
    if isinstance(column, pa.ExtensionArray):
        return values_of(column.storage)
    if pa.types.is_dictionary(kind):
        return values_of(column.dictionary_decode())
    if is_text(kind):
        return texts_of(column)
    if pa.types.is_struct(kind):
        return _objects(column)
    if is_list(kind):
        return list(cut(values_of(column.flatten()), lengths_of(column)))
    return _mappings(column) if pa.types.is_map(kind) else _scalars(column)


def _scalars(column: pa.Array) -> list[Any]:
    if pa.types.is_floating(column.type):
        return [value if value is not None and math.isfinite(value) else None for value in column.to_pylist()]
    plain = pa.types.is_boolean(column.type) or pa.types.is_integer(column.type)
    return column.to_pylist() if plain else written_texts(column)


def _objects(structs: pa.StructArray) -> list[dict[str, Any] | None]:
    found = [(field.name, values) for field, values in zip(structs.type, structs.flatten(), strict=True)]
    filled = {name: values_of(values) for name, values in found if values.null_count < len(values)}
    rows = zip(*filled.values(), strict=True) if filled else ((),) * len(structs)
    objects = [{name: value for name, value in zip(filled, row, strict=True) if value is not None} for row in rows]
    if not structs.null_count:
        return list(objects)
    return [each if valid else None for each, valid in zip(objects, structs.is_valid().to_pylist(), strict=True)]


def _mappings(column: pa.MapArray) -> list[dict[str, Any] | None]:
    rows = values_of(column.cast(pa.list_(column.type.field(0).type)))
    return [None if row is None else {str(entry["key"]): entry.get("value") for entry in row} for row in rows]


def item_changes(lists: pa.Array) -> dict[int, tuple[tuple[int, str], ...]]:
    """What `values_of` writes otherwise in the items of lists: by row, the items, and how."""
    odd = _changes(lists.flatten())
    found: dict[int, tuple[tuple[int, str], ...]] = {}
    first = 0
    for row, length in enumerate(lengths_of(lists)) if odd else ():
        stop = first + (length or 0)
        inside = [
            (place - first, word) for place in sorted(odd) if first <= place < stop for word in sorted(odd[place])
        ]
        if inside:
            found[row] = tuple(inside)
        first = stop
    return found


def _changes(column: pa.Array) -> dict[int, set[str]]:
    """The places of values that hold something at any depth that JSON cannot hold, and what becomes of it."""
    kind = column.type
    if is_json(kind):
        return _changes_in_json(column.storage)
    if pa.types.is_floating(kind):
        odd = pc.call_function("invert", [pc.call_function("is_finite", [column])]).fill_null(False)
        return {place: {NO_NUMBER} for place in pc.call_function("indices_nonzero", [odd]).to_pylist()}
    if not _may_change(kind):
        return {}
    inner = column.flatten() if pa.types.is_struct(kind) else [column.flatten()] if is_list(kind) else []
    parents = pc.call_function("list_parent_indices", [column]) if is_list(kind) else None
    found: dict[int, set[str]] = {}
    for values in inner:
        for place, words in _changes(values).items():
            found.setdefault(place if parents is None else parents[place].as_py(), set()).update(words)
    return found


def _changes_in_json(texts: pa.Array) -> dict[int, set[str]]:
    if pa.types.is_string_view(texts.type):
        texts = texts.cast(pa.large_string())
    # Most texts hold none of these, and Arrow finds that out quickly.
    odd = pc.call_function("match_substring_regex", [texts], pc.MatchSubstringOptions(_MAY_CHANGE)).fill_null(False)
    places = pc.call_function("indices_nonzero", [odd]).to_pylist()
    found = {place: {word for _, word in changes_in(texts[place].as_py())} for place in places}
    return {place: words for place, words in found.items() if words}


def _may_change(kind: pa.DataType) -> bool:
    inner = (kind.field(index).type for index in range(kind.num_fields))
    return any(pa.types.is_floating(each) or is_json(each) or _may_change(each) for each in inner)


def lengths_of(column: pa.Array) -> list[int | None]:
    """How long each list of a column is; None where it is null."""
    return pc.list_value_length(column).to_pylist()  # type: ignore[no-any-return]


def cut(values: list[T], lengths: list[int | None]) -> Iterator[list[T] | None]:
    """The values of a flattened column as the lists they were; what lay under nulls is not among them."""
    position = 0
    for length in lengths:
        yield None if length is None else values[position : position + length]
        position += length or 0
