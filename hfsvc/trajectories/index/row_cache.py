"""A cache of row groups in small blocks, so that a single row is read without all that lies before it.

Arrow cannot begin inside a row group, and a group may hold all rows of a file. So a group that single rows are asked of
again is written down once, in small blocks; from then on a row costs one block. Everything here blocks: call it from a
worker thread.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain

import pyarrow as pa

from hfsvc.errors import BadParquet
from hfsvc.trajectories.data_file import DataFile
from hfsvc.trajectories.files.base import RowFile, RowGroup, RowPicker
from hfsvc.trajectories.files.dataset_files import DatasetFiles
from hfsvc.trajectories.files.fetched import FetchedRowFile
from hfsvc.trajectories.files.open import open_rows
from hfsvc.trajectories.files.unmodified import UnmodifiedRowFile
from hfsvc.trajectories.index.sidecars import Sidecar, Sidecars, short_digest
from hfsvc.trajectories.selection import SelectedRows

BLOCK_BYTES = 128 << 10
MAX_BLOCK_ROWS = 1024
# Whoever asks for more rows than that wants them quicker, whatever a group weighs.
ASKED_BY_PAGE = 16
# So much is decoded while a row is read by its pages, which takes some ten milliseconds.
DECODED_MEANWHILE_BYTES = 16 << 20
# Decoding more than this takes longer than anybody likes to wait for a row, so it is done once.
LARGE_GROUP_BYTES = 1 << 30
BLOCK_ROWS = b"hfsvc.block_rows"


def block_rows(group: RowGroup) -> int:
    """Rows of a block, so that it holds about `BLOCK_BYTES`. Pure."""
    mean = group.size / max(1, group.stop - group.first)
    return max(1, min(MAX_BLOCK_ROWS, int(BLOCK_BYTES / max(1.0, mean))))


def is_worth_writing(group: RowGroup, asked: int) -> bool:
    """Whether a group should be written down when rows of it are asked for the `asked`-th time. Pure."""
    return asked > 1 or group.size > LARGE_GROUP_BYTES


def is_worth_paging(group: RowGroup, asked: int) -> bool:
    """Whether a row is read by its pages, of a group that was asked for so often before. Pure."""
    return asked < min(ASKED_BY_PAGE, group.size // DECODED_MEANWHILE_BYTES)


class RowCache:
    """The row groups of a dataset that were written to sidecars, and the files of all others.

    Args:
        files: Of the dataset.
        sidecars: Where they are written down.
    """

    def __init__(self, files: DatasetFiles, sidecars: Sidecars) -> None:
        self.sidecars = sidecars
        self._files = files
        self._asked: Counter[str] = Counter()

    @contextmanager
    def open(self, file: DataFile) -> Iterator[RowFile]:
        """A file to read few rows of.

        Raises:
            BadParquet, NotDownloaded: As `open_data`.
        """
        with ExitStack() as opened:
            if self._files.is_remote:
                # Whoever asks for one row is not to wait for all of its group.
                yield opened.enter_context(self._open_fetched(file, None))
            elif self._files.content(file.path) == file.content:
                yield _CachedRowFile(self, file, opened)
            else:
                yield opened.enter_context(self.open_data(file))

    @contextmanager
    def open_data(self, file: DataFile, chosen: SelectedRows | None = None) -> Iterator[RowFile]:
        """A file to read many rows of: these, or all.

        Raises:
            BadParquet: It cannot be read, or is another one than that whose rows were counted.
            NotDownloaded: It is gone.
        """
        if self._files.is_remote:
            with self._open_fetched(file, chosen.any_between if chosen else lambda _first, _stop: True) as rows:
                yield rows
            return
        with open_rows(self._files, file.path) as rows, self._files.open(file.path) as data:
            try:
                unmodified = UnmodifiedRowFile(rows, data, file.path)
            except FileNotFoundError:
                raise _replaced(file.path) from None
            # Only now, so that what is guarded is what was counted.
            if self._files.content(file.path) != file.content:
                raise _replaced(file.path)
            yield unmodified

    @contextmanager
    def _open_fetched(self, file: DataFile, any_between: Callable[[int, int], bool] | None) -> Iterator[RowFile]:
        def will_read(first: int, stop: int) -> bool:
            return any_between is not None and any_between(file.first + first, file.first + stop)

        with open_rows(self._files, file.path, will_read) as rows, self._files.open(file.path) as data:
            verified = self._files.is_verified
            yield FetchedRowFile(rows, data.ranges, file.path, self._files.repo, is_verified=verified)

    def is_quick_by_page(self, content: str, group: RowGroup, columns: list[str]) -> bool:
        """Whether rows of a group are to be read by its pages, where it has an index: not once it is written down.

        Nor when it is asked for so often that writing it down is worth while.
        """
        name = _name_of(content, group, columns)
        return not self.sidecars.has(name) and is_worth_paging(group, self._asked[name])

    def count_asked(self, content: str, group: RowGroup, columns: list[str]) -> None:
        """Note that rows of a group were asked for."""
        self._asked[_name_of(content, group, columns)] += 1

    def blocks_of(self, content: str, group: RowGroup, columns: list[str], rows: Callable[[], RowFile]) -> str:
        """The name of a group's sidecar, which is written when that is worth it."""
        name = _name_of(content, group, columns)
        self._asked[name] += 1
        if not self.sidecars.has(name) and is_worth_writing(group, self._asked[name]):
            size = block_rows(group)
            blocks = reblocked(_within(rows().batches(columns, group.first), group.stop), size)
            begin = next(blocks)
            schema = begin.schema.with_metadata({BLOCK_ROWS: str(size).encode()})
            self.sidecars.write(name, schema, chain([begin], blocks))
        return name


class _CachedRowFile:
    """A file whose row groups are read from sidecars where there are any, else from itself."""

    def __init__(self, store: RowCache, file: DataFile, opened: ExitStack) -> None:
        self.schema = file.schema
        self.rows = file.stop - file.first
        self.leaves = file.leaves
        self.groups = file.groups
        self._store = store
        self._file = file
        self._opened = opened
        self._data: RowFile | None = None

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        for group in self.groups:
            if start < group.stop:
                yield from self._group(group, columns, max(start, group.first))

    def few(self, columns: list[str], runs: Sequence[tuple[int, int]]) -> Iterator[tuple[int, pa.RecordBatch]] | None:
        """As `RowPicker.few`; None as well where a sidecar has the rows, or is to have them."""
        group = next(group for group in self.groups if runs[0][0] < group.stop)
        if not self._store.is_quick_by_page(self._file.content, group, columns):
            return None
        rows = self._rows()
        found = rows.few(columns, runs) if isinstance(rows, RowPicker) else None
        if found is not None:
            self._store.count_asked(self._file.content, group, columns)
        return found

    def _group(self, group: RowGroup, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        name = self._store.blocks_of(self._file.content, group, columns, self._rows)
        with self._store.sidecars.open(name) as blocks:
            for row, batch in _blocks_from(blocks, group.first, start) if blocks else ():
                yield row, batch
                start = row + batch.num_rows
        if start < group.stop:
            yield from _within(self._rows().batches(columns, start), group.stop)

    def _rows(self) -> RowFile:
        # Only now: reading the footer of a file of many groups takes longer than reading a block.
        if self._data is None:
            self._data = self._opened.enter_context(self._store.open_data(self._file))
        return self._data


def _name_of(content: str, group: RowGroup, columns: list[str]) -> str:
    return f"{content}.{short_digest(*columns)}.{group.first}.rows"


def _replaced(file: str) -> BadParquet:
    return BadParquet(file=file, reason="it was replaced since its rows were counted")


def _within(batches: Iterator[tuple[int, pa.RecordBatch]], stop: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    for row, batch in batches:
        if row < stop:
            yield row, batch.slice(0, stop - row)
        if row + batch.num_rows >= stop:
            return


def _blocks_from(blocks: Sidecar, first: int, start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    size = int(blocks.schema.metadata[BLOCK_ROWS])
    begin = (start - first) // size
    for index in range(begin, blocks.count):
        row = first + index * size
        skipped = max(0, start - row)
        yield row + skipped, blocks.block(index).slice(skipped)


def reblocked(batches: Iterable[tuple[int, pa.RecordBatch]], size: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of `size`, but for the last. Pure."""
    rest: list[pa.RecordBatch] = []
    for _, batch in batches:
        whole = _joined([*rest, batch])
        full = whole.num_rows - whole.num_rows % size
        for start in range(0, full, size):
            yield whole.slice(start, size)
        rest = [whole.slice(full)] if full < whole.num_rows else []
    yield from rest


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    (whole,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return whole
