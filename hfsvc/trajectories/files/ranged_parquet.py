"""Parquet files whose bytes are fetched as rows are read: a row group's column chunks together, and the next group's beside.

Everything here blocks: call it from a worker thread.
"""

import logging
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from hfsvc.trajectories.files.dataset_files import REMOTE_LOGGER, Fetching, RangeAccess, Span
from hfsvc.trajectories.files.parquet import ParquetRowFile, group_batches, groups_from
from hfsvc.units import format_bytes

notes = logging.getLogger(REMOTE_LOGGER)
LARGE_GROUP_BYTES = 64 << 20


class RangedParquetRowFile(ParquetRowFile):
    """An open parquet file that is read by ranges.

    Args:
        parquet: The same one.
        name: Of the file, to tell what a large row group costs.
        size: Its bytes.
        ranges: Gives its bytes.
        will_read: Whether rows are read on to there, by the first one and the one after the last; None where only few are.
    """

    def __init__(
        self,
        parquet: pq.ParquetFile,
        name: str,
        size: int,
        ranges: RangeAccess,
        will_read: Callable[[int, int], bool] | None = None,
    ) -> None:
        super().__init__(parquet, name, size, ranges.read)
        self._ranges = ranges
        self._will_read = will_read or (lambda _first, _stop: False)

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        groups, first = groups_from(self._parquet, start)
        ahead: Fetching | None = None
        try:
            for group in groups:
                goes_on = group != groups[0]
                stop = first + self._parquet.metadata.row_group(group).num_rows
                coming, ahead = ahead, None
                for row, batch in self._group_rows(group, columns, first, start, coming):
                    if goes_on and ahead is None:
                        ahead = self._begin(group + 1, columns, stop)
                    yield row, batch
                    # Not before: who wants the first rows only is not to pay for the next group.
                    if ahead is None and row + batch.num_rows >= (first + stop) / 2:
                        ahead = self._begin(group + 1, columns, stop)
                first = stop
        finally:
            if ahead:
                ahead.close()

    def _group_rows(
        self, group: int, columns: list[str], first: int, start: int, coming: Fetching | None
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Rows of one row group, from `start` on: the one place where they are read, be it few or all of them.

        Args:
            group: Its number.
            columns: To read.
            first: The first row of the group.
            start: The row to begin at.
            coming: What fetches it already.
        """
        try:
            self._hold(group, columns)
        finally:
            if coming:
                coming.close()
        yield from group_batches(self._parquet, [group], columns, first, start)

    def _hold(self, group: int, columns: list[str]) -> None:
        spans = self._chunks(group, columns)
        total = _length(spans)
        if total > LARGE_GROUP_BYTES:
            said = "%s: row group %d holds %s of the columns that are read; they are fetched as far as rows are read"
            notes.warning(said, self._name, group, format_bytes(total))
        # What is larger comes in the pieces that Arrow asks for.
        self._ranges.hold(spans if self._has_room(total) else ())

    def _begin(self, group: int, columns: list[str], first: int) -> Fetching | None:
        if group >= self._parquet.num_row_groups:
            return None
        stop = first + self._parquet.metadata.row_group(group).num_rows
        spans = self._chunks(group, columns)
        wanted = self._has_room(_length(spans)) and self._will_read(first, stop)
        return self._ranges.begin(spans) if wanted else None

    def _has_room(self, total: int) -> bool:
        # One group is read while the next one comes.
        return total <= self._ranges.room // 2

    def _chunks(self, group: int, columns: Sequence[str]) -> list[Span]:
        """Where the chunks of columns lie, or of all that stands below their names."""
        stored = self._parquet.metadata.row_group(group)
        chunks = map(stored.column, range(stored.num_columns))
        wanted = tuple(f"{name}." for name in columns)
        return [_span_of(each) for each in chunks if f"{each.path_in_schema}.".startswith(wanted)]


def _span_of(chunk: pq.ColumnChunkMetaData) -> Span:
    first = chunk.dictionary_page_offset
    # Some writers say 0 where there is none.
    start = min(first, chunk.data_page_offset) if first else chunk.data_page_offset
    return start, start + chunk.total_compressed_size


def _length(spans: Sequence[Span]) -> int:
    return sum(stop - start for start, stop in spans)
