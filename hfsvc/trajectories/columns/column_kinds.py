"""Kinds of Arrow columns that hold Python values and give equal ones back. Pure.

Every kind of column takes a list of values, None among them, and gives one or more arrays of that length; `read` gives
equal values back. What cannot be held without loss raises one of `NOT_HELD`.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import pyarrow as pa

NOT_HELD = (pa.ArrowException, OverflowError, TypeError, ValueError)
"""Integers of more than 64 bits, halves of characters, values of another type than the column's."""

Values = Sequence[Any]
_WIDEST = 1 << 63


class Column(Protocol):
    """The protocol of a kind of column: writes values into Arrow arrays, and reads them back."""

    def fields(self, name: str) -> list[pa.Field]:
        """The Arrow fields that hold it, `name` first."""
        ...

    def write(self, values: Values) -> list[pa.Array]:
        """An array for each of `fields`."""
        ...

    def read(self, arrays: Sequence[pa.Array]) -> list[Any]:
        """The values of arrays as `write` made them."""
        ...


class Plain:
    """Values of one of Arrow's own types."""

    def __init__(self, kind: pa.DataType) -> None:
        self._kind = kind

    def fields(self, name: str) -> list[pa.Field]:
        return [pa.field(name, self._kind)]

    def write(self, values: Values) -> list[pa.Array]:
        return [pa.array(values, self._kind)]

    def read(self, arrays: Sequence[pa.Array]) -> list[Any]:
        found: list[Any] = arrays[0].to_pylist()
        return found


class Text(Plain):
    """Any value as text, by two functions that undo one another."""

    def __init__(self, write: Callable[[Any], str | bytes], read: Callable[[str], Any]) -> None:
        super().__init__(pa.string())
        self._write = write
        self._read = read

    def write(self, values: Values) -> list[pa.Array]:
        return super().write([None if value is None else self._write(value) for value in values])

    def read(self, arrays: Sequence[pa.Array]) -> list[Any]:
        return [None if text is None else self._read(text) for text in super().read(arrays)]


class Either:
    """Values of two types, in two columns of which at most one is not null."""

    def __init__(self, first: Column, second: Column, suffix: str, is_second: Callable[[Any], bool]) -> None:
        self._first = first
        self._second = second
        self._suffix = suffix
        self._is_second = is_second

    def fields(self, name: str) -> list[pa.Field]:
        return self._first.fields(name) + self._second.fields(f"{name}_{self._suffix}")

    def write(self, values: Values) -> list[pa.Array]:
        second = [value is not None and self._is_second(value) for value in values]
        firsts = [None if other else value for value, other in zip(values, second, strict=True)]
        seconds = [value if other else None for value, other in zip(values, second, strict=True)]
        return self._first.write(firsts) + self._second.write(seconds)

    def read(self, arrays: Sequence[pa.Array]) -> list[Any]:
        first, second = arrays
        if second.null_count == len(second):
            return self._first.read([first])
        pairs = zip(self._first.read([first]), self._second.read([second]), strict=True)
        return [one if other is None else other for one, other in pairs]


class Items:
    """Lists of one kind of value."""

    def __init__(self, item: Column) -> None:
        self._item = item
        (self._field,) = item.fields("item")

    def fields(self, name: str) -> list[pa.Field]:
        return [pa.field(name, pa.list_(self._field))]

    def write(self, values: Values) -> list[pa.Array]:
        offsets = [0]
        for value in values:
            offsets.append(offsets[-1] + len(value or ()))
        (items,) = self._item.write([item for value in values for item in value or ()])
        mask = pa.array([value is None for value in values], pa.bool_())
        made = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items, mask=mask, type=pa.list_(self._field))
        return [made]

    def read(self, arrays: Sequence[pa.Array]) -> list[Any]:
        (lists,) = arrays
        ends = lists.offsets.to_pylist()
        items = self._item.read([lists.values.slice(ends[0], ends[-1] - ends[0])])
        spans = zip(ends, ends[1:], lists.is_valid().to_pylist(), strict=False)
        return [items[start - ends[0] : stop - ends[0]] if valid else None for start, stop, valid in spans]


class Record:
    """Objects with a column for each of their fields.

    Args:
        columns: By field name, in order.
        explode: The values of an object's fields, in that order.
        build: The object again, from the values by field name.

    Attributes:
        members_fields: The Arrow fields of all of them.
    """

    def __init__(
        self, columns: Mapping[str, Column], explode: Callable[[Any], tuple[Any, ...]], build: Callable[..., Any]
    ) -> None:
        self._columns = columns
        self._explode = explode
        self._make = build
        self.members_fields = [field for name, column in columns.items() for field in column.fields(name)]

    def fields(self, name: str) -> list[pa.Field]:
        return [pa.field(name, pa.struct(self.members_fields))]

    def write(self, values: Values) -> list[pa.Array]:
        mask = pa.array([value is None for value in values], pa.bool_())
        return [pa.StructArray.from_arrays(self.members(values), fields=self.members_fields, mask=mask)]

    def members(self, values: Values) -> list[pa.Array]:
        """The arrays of the fields, where the objects themselves need none."""
        nothing = (None,) * len(self._columns)
        rows = [nothing if value is None else self._explode(value) for value in values]
        by_field = zip(*rows, strict=True) if rows else ([] for _ in self._columns)
        written = (column.write(each) for column, each in zip(self._columns.values(), by_field, strict=True))
        return [array for arrays in written for array in arrays]

    def read(self, arrays: Sequence[pa.Array]) -> list[Any]:
        (structs,) = arrays
        members = [structs.field(index) for index in range(structs.type.num_fields)]
        return self.build(members, structs.is_valid().to_pylist())

    def build(self, members: Sequence[pa.Array], valid: Sequence[bool]) -> list[Any]:
        """The objects of the arrays of their fields, None where one is not `valid`."""
        names, rest, values = tuple(self._columns), list(members), []
        for name, column in self._columns.items():
            width = len(column.fields(name))
            values.append(column.read(rest[:width]))
            rest = rest[width:]
        rows = zip(valid, zip(*values, strict=True), strict=True)
        return [self._make(**dict(zip(names, row, strict=True))) if there else None for there, row in rows]


def json_text(value: Any) -> bytes | str:
    """A free-form value as JSON that `json_value` reads back as an equal one: infinities keep their names."""
    text = msgspec.json.encode(value)
    # msgspec writes null for what is no JSON number.
    if b"null" in text and _has_odd_number(value):
        return json.dumps(value, ensure_ascii=False)
    return text


def json_value(text: str) -> Any:
    """The value of a text of `json_text`."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


def batch_of(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Rows as a batch, as well as it can hold them: half a character becomes a question mark, a huge integer null."""
    try:
        return pa.RecordBatch.from_pylist(rows, schema)
    except NOT_HELD:
        return pa.RecordBatch.from_pylist([_tamed(row) for row in rows], schema)


def _tamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tamed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_tamed(item) for item in value]
    if isinstance(value, int):
        return value if -_WIDEST <= value < _WIDEST else None
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _has_odd_number(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_odd_number, value.values()))
    if isinstance(value, list):
        return any(map(_has_odd_number, value))
    return isinstance(value, float) and not math.isfinite(value)
