"""Few rows of a row group by its pages, where that is cheaper than going through it, a few megabytes at a time.

What reads blocks: call it from a worker thread.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa

from hfsvc.trajectories.files.base import small_pieces
from hfsvc.trajectories.files.pages.base import Range, ReadRanges
from hfsvc.trajectories.files.pages.footer import FooterGroup, ParquetFooter
from hfsvc.trajectories.files.pages.page_plan import Page, PagePlan, byte_count, chunk_ranges, plan_pages
from hfsvc.trajectories.files.pages.paged_rows import assemble, read_indexes

_SMALL_GROUP_BYTES: Final = 4 << 20
_FEW_OF: Final = 8
_WINDOW_BYTES: Final = 32 << 20
_WINDOW_ROWS: Final = 256


def is_worth_picking(rows: int, of: int, size: int) -> bool:
    """Whether it is worth a look which pages hold some rows of a row group. Pure.

    Args:
        rows: How many rows are wanted.
        of: How many the group has.
        size: Bytes of the group when decoded.
    """
    return rows * _FEW_OF <= of and size > _SMALL_GROUP_BYTES


def is_cheap(plan: PagePlan, whole: int) -> bool:
    """Whether reading by pages spares most of a group, and holds no large column in memory that has no index. Pure.

    Args:
        plan: What is read.
        whole: Bytes of all pages of its columns.
    """
    unindexed = sum(leaf.chunk.size for leaf in plan.leaves.values() if leaf.whole)
    return plan.bytes * 2 <= whole and unindexed <= _WINDOW_BYTES


def few_rows(
    footer: ParquetFooter, number: int, columns: Sequence[str], runs: Sequence[Range], read_ranges: ReadRanges
) -> Iterator[tuple[int, pa.RecordBatch]] | None:
    """Some rows of a row group, and no others; None where going through the group is as cheap.

    Args:
        footer: Of the file.
        number: Of the row group, from 0.
        columns: As `ParquetFooter.leaves_of`.
        runs: As `PagePlan.runs`.
        read_ranges: Reads the file.

    Returns:
        Batches, each with the number of its first row in the group.

    Raises:
        MalformedPages: The footer, an index or a page is damaged.
    """
    group = footer.group(number)
    leaves = footer.leaves_of(columns)
    indexes = read_indexes(group, leaves, read_ranges)
    plan = plan_pages(group, leaves, indexes, runs)
    if not is_cheap(plan, byte_count(chunk_ranges(footer, number, columns))):
        return None
    windows = _windows(group, plan, indexes)
    return (found for each in windows for found in _by_run(assemble(footer, group, each, read_ranges), each.runs))


def _windows(group: FooterGroup, plan: PagePlan, indexes: dict[int, list[Page]]) -> Iterator[PagePlan]:
    """The plan in as many parts as memory asks for."""
    rows = sum(stop - start for start, stop in plan.runs)
    if rows == 1 or (rows <= _WINDOW_ROWS and plan.decoded_bytes <= _WINDOW_BYTES):
        yield plan
        return
    for half in _halves(plan.runs, rows // 2):
        yield from _windows(group, plan_pages(group, [*plan.leaves], indexes, half), indexes)


def _halves(runs: Sequence[Range], rows: int) -> tuple[list[Range], list[Range]]:
    """The first so many rows of some runs, and the others."""
    left: list[Range] = []
    right: list[Range] = []
    for start, stop in runs:
        cut = min(stop, start + rows)
        rows -= cut - start
        left += [(start, cut)] if start < cut else []
        right += [(cut, stop)] if cut < stop else []
    return left, right


def _by_run(batch: pa.RecordBatch, runs: Sequence[Range]) -> Iterator[tuple[int, pa.RecordBatch]]:
    at = 0
    for start, stop in runs:
        for piece in small_pieces(batch.slice(at, stop - start)):
            yield start, piece
            start += piece.num_rows
            at += piece.num_rows
