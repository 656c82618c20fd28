"""Thrift's compact protocol, as much of it as parquet's footers, indexes and page headers need. Pure.

A struct is read into its fields, each of which is where its value lies: what is not looked at is not decoded, and can be
copied as it is.

Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from hfsvc.trajectories.files.pages.base import MalformedPages

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
# Parquet nests its structs less than ten deep.
_MAX_DEPTH: Final = 32
_MAX_VARINT_BYTES: Final = 10
_LONG_SIZE: Final = 15


class Field(NamedTuple):
    """Where a field's value lies.

    Attributes:
        kind: Its type, such as `I32`.
        start: The first byte of the value.
        stop: The byte after its last.
    """

    kind: int
    start: int
    stop: int


Fields = dict[int, Field]
EncodedField = tuple[int, int, bytes]
"""Number, kind, and the value as it is written."""


@contextmanager
def parsing(what: str) -> Iterator[None]:
    """Say of which thing it is that its bytes are no thrift.

    Args:
        what: Such as "its footer".

    Raises:
        MalformedPages: They end too early, or are something else.
    """
    try:
        yield
    except IndexError:
        raise MalformedPages(f"{what} is cut") from None
    except MalformedPages as error:
        raise MalformedPages(f"{what} is damaged: {error}") from error


# ---- reading --------------------------------------------------------------------------------------------------------


def read_fields(data: bytes, at: int, depth: int = 0) -> tuple[Fields, int]:
    """The fields of the struct that begins at `at`, and the byte after its last.

    Raises:
        IndexError: It ends too early.
        MalformedPages: It is no struct.
    """
    if depth > _MAX_DEPTH:
        raise MalformedPages("its structs are nested too deep")
    fields: Fields = {}
    number = 0
    while header := data[at]:
        at += 1
        kind = header & 15
        if header >> 4:
            number += header >> 4
        else:
            number, at = _zigzag_at(data, at)
        stop = at if kind in {TRUE, FALSE} else _skip(data, at, kind, depth)
        fields[number] = Field(kind, at, stop)
        at = stop
    return fields, at + 1


def integer(data: bytes, fields: Fields, number: int, default: int | None = None) -> int:
    """The value of a field that holds a whole number.

    Raises:
        MalformedPages: There is none, and no default.
    """
    found = fields.get(number)
    if found is None or found.kind not in {I16, I32, I64}:
        if default is None:
            raise MalformedPages(f"it lacks the field {number}")
        return default
    return _zigzag_at(data, found.start)[0]


def text(data: bytes, fields: Fields, number: int) -> bytes:
    """The value of a field that holds text."""
    found = _field(fields, number, BINARY)
    return data[_varint_at(data, found.start)[1] : found.stop]


def struct_in(data: bytes, fields: Fields, number: int) -> Fields:
    """The fields of a field that is a struct."""
    return read_fields(data, _field(fields, number, STRUCT).start)[0]


def elements(data: bytes, fields: Fields, number: int, kind: int) -> Iterator[int]:
    """Where each element of a field begins that is a list of this kind."""
    at = _field(fields, number, LIST).start
    size, of, at = _list_head(data, at)
    if size and of != kind:
        raise MalformedPages(f"the field {number} is a list of something else")
    for _ in range(size):
        yield at
        at = _skip(data, at, kind, 0)


def texts(data: bytes, fields: Fields, number: int) -> list[bytes]:
    """The values of a field that is a list of texts."""
    found = []
    for at in elements(data, fields, number, BINARY):
        size, begin = _varint_at(data, at)
        found.append(data[begin : begin + size])
    return found


def _field(fields: Fields, number: int, kind: int) -> Field:
    found = fields.get(number)
    if found is None or found.kind != kind:
        raise MalformedPages(f"it lacks the field {number}")
    return found


def _skip(data: bytes, at: int, kind: int, depth: int) -> int:
    """The byte after a value."""
    if kind in {I16, I32, I64}:
        return _varint_at(data, at)[1]
    if kind == BINARY:
        size, at = _varint_at(data, at)
        return _within(data, at + size)
    if kind == STRUCT:
        return read_fields(data, at, depth + 1)[1]
    if kind in {LIST, SET}:
        size, of, at = _list_head(data, at)
        return _skip_all(data, at, [of], size, depth)
    if kind == MAP:
        size, at = _varint_at(data, at)
        return _skip_all(data, at + 1, [data[at] >> 4, data[at] & 15], size, depth) if size else at
    # In a list a boolean takes a byte.
    widths = {TRUE: 1, FALSE: 1, BYTE: 1, DOUBLE: 8}
    if kind not in widths:
        raise MalformedPages(f"there is no type {kind}")
    return _within(data, at + widths[kind])


def _skip_all(data: bytes, at: int, kinds: Sequence[int], count: int, depth: int) -> int:
    # Every value takes a byte at least, so a count that lies ends with the data.
    if depth > _MAX_DEPTH:
        raise MalformedPages("its lists are nested too deep")
    for _ in range(count):
        for kind in kinds:
            at = _skip(data, at, kind, depth + 1)
    return at


def _list_head(data: bytes, at: int) -> tuple[int, int, int]:
    """How many elements, of which kind, and where the first one begins."""
    size, kind = data[at] >> 4, data[at] & 15
    at += 1
    if size == _LONG_SIZE:
        size, at = _varint_at(data, at)
    return size, kind, at


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for position in range(at, at + _MAX_VARINT_BYTES):
        byte = data[position]
        value |= (byte & 127) << shift
        if byte < 128 and value >> 64 == 0:
            return value, position + 1
        shift += 7
    raise MalformedPages("a number has no end")


def _zigzag_at(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint_at(data, at)
    return (value >> 1) ^ -(value & 1), at


def _within(data: bytes, at: int) -> int:
    if at > len(data):
        raise IndexError(at)
    return at


# ---- writing --------------------------------------------------------------------------------------------------------


def encode_fields(fields: Iterable[EncodedField]) -> bytes:
    """A struct of these fields, in rising order of their numbers."""
    written = bytearray()
    last = 0
    for number, kind, value in fields:
        delta = number - last
        written += bytes([delta << 4 | kind]) if 0 < delta <= 15 else bytes([kind]) + encode_integer(number)
        written += value
        last = number
    return bytes(written) + b"\0"


def encode_integer(value: int) -> bytes:
    """A whole number of 16, 32 or 64 bits."""
    return _varint((value << 1) ^ (value >> 63))


def encode_list(kind: int, values: Sequence[bytes]) -> bytes:
    """A list of values of one kind, as they are written."""
    size = len(values)
    head = bytes([size << 4 | kind]) if size < _LONG_SIZE else bytes([_LONG_SIZE << 4 | kind]) + _varint(size)
    return head + b"".join(values)


def copied(data: bytes, fields: Fields, numbers: Iterable[int]) -> list[EncodedField]:
    """Those of the numbered fields that there are, as they are written."""
    found = [(number, fields[number]) for number in numbers if number in fields]
    return [(number, field.kind, data[field.start : field.stop]) for number, field in found]


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)
