"""Parquet files of some pages of another one, which pyarrow reads as it reads any. Pure.

The pages are copied as they are; only the footer is another one. Its schema, its metadata and who wrote it stay, so that
values become what they would become out of the file itself.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from hfsvc.trajectories.files.pages.base import MalformedPages
from hfsvc.trajectories.files.pages.compact_thrift import (
    I64,
    LIST,
    STRUCT,
    EncodedField,
    Fields,
    copied,
    encode_fields,
    encode_integer,
    encode_list,
    integer,
    parsing,
    read_fields,
    struct_in,
)
from hfsvc.trajectories.files.pages.footer import MAGIC, FooterGroup, ParquetFooter
from hfsvc.trajectories.files.pages.page_plan import LeafPages, Page

_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_DATA_HEADER, _DICTIONARY_HEADER, _DATA_V2_HEADER = 5, 7, 8
# Where no page is copied of a leaf, nothing is looked for.
_NOWHERE: Final = len(MAGIC)


class LeafContent(NamedTuple):
    """The bytes of what is read of a leaf.

    Attributes:
        dictionary: Of its dictionary page; empty where there is none.
        pages: Of `LeafPages.pages`.
    """

    dictionary: bytes
    pages: Sequence[bytes]


class PageHead(NamedTuple):
    """What is looked at of a page's header.

    Attributes:
        kind: Whether it holds data, of which version, or a dictionary.
        values: How many it holds, with nulls and empty lists.
        rows: How many, where it says so.
        size: Bytes of the page when decompressed, with the header.
    """

    kind: int
    values: int
    rows: int | None
    size: int


class WrittenLeaf(NamedTuple):
    """What a leaf's pages hold together.

    Attributes:
        values: How many, with nulls and empty lists.
        size: Bytes when decompressed, with the headers of pages.
        largest_row: About how many bytes a row has when decoded: each value as large as the mean one of the dictionary.
    """

    values: int
    size: int
    largest_row: float


def read_page_head(content: bytes) -> PageHead:
    """The header of a page.

    Args:
        content: The page, and nothing else.

    Raises:
        MalformedPages: It is no header, or that of a page of another size.
    """
    with parsing("the header of a page"):
        fields, begin = read_fields(content, 0)
        kind, size = integer(content, fields, 1), integer(content, fields, 2)
        if size < 0 or begin + integer(content, fields, 3) != len(content):
            raise MalformedPages("the page is of another size than its header says")
        values, rows = _counts(content, fields, kind)
        if values < 0:
            raise MalformedPages("a page has less than no values")
    return PageHead(kind, values, rows, begin + size)


def _counts(content: bytes, fields: Fields, kind: int) -> tuple[int, int | None]:
    if kind == _DATA_V2:
        head = struct_in(content, fields, _DATA_V2_HEADER)
        return integer(content, head, 1), integer(content, head, 3)
    if kind not in {_DATA, _DICTIONARY}:
        raise MalformedPages("the page holds neither data nor a dictionary")
    head = struct_in(content, fields, _DATA_HEADER if kind == _DATA else _DICTIONARY_HEADER)
    return integer(content, head, 1), None


def check_leaf(pages: LeafPages, content: LeafContent, *, repeated: bool) -> WrittenLeaf:
    """What a leaf's pages hold, going by their headers, where they say the same as its index and its chunk.

    Args:
        pages: What is read of the leaf.
        content: The bytes of that.
        repeated: As `Leaf.repeated`.

    Raises:
        MalformedPages: They say something else.
    """
    rows = sum(page.last - page.first for page in pages.pages)
    if pages.whole:
        return WrittenLeaf(pages.chunk.values, pages.chunk.size, pages.chunk.size / max(1, rows))
    dictionary = _dictionary_head(content.dictionary)
    heads = [read_page_head(each) for each in content.pages]
    for page, head in zip(pages.pages, heads, strict=True):
        _check_data(page, head, repeated=repeated)
    values = sum(head.values for head in heads)
    size = dictionary.size + sum(head.size for head in heads)
    if values > pages.chunk.values or size > pages.chunk.size:
        raise MalformedPages("the pages of a column hold more than all of the column")
    value = dictionary.size / max(1, dictionary.values)
    return WrittenLeaf(values, size, (size + values * value) / max(1, rows))


def _dictionary_head(content: bytes) -> PageHead:
    if not content:
        return PageHead(_DICTIONARY, 0, None, 0)
    head = read_page_head(content)
    if head.kind != _DICTIONARY:
        raise MalformedPages("there is something else where a dictionary should be")
    return head


def _check_data(page: Page, head: PageHead, *, repeated: bool) -> None:
    rows = head.rows if head.rows is not None or repeated else head.values
    if head.kind == _DICTIONARY:
        raise MalformedPages("there is a dictionary where data should be")
    if rows not in {None, page.last - page.first}:
        raise MalformedPages(f"the page at {page.start} has {rows} rows, its index says {page.last - page.first}")


def small_file(
    footer: ParquetFooter,
    group: FooterGroup,
    leaves: Mapping[int, tuple[LeafContent, WrittenLeaf]],
    rows: int,
) -> bytes:
    """A parquet file of one row group that holds these leaves; of all others there is nothing to read.

    Args:
        footer: Of the file that they come from.
        group: The row group that they come from.
        leaves: By number: all of the same rows.
        rows: How many.
    """
    body = bytearray(MAGIC)
    chunks = []
    for number, chunk in enumerate(group.chunks):
        found = leaves.get(number)
        if found is None:
            chunks.append(_chunk(chunk.kind, None, _NOWHERE, _NOWHERE, WrittenLeaf(0, 0, 0)))
            continue
        content, written = found
        start = len(body)
        body += content.dictionary
        first_page = len(body)
        for page in content.pages:
            body += page
        dictionary = start if first_page > start else None
        chunks.append(_chunk(chunk.kind, dictionary, first_page, len(body), written))
    written_footer = _footer(footer, chunks, rows)
    return b"".join([body, written_footer, len(written_footer).to_bytes(4, "little"), MAGIC])


def _chunk(
    kind: Sequence[EncodedField], dictionary: int | None, first_page: int, stop: int, written: WrittenLeaf
) -> bytes:
    start = first_page if dictionary is None else dictionary
    metadata = [
        *kind,
        (5, I64, encode_integer(written.values)),
        (6, I64, encode_integer(written.size)),
        (7, I64, encode_integer(stop - start)),
        (9, I64, encode_integer(first_page)),
        *([] if dictionary is None else [(11, I64, encode_integer(dictionary))]),
    ]
    return encode_fields([(2, I64, encode_integer(0)), (3, STRUCT, encode_fields(metadata))])


def _footer(footer: ParquetFooter, chunks: Sequence[bytes], rows: int) -> bytes:
    count = encode_integer(rows)
    group = encode_fields([(1, LIST, encode_list(STRUCT, chunks)), (2, I64, encode_integer(0)), (3, I64, count)])
    return encode_fields([
        *copied(footer.data, footer.fields, (1, 2)),
        (3, I64, count),
        (4, LIST, encode_list(STRUCT, [group])),
        *copied(footer.data, footer.fields, (5, 6, 7)),
    ])
