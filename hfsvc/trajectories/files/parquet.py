"""Parquet files as record batches, in bounded memory. Everything here blocks: call it from a worker thread."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import pyarrow as pa
import pyarrow.parquet as pq

from hfsvc.errors import NotDownloaded
from hfsvc.trajectories.files.base import MAX_BATCH_ROWS, RowGroup, bad_parquet, small_pieces
from hfsvc.trajectories.files.dataset_files import OpenedFile
from hfsvc.trajectories.files.pages.base import MalformedPages, Range, ReadRanges
from hfsvc.trajectories.files.pages.few_rows import few_rows, is_worth_picking
from hfsvc.trajectories.files.pages.footer import ParquetFooter, read_footer

logger = logging.getLogger(__name__)
# Larger batches are no quicker, and Arrow keeps several times the size of one.
USUAL_BYTES = 1 << 20
BUFFER_BYTES = 1 << 20


class ParquetRowFile:
    """An open parquet file. Row groups before the start are not read.

    Args:
        parquet: The file.
        name: Of it, to tell what is wrong with its index of pages.
        size: Its bytes.
        read_ranges: Reads what pyarrow does not read of it: single pages.
    """

    def __init__(self, parquet: pq.ParquetFile, name: str, size: int, read_ranges: ReadRanges) -> None:
        self._parquet = parquet
        self._name = name
        self._size = size
        self._read_ranges = read_ranges
        self.schema: pa.Schema = parquet.schema_arrow
        self.rows: int = parquet.metadata.num_rows

    @property
    def leaves(self) -> list[str]:
        return [self._parquet.schema.column(index).path for index in range(len(self._parquet.schema))]

    @property
    def groups(self) -> tuple[RowGroup, ...]:
        return tuple(row_groups(self._parquet))

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        return iter_batches(self._parquet, columns, start)

    def few(self, columns: list[str], runs: Sequence[Range]) -> Iterator[tuple[int, pa.RecordBatch]] | None:
        """As `RowPicker.few`; None as well where an index is damaged, for no rows are lost with it."""
        groups, first = groups_from(self._parquet, runs[0][0])
        group = self._parquet.metadata.row_group(groups[0])
        rows = sum(stop - start for start, stop in runs)
        if not is_worth_picking(rows, group.num_rows, group.total_byte_size):
            return None
        in_group = [(start - first, stop - first) for start, stop in runs]
        try:
            found = few_rows(self._footer, groups[0], columns, in_group, self._read_ranges)
        except MalformedPages as error:
            logger.warning("%s: its rows are not read by page: %s", self._name, error)
            return None
        return found and ((first + row, batch) for row, batch in found)

    @cached_property
    def _footer(self) -> ParquetFooter:
        return read_footer(self._read_ranges, self._size)


@contextmanager
def open_parquet(opened: OpenedFile, file: str, repo: str) -> Iterator[pq.ParquetFile]:
    """A parquet file of a dataset.

    ``pre_buffer=False`` and a small buffer keep memory at the size of a batch for any layout of row groups, where the
    defaults hold whole column chunks. Files here were verified; of others the checksums of pages are, where there are any.

    Raises:
        BadParquet: It is no parquet file, or is cut.
        NotDownloaded: It is gone.
    """
    try:
        with pq.ParquetFile(
            opened.seekable(),
            pre_buffer=False,
            buffer_size=BUFFER_BYTES,
            page_checksum_verification=opened.ranges is not None,
        ) as parquet:
            yield parquet
    except FileNotFoundError as error:
        raise NotDownloaded(repo=repo, missing=(file,)) from error
    except (pa.ArrowException, OSError) as error:
        raise bad_parquet(file, error, repo) from error


def batch_rows(parquet: pq.ParquetFile) -> int:
    """Rows to read at once, so that the widest row group yields about a megabyte at a time, going by the footer."""
    groups = (parquet.metadata.row_group(index) for index in range(parquet.num_row_groups))
    widest = max((group.total_byte_size / max(1, group.num_rows) for group in groups), default=1.0)
    return max(1, min(MAX_BATCH_ROWS, int(USUAL_BYTES / max(1.0, widest))))


def row_groups(parquet: pq.ParquetFile) -> Iterator[RowGroup]:
    """The row groups that hold rows."""
    first = 0
    for index in range(parquet.num_row_groups):
        group = parquet.metadata.row_group(index)
        if group.num_rows:
            yield RowGroup(first, first + group.num_rows, group.total_byte_size)
        first += group.num_rows


def groups_from(parquet: pq.ParquetFile, row: int) -> tuple[list[int], int]:
    """The row groups that hold `row` of the file and later ones, and the first row of the first of them."""
    first = 0
    for index in range(parquet.num_row_groups):
        rows = parquet.metadata.row_group(index).num_rows
        if row < first + rows:
            return list(range(index, parquet.num_row_groups)), first
        first += rows
    return [], first


def iter_batches(parquet: pq.ParquetFile, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Batches of a file from row `start` on, each with the number of its first row in the file.

    A batch holds at most `BATCH_BYTES`, or a single row. Row groups before `start` are not read.
    """
    groups, first = groups_from(parquet, start)
    yield from group_batches(parquet, groups, columns, first, start)


def group_batches(
    parquet: pq.ParquetFile, groups: list[int], columns: list[str], first: int, start: int
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The same of some row groups that follow each other, whose first row is `first`."""
    for batch in _decoded(parquet, groups, columns):
        skipped = min(max(0, start - first), batch.num_rows)
        for piece in small_pieces(batch.slice(skipped)):
            yield first + skipped, piece
            skipped += piece.num_rows
        first += batch.num_rows


def _decoded(parquet: pq.ParquetFile, groups: list[int], columns: list[str]) -> Iterator[pa.RecordBatch]:
    size = batch_rows(parquet)
    # Each group has a dictionary of its own, and Arrow joins two of them only where they are not inside of lists.
    apart = any(map(_nests_dictionary, parquet.schema_arrow.types))
    for part in [[group] for group in groups] if apart else [groups]:
        yield from parquet.iter_batches(batch_size=size, row_groups=part, columns=columns, use_threads=False)


def _nests_dictionary(kind: pa.DataType) -> bool:
    inner = [kind.field(index).type for index in range(kind.num_fields)]
    return any(pa.types.is_dictionary(each) or _nests_dictionary(each) for each in inner)
