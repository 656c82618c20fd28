"""The index behind lists, searches and look-ups: summaries of all rows, written to a sidecar once for each file.

Everything here blocks: call it from a worker thread.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby, islice

import pyarrow as pa

from hfsvc.models import TrajectorySummary, ValueCounts
from hfsvc.trajectories.data_file import DataFile, OpenFile
from hfsvc.trajectories.index.facets import Tally, among
from hfsvc.trajectories.index.query import one_space
from hfsvc.trajectories.index.row_cache import reblocked
from hfsvc.trajectories.index.sidecars import Sidecars, short_digest
from hfsvc.trajectories.index.summaries import SCHEMA, having, matching, summaries_of, summarise, summary_columns
from hfsvc.trajectories.layouts.base import Layout
from hfsvc.trajectories.selection import RowSelection

BLOCK_ROWS = 2048
ShareWork = Callable[
    [
        Sequence[DataFile],
        Callable[[DataFile], list[str]],
        Callable[[pa.RecordBatch, Layout], pa.RecordBatch],
        Callable[[DataFile, Iterable[tuple[int, pa.RecordBatch]]], None],
    ],
    None,
]
"""Shares the making of an index: given its files, the columns that it is made of, what makes it of a batch, and what takes the
batches of each file in turn."""

KEPT_ANSWERS = 4
KEPT_COUNTS = 32
KEPT_BLOCKS = 8


class SummaryIndex:
    """The summaries of a dataset's rows, in row order.

    Args:
        files: Its files.
        open_file: Opens one of them.
        sidecars: Where summaries are written down.
        variant: Stands for how rows are read, where they can be read in several ways.
        on_rows: Told, while summaries are made, how many rows are done of how many; in the thread that makes them.
        share: Makes those of all files that have none, where others share that work; None to make them file by file.
    """

    def __init__(
        self,
        files: Sequence[DataFile],
        open_file: OpenFile,
        sidecars: Sidecars,
        variant: str,
        on_rows: Callable[[int, int], None] = lambda _done, _total: None,
        share: "ShareWork | None" = None,
    ) -> None:
        self._share = share
        self._files = files
        self._open_file = open_file
        self._sidecars = sidecars
        self._on_rows = on_rows
        self._variant = short_digest(variant, *SCHEMA.names)
        # These may be asked by several threads at once.
        self._answer = lru_cache(KEPT_ANSWERS)(self._find)
        self._counts = lru_cache(KEPT_COUNTS)(self._count)
        self._block = lru_cache(KEPT_BLOCKS)(self._read_block)

    def rows_matching(self, query: str | None, selection: RowSelection | None = None) -> Sequence[int]:
        """Numbers of the rows that answer to a query, in order. The last few answers are kept.

        Args:
            query: Words, as `matching` takes them.
            selection: Of rows; None for all.
        """
        words = one_space(query or "")
        return self._answer(words, selection) if words or selection else range(self._files[-1].stop)

    def count_values(self, field: str, query: str | None, selection: RowSelection | None = None) -> ValueCounts:
        """How many of the rows that answer to a query have which value in a field. The last few answers are kept.

        Args:
            field: Of `SCHEMA`.
            query: As for `rows_matching`.
            selection: Of rows; None for all.
        """
        return self._counts(field, one_space(query or ""), selection)

    def _count(self, field: str, words: str, selection: RowSelection | None) -> ValueCounts:
        rows = self.rows_matching(words, selection)
        tally = Tally()
        for first, block in self.blocks(field):
            tally.add(among(block.column(field), first, rows))
        return tally.result()

    def _find(self, words: str, selection: RowSelection | None) -> Sequence[int]:
        rows = self._search(words) if words else range(self._files[-1].stop)
        return array("q", selection.among(rows)) if selection else rows

    def _search(self, query: str) -> Sequence[int]:
        found = array("q")
        for first, block in self.blocks():
            found.extend(first + row for row in matching(block, query))
        return found

    def rows_with(self, column: str, value: str) -> tuple[int, ...]:
        """Numbers of the rows that have this value in this column."""
        found: list[int] = []
        for first, block in self.blocks(column):
            found += (first + row for row in having(block, column, value))
        return tuple(found)

    def summaries(self, rows: Sequence[int]) -> list[TrajectorySummary]:
        """The summaries of these rows, which must be in order."""
        found: list[TrajectorySummary] = []
        for (number, index), wanted in groupby(rows, self._block_of):
            first = self._files[number].first + index * BLOCK_ROWS
            offsets = [row - first for row in wanted]
            block = self._block(number, index).take(pa.array(offsets))
            found += summaries_of(block, [first + offset for offset in offsets])
        return found

    def _block_of(self, row: int) -> tuple[int, int]:
        number = bisect_right(self._files, row, key=lambda each: each.first) - 1
        return number, (row - self._files[number].first) // BLOCK_ROWS

    def _read_block(self, number: int, index: int) -> pa.RecordBatch:
        return next(self._file_blocks(self._files[number], index))

    def blocks(self, *columns: str) -> Iterator[tuple[int, pa.RecordBatch]]:
        """The summaries of all rows, each batch with the number of its first row; these columns, or all."""
        for file in self._files:
            for index, block in enumerate(self._file_blocks(file, 0, *columns)):
                yield file.first + index * BLOCK_ROWS, block

    def _file_blocks(self, file: DataFile, begin: int, *columns: str) -> Iterator[pa.RecordBatch]:
        name = self._name(file)
        if not self._sidecars.has(name):
            self._make_missing(file)
        with self._sidecars.open(name, map(SCHEMA.get_field_index, columns or SCHEMA.names)) as stored:
            for block in map(stored.block, range(begin, stored.count)) if stored else ():
                yield block
                begin += 1
        if begin * BLOCK_ROWS < file.stop - file.first:
            yield from islice(self._made(file), begin, None)

    def _name(self, file: DataFile) -> str:
        return f"{file.content}.{self._variant}.summaries"

    def _make_missing(self, file: DataFile) -> None:
        share, self._share = self._share, None
        if share:
            missing = [each for each in self._files if not self._sidecars.has(self._name(each))]
            share(missing, columns_of_file, summarise, self._write)
        if not self._sidecars.has(self._name(file)):
            self._sidecars.write(self._name(file), SCHEMA, self._made(file))

    def _write(self, file: DataFile, batches: Iterable[tuple[int, pa.RecordBatch]]) -> None:
        self._sidecars.write(self._name(file), SCHEMA, reblocked(batches, BLOCK_ROWS))

    def _made(self, file: DataFile) -> Iterator[pa.RecordBatch]:
        with self._open_file(file) as rows:
            batches = self._told(file, rows.batches(columns_of_file(file), 0))
            yield from reblocked(((row, summarise(batch, file.layout)) for row, batch in batches), BLOCK_ROWS)

    def _told(
        self, file: DataFile, batches: Iterable[tuple[int, pa.RecordBatch]]
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        for row, batch in batches:
            yield row, batch
            self._on_rows(file.first + row + batch.num_rows, self._files[-1].stop)


def columns_of_file(file: DataFile) -> list[str]:
    """The columns that summaries of a file are made of."""
    return summary_columns(file.leaves, file.layout)
