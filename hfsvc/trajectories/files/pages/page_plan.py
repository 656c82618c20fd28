"""Which pages of a row group hold some of its rows, by its offset indexes, and what they cost. Pure."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from hfsvc.trajectories.files.pages.base import MalformedPages, Range, joined
from hfsvc.trajectories.files.pages.compact_thrift import STRUCT, elements, integer, parsing, read_fields
from hfsvc.trajectories.files.pages.footer import ColumnChunk, FooterGroup, ParquetFooter

COSTLY_BYTES: Final = 64 << 20
"""Who asks for a row that costs more than this is told first."""


class Page(NamedTuple):
    """A data page, with its header; or all those of a chunk, where no index tells them apart.

    Attributes:
        start: Its first byte in the file.
        stop: The byte after its last.
        first: The first of its rows in the row group.
        last: The row after its last.
    """

    start: int
    stop: int
    first: int
    last: int


class LeafPages(NamedTuple):
    """What is read of a leaf.

    Attributes:
        chunk: Its column chunk.
        dictionary: Where its dictionary page lies; empty where there is none.
        pages: In order.
        whole: Whether all of the chunk is read, as one page.
    """

    chunk: ColumnChunk
    dictionary: Range
    pages: tuple[Page, ...]
    whole: bool

    @property
    def rows(self) -> tuple[Range, ...]:
        """The rows that its pages hold, in as few stretches."""
        return tuple(joined([(page.first, page.last) for page in self.pages]))

    @property
    def ranges(self) -> list[Range]:
        """Where its bytes lie."""
        return joined([self.dictionary, *((page.start, page.stop) for page in self.pages)])

    @property
    def decoded_bytes(self) -> float:
        """As `PagePlan.decoded_bytes`."""
        return byte_count(self.ranges) * self.chunk.size / max(1, self.chunk.stop - self.chunk.start)


class PagePlan(NamedTuple):
    """What is read for some rows of a row group.

    Attributes:
        leaves: By number of the leaf, in the order in which they were asked for.
        runs: The rows, in rising order: each run's first one in the group, and the one after its last.
    """

    leaves: Mapping[int, LeafPages]
    runs: tuple[Range, ...]

    @property
    def ranges(self) -> list[Range]:
        """The bytes of the file that are read."""
        return joined([each for leaf in self.leaves.values() for each in leaf.ranges])

    @property
    def bytes(self) -> int:
        """How many those are."""
        return byte_count(self.ranges)

    @property
    def decoded_bytes(self) -> float:
        """About how many bytes those are when decompressed, going by the footer."""
        return sum(leaf.decoded_bytes for leaf in self.leaves.values())


def chunk_ranges(footer: ParquetFooter, group: int, columns: Sequence[str] | None) -> list[Range]:
    """Where the column chunks of some columns lie in a row group: what a row costs where there are no pages to choose from.

    Raises:
        MalformedPages: The footer is damaged.
    """
    chunks = footer.group(group).chunks
    return joined([(chunks[leaf].start, chunks[leaf].stop) for leaf in footer.leaves_of(columns)])


def byte_count(ranges: Sequence[Range]) -> int:
    """How many bytes ranges hold that do not overlap."""
    return sum(stop - start for start, stop in ranges)


def index_ranges(group: FooterGroup, leaves: Sequence[int]) -> list[Range]:
    """Where the offset indexes of some leaves lie; those that have none are left out."""
    found = (group.chunks[leaf].offset_index for leaf in leaves)
    return [each for each in found if each]


def plan_pages(
    group: FooterGroup, leaves: Sequence[int], indexes: Mapping[int, Sequence[Page]], runs: Sequence[Range]
) -> PagePlan:
    """The pages that hold some rows.

    Args:
        group: The row group.
        leaves: What to read of it.
        indexes: The pages of those leaves that have an index, see `read_offset_index`.
        runs: As `PagePlan.runs`.

    Raises:
        MalformedPages: The group has less rows.
    """
    if runs and runs[-1][1] > group.rows:
        raise MalformedPages(f"a row group has {group.rows} rows, and no row {runs[-1][1] - 1}")
    planned = {leaf: _leaf_pages(group, group.chunks[leaf], indexes.get(leaf, ()), runs) for leaf in leaves}
    return PagePlan(planned, tuple(runs))


def read_offset_index(data: bytes, chunk: ColumnChunk, rows: int) -> list[Page]:
    """All pages of a chunk, by its offset index. None where its pages are not all of the chunk: then it is of no use.

    Args:
        data: The index.
        chunk: Whose it is.
        rows: How many the row group has.

    Raises:
        MalformedPages: It is damaged, or speaks of bytes and rows that cannot be the chunk's.
    """
    with parsing("an offset index"):
        fields, _ = read_fields(data, 0)
        found = [_location(data, at) for at in elements(data, fields, 1, STRUCT)]
        firsts = [first for _, _, first in found]
        if firsts and (firsts[0] != 0 or any(one > other for one, other in pairwise([*firsts, rows]))):
            raise MalformedPages("its pages are not in the order of their rows")
        ends = [*firsts[1:], rows]
        pages = [Page(start, stop, first, end) for (start, stop, first), end in zip(found, ends, strict=False)]
        _check_bytes(pages, chunk)
    return pages if _is_whole(pages, chunk) else []


def _location(data: bytes, at: int) -> tuple[int, int, int]:
    """A page's first byte, the one after its last, and its first row."""
    fields, _ = read_fields(data, at)
    start = integer(data, fields, 1)
    return start, start + integer(data, fields, 2), integer(data, fields, 3)


def _check_bytes(pages: Sequence[Page], chunk: ColumnChunk) -> None:
    at = chunk.start
    for page in pages:
        if not at <= page.start < page.stop <= chunk.stop:
            raise MalformedPages(f"the page at {page.start} does not lie after the one before it, within its column")
        at = page.stop


def _is_whole(pages: Sequence[Page], chunk: ColumnChunk) -> bool:
    """Whether there is nothing between pages and after them: bytes that it does not speak of may hold rows."""
    ends = [page.start for page in pages[1:]] + [chunk.stop]
    return bool(pages) and all(page.stop == end for page, end in zip(pages, ends, strict=True))


def _leaf_pages(group: FooterGroup, chunk: ColumnChunk, pages: Sequence[Page], runs: Sequence[Range]) -> LeafPages:
    if not pages:
        whole = Page(chunk.first_page, chunk.stop, 0, group.rows)
        return LeafPages(chunk, (chunk.start, chunk.first_page), (whole,), whole=True)
    held = [page for run in runs for page in _holding(pages, run)]
    return LeafPages(chunk, (chunk.start, pages[0].start), tuple(dict.fromkeys(held)), whole=False)


def _holding(pages: Sequence[Page], run: Range) -> Sequence[Page]:
    first, last = run
    begin = bisect_right(pages, first, key=lambda page: page.last)
    end = bisect_right(pages, last - 1, key=lambda page: page.first)
    return [page for page in pages[begin:end] if page.first < page.last]
