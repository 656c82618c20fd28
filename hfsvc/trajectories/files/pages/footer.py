"""The footer of a parquet file, as far as reading it by pages needs it: leaves, row groups, where column chunks lie. Pure.

Everything in it is checked against the size of the file before it is told.

Source: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from hfsvc.trajectories.files.pages.base import MalformedPages, Range, ReadRanges, read_checked
from hfsvc.trajectories.files.pages.compact_thrift import (
    STRUCT,
    EncodedField,
    Fields,
    copied,
    elements,
    integer,
    parsing,
    read_fields,
    struct_in,
    text,
)

MAGIC: Final = b"PAR1"
TAIL_BYTES: Final = 8
"""What a file ends with: the length of the footer in four bytes, little-endian, and `MAGIC`."""
_REPEATED: Final = 2


class Leaf(NamedTuple):
    """A column as it is stored: a value that holds no others.

    Attributes:
        path: The names on the way to it, from the top.
        root: Which of the top-level columns it belongs to, from 0.
        repeated: Whether a row may hold several of its values, or none.
    """

    path: tuple[str, ...]
    root: int
    repeated: bool


class ColumnChunk(NamedTuple):
    """A leaf's values in one row group.

    Attributes:
        kind: What of its metadata is the same in any file: type, encodings, path, codec.
        start: Its first byte: that of its dictionary where there is one.
        stop: The byte after its last.
        values: How many, with nulls and empty lists.
        size: Bytes when decompressed, with the headers of pages.
        first_page: Where its first data page may begin.
        offset_index: Where its offset index lies; None where there is none.
    """

    kind: tuple[EncodedField, ...]
    start: int
    stop: int
    values: int
    size: int
    first_page: int
    offset_index: Range | None


class FooterGroup(NamedTuple):
    """A row group, as the footer has it.

    Attributes:
        rows: How many.
        chunks: One for each leaf.
    """

    rows: int
    chunks: tuple[ColumnChunk, ...]


class ParquetFooter:
    """The footer of a file. Row groups are looked at when they are asked for: a footer may hold thousands.

    Args:
        data: Without the eight bytes that follow it.
        size: Of the whole file.

    Raises:
        MalformedPages: It is damaged, cut, or no footer.
    """

    def __init__(self, data: bytes, size: int) -> None:
        self.data = data
        self.stop = size - TAIL_BYTES - len(data)
        """Where the footer begins: all else lies before."""
        with parsing("its footer"):
            self.fields, _ = read_fields(data, 0)
            self._groups = [*elements(data, self.fields, 4, STRUCT)]

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """The leaves of its schema, in order."""
        with parsing("its schema"):
            schema = [_element(self.data, at) for at in elements(self.data, self.fields, 2, STRUCT)]
            return tuple(_leaves(schema))

    def leaves_of(self, columns: Sequence[str] | None) -> list[int]:
        """The leaves that make up columns, as pyarrow understands their names.

        Args:
            columns: Whole columns, or dotted paths down to any field; None for all.
        """
        if columns is None:
            return [*range(len(self.leaves))]
        by_name: dict[str, list[int]] = {}
        for number, leaf in enumerate(self.leaves):
            for length in range(1, len(leaf.path) + 1):
                by_name.setdefault(".".join(leaf.path[:length]), []).append(number)
        return [*dict.fromkeys(leaf for name in columns for leaf in by_name.get(name, ()))]

    @property
    def group_count(self) -> int:
        """How many row groups there are."""
        return len(self._groups)

    def group(self, number: int) -> FooterGroup:
        """A row group, by its number from 0."""
        data = self.data
        with parsing(f"what its footer says of row group {number}"):
            fields, _ = read_fields(data, self._groups[number])
            rows = integer(data, fields, 3)
            chunks = tuple(self._chunk(read_fields(data, at)[0]) for at in elements(data, fields, 1, STRUCT))
            if rows < 0 or len(chunks) != len(self.leaves):
                raise MalformedPages("it has not as many columns as the schema")
        return FooterGroup(rows, chunks)

    def _chunk(self, fields: Fields) -> ColumnChunk:
        data = self.data
        if 1 in fields:
            raise MalformedPages("a column lies in another file")
        if 8 in fields or 9 in fields:
            raise MalformedPages("a column is encrypted")
        metadata = struct_in(data, fields, 3)
        first_page, dictionary = integer(data, metadata, 9), integer(data, metadata, 11, 0)
        start = dictionary if 0 < dictionary < first_page else first_page
        start, stop = self._range(start, integer(data, metadata, 7))
        values, size = integer(data, metadata, 5), integer(data, metadata, 6)
        if values < 0 or size < 0 or first_page > stop:
            raise MalformedPages("a column has less than nothing")
        kind = tuple(copied(data, metadata, (1, 2, 3, 4)))
        return ColumnChunk(kind, start, stop, values, size, first_page, self._index(fields))

    def _index(self, fields: Fields) -> Range | None:
        offset, length = integer(self.data, fields, 4, 0), integer(self.data, fields, 5, 0)
        return self._range(offset, length) if offset and length else None

    def _range(self, start: int, length: int) -> Range:
        if length < 0 or not len(MAGIC) <= start <= start + length <= self.stop:
            raise MalformedPages(f"{length} bytes from {start} on are not all before the footer")
        return start, start + length


def read_footer(read_ranges: ReadRanges, size: int) -> ParquetFooter:
    """The footer of a file, which is its end.

    Args:
        read_ranges: Reads the file.
        size: Of the file.

    Raises:
        MalformedPages: It is no parquet file, is cut, or encrypted.
    """
    if size < len(MAGIC) + TAIL_BYTES:
        raise MalformedPages("it is too short for a parquet file")
    (tail,) = read_checked(read_ranges, [(size - TAIL_BYTES, size)])
    stop = size - TAIL_BYTES
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or length > stop - len(MAGIC):
        raise MalformedPages("it does not end as a parquet file does")
    (data,) = read_checked(read_ranges, [(stop - length, stop)])
    return ParquetFooter(data, size)


class _Element(NamedTuple):
    """An entry of the schema."""

    name: str
    children: int
    repeated: bool


def _element(data: bytes, at: int) -> _Element:
    fields, _ = read_fields(data, at)
    try:
        name = text(data, fields, 4).decode()
    except UnicodeDecodeError:
        # pyarrow raises the same, which is no error of Arrow's.
        raise MalformedPages("the name of a column is no UTF-8") from None
    return _Element(name, integer(data, fields, 5, 0), integer(data, fields, 3, 0) == _REPEATED)


def _leaves(schema: Sequence[_Element]) -> Iterator[Leaf]:
    """The leaves of a schema whose tree is written down from its root, each node before its children."""
    if not schema:
        raise MalformedPages("it is empty")
    # What is still to come below each node on the way down.
    missing = [schema[0].children]
    way: list[_Element] = []
    root = -1
    for element in schema[1:]:
        while missing and not missing[-1]:
            missing.pop()
            way = way[: len(missing) - 1]
        if not missing:
            raise MalformedPages("it has more fields than it says")
        missing[-1] -= 1
        root += not way
        if element.children:
            way.append(element)
            missing.append(element.children)
        else:
            nodes = [*way, element]
            yield Leaf(tuple(node.name for node in nodes), root, any(node.repeated for node in nodes))
    if any(missing):
        raise MalformedPages("it has less fields than it says")
