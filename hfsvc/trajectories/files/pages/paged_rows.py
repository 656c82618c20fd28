"""A reader of few rows of a parquet file by its pages. Everything here blocks: call it from a worker thread.

`plan_rows` says which bytes hold some rows, `assemble` makes record batches of those bytes; `PagedRows` does both with
whatever reads ranges: a file on disk, or a server that answers to them.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from hfsvc.trajectories.files.pages.base import MalformedPages, Range, ReadRanges, read_checked
from hfsvc.trajectories.files.pages.footer import FooterGroup, Leaf, ParquetFooter
from hfsvc.trajectories.files.pages.joined_leaves import LeafArray, join_leaves
from hfsvc.trajectories.files.pages.page_plan import (
    Page,
    PagePlan,
    index_ranges,
    plan_pages,
    read_offset_index,
)
from hfsvc.trajectories.files.pages.small_parquet import LeafContent, WrittenLeaf, check_leaf, small_file

_DECODED_BYTES: Final = 4 << 20
_MAX_DECODED_ROWS: Final = 4096
_Written = dict[int, tuple[LeafContent, WrittenLeaf]]


def plan_rows(
    footer: ParquetFooter,
    group: FooterGroup,
    columns: Sequence[str] | None,
    runs: Sequence[Range],
    read_ranges: ReadRanges,
) -> PagePlan:
    """What is to be read for some rows of a row group. Only its offset indexes are read for it.

    Args:
        footer: Of the file.
        group: The row group.
        columns: As `ParquetFooter.leaves_of`.
        runs: As `PagePlan.runs`.
        read_ranges: Reads the file.

    Raises:
        MalformedPages: The footer or an index is damaged, or the group has less rows.
    """
    leaves = footer.leaves_of(columns)
    return plan_pages(group, leaves, read_indexes(group, leaves, read_ranges), runs)


def read_indexes(group: FooterGroup, leaves: Sequence[int], read_ranges: ReadRanges) -> dict[int, list[Page]]:
    """The pages of those leaves that have an offset index.

    Raises:
        MalformedPages: An index is damaged.
    """
    indexed = [leaf for leaf in leaves if group.chunks[leaf].offset_index]
    contents = read_checked(read_ranges, index_ranges(group, indexed))
    return {
        leaf: read_offset_index(content, group.chunks[leaf], group.rows)
        for leaf, content in zip(indexed, contents, strict=True)
    }


def assemble(footer: ParquetFooter, group: FooterGroup, plan: PagePlan, read_ranges: ReadRanges) -> pa.RecordBatch:
    """The planned rows, as pyarrow reads them from the file itself. Checksums of pages are verified.

    Args:
        footer: Of the file.
        group: The row group.
        plan: Which rows, and where they lie.
        read_ranges: Reads the file.

    Raises:
        MalformedPages: Pages are not what the footer and the indexes say.
        pa.ArrowException, OSError: They cannot be decoded, or a checksum is wrong.
    """
    contents = _read(plan, read_ranges)
    parts: dict[int, list[tuple[pa.Field, LeafArray]]] = defaultdict(list)
    schema = pa.schema([])
    for leaves in _of_same_rows(plan).values():
        written = {leaf: (contents[leaf], _checked(footer, plan, leaf, contents[leaf])) for leaf in leaves}
        schema, batch = _decoded(footer, group, written, plan.leaves[leaves[0]].rows, plan.runs)
        for column, (root, held) in enumerate(_by_root(footer.leaves, leaves).items()):
            parts[root].append((batch.schema.field(column), LeafArray(batch.column(column), held)))
    return _joined(schema, {root: parts[root] for root in _by_root(footer.leaves, plan.leaves)})


def _read(plan: PagePlan, read_ranges: ReadRanges) -> dict[int, LeafContent]:
    ranges = plan.ranges
    contents = dict(zip(ranges, read_checked(read_ranges, ranges), strict=True))
    starts = [start for start, _ in ranges]

    def cut(start: int, stop: int) -> bytes:
        if start == stop:
            return b""
        found = ranges[bisect_right(starts, start) - 1]
        return contents[found][start - found[0] : stop - found[0]]

    return {
        leaf: LeafContent(cut(*each.dictionary), [cut(page.start, page.stop) for page in each.pages])
        for leaf, each in plan.leaves.items()
    }


def _of_same_rows(plan: PagePlan) -> dict[tuple[Range, ...], list[int]]:
    """The leaves, by the rows that their pages hold: those of the same rows fit into one file."""
    found: dict[tuple[Range, ...], list[int]] = {}
    for leaf, pages in plan.leaves.items():
        found.setdefault(pages.rows, []).append(leaf)
    return found


def _checked(footer: ParquetFooter, plan: PagePlan, leaf: int, content: LeafContent) -> WrittenLeaf:
    return check_leaf(plan.leaves[leaf], content, repeated=footer.leaves[leaf].repeated)


def _decoded(
    footer: ParquetFooter, group: FooterGroup, leaves: _Written, stretches: Sequence[Range], runs: Sequence[Range]
) -> tuple[pa.Schema, pa.RecordBatch]:
    """The schema of the whole file, and the rows of the runs with these leaves."""
    rows = sum(last - first for first, last in stretches)
    # One row more than there should be: so pages that hold more than their index says are found out.
    content = small_file(footer, group, leaves, rows + 1)
    size = decoded_rows(leaves)
    wanted = [*_places(stretches, runs)]
    taken = []
    at = 0
    with pq.ParquetFile(pa.BufferReader(content), pre_buffer=False, page_checksum_verification=True) as file:
        for batch in file.reader.iter_batches(size, [0], [*leaves], use_threads=False):
            end = at + batch.num_rows
            cuts = ((max(first, at), min(last, end)) for first, last in wanted)
            taken += [batch.slice(first - at, last - first) for first, last in cuts if first < last]
            at = end
        if at != rows:
            raise MalformedPages(f"pages hold {at} rows, their index says {rows}")
        return file.schema_arrow, _copied(taken)


def decoded_rows(leaves: Mapping[int, tuple[LeafContent, WrittenLeaf]]) -> int:
    """Rows to decode at once, so that they hold a few megabytes however often a value of a dictionary repeats. Pure."""
    row = sum(written.largest_row for _, written in leaves.values())
    return max(1, min(_MAX_DECODED_ROWS, int(_DECODED_BYTES / max(1.0, row))))


def _places(stretches: Sequence[Range], runs: Sequence[Range]) -> Iterator[Range]:
    """Where runs of rows lie in a file that holds nothing but some stretches of rows."""
    before = [0, *accumulate(last - first for first, last in stretches)]
    starts = [first for first, _ in stretches]
    for first, last in runs:
        number = bisect_right(starts, first) - 1
        shift = before[number] - starts[number]
        yield first + shift, last + shift


def _copied(slices: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """The rows of all slices, without those beside them: a slice has offsets into what it was cut from."""
    columns = [pa.concat_arrays(columns) for columns in zip(*(each.columns for each in slices), strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=slices[0].schema)


def _joined(schema: pa.Schema, parts: Mapping[int, Sequence[tuple[pa.Field, LeafArray]]]) -> pa.RecordBatch:
    """The columns of which there are parts, in their order."""
    found: list[pa.Array] = []
    fields: list[pa.Field] = []
    for root, each in parts.items():
        found.append(join_leaves(schema.field(root).type, [array for _, array in each]))
        fields.append(each[0][0].with_type(found[-1].type))
    return pa.RecordBatch.from_arrays(found, schema=pa.schema(fields, schema.metadata))


def _by_root(leaves: Sequence[Leaf], numbers: Iterable[int]) -> dict[int, frozenset[int]]:
    """The top-level columns of some leaves, in order: which of a column's leaves are among them."""
    firsts: dict[int, int] = {}
    for number, leaf in enumerate(leaves):
        firsts.setdefault(leaf.root, number)
    found: dict[int, set[int]] = {}
    for number in numbers:
        root = leaves[number].root
        found.setdefault(root, set()).add(number - firsts[root])
    return {root: frozenset(held) for root, held in found.items()}
