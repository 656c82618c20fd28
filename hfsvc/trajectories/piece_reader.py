"""The reader of one piece of a reading, in the thread that asks. Everything here blocks."""

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from hfsvc.errors import BadRow
from hfsvc.trajectories.batch_mapper import BatchMapper, row_by_row
from hfsvc.trajectories.data_file import DataFile, OpenFile
from hfsvc.trajectories.divided_reading import ReadingPiece
from hfsvc.trajectories.files.base import RowFile
from hfsvc.trajectories.files.dataset_files import DatasetFiles, folder_files
from hfsvc.trajectories.index.row_cache import RowCache
from hfsvc.trajectories.index.sidecars import Sidecars
from hfsvc.trajectories.reader import iter_values
from hfsvc.trajectories.reading_order import Pass, passes_of
from hfsvc.trajectories.selection import selected

T = TypeVar("T")


def read_piece(
    piece: ReadingPiece, mapper: BatchMapper[T], kept: "KeptFile"
) -> Generator[tuple[int, T | BadRow], None, None]:
    """What the rows of a piece become, in its order, each with its place in the reading; bad rows among them.

    Args:
        piece: Of a reading.
        mapper: Makes values of rows.
        kept: Holds the file of the last piece, where it is on disk.

    Raises:
        BadParquet: A file cannot be read, or is another one than that whose rows were counted.
        NotDownloaded: One is gone.
        HfsvcError: Of a remote dataset, as its streams raise.
    """
    sidecars = Sidecars(piece.dataset.repo, Path(piece.sidecars) if piece.sidecars else None)
    with _opened(piece) as files:
        cache = RowCache(files, sidecars)
        for some in passes_of(piece.rows, piece.before, piece.window, ordered=piece.ordered):
            if some.ordered:
                yield from _placed(piece, some, mapper, _open_data(cache, some, None if files.is_remote else kept))
            else:
                found = _placed(piece, some, row_by_row(mapper), cache.open)
                yield from sorted(found, key=lambda each: each[0])


def _opened(piece: ReadingPiece) -> AbstractContextManager[DatasetFiles]:
    return piece.portable.open() if piece.portable else nullcontext(folder_files(piece.dataset))


def _open_data(cache: RowCache, some: Pass, kept: "KeptFile | None") -> OpenFile:
    # No more row groups are fetched than the pass reads, and none after its connections are closed.
    whole = partial(cache.open_data, chosen=selected(some.rows))
    return (lambda file: kept.open(file, whole)) if kept else whole


def _placed(
    piece: ReadingPiece, some: Pass, mapper: BatchMapper[T], open_file: OpenFile
) -> Iterator[tuple[int, T | BadRow]]:
    for row, value in iter_values(piece.dataset, piece.files, selected(some.rows), mapper, open_file):
        yield some.place(row), value


class KeptFile:
    """The file that was read last, kept open: a piece that goes on in the middle of a row group goes on where it is."""

    def __init__(self) -> None:
        self._known: _GoingOn | None = None

    @contextmanager
    def open(self, file: DataFile, open_data: OpenFile) -> Iterator[RowFile]:
        """The file, from the start or as it was left."""
        known, self._known = self._known, None
        if known is None or known.key != (file.path, file.content):
            if known:
                known.close()
            known = _GoingOn(file, open_data)
        try:
            yield known
        except BaseException:
            known.close()
            raise
        self._known = known

    def close(self) -> None:
        """Let go of it."""
        if self._known:
            self._known.close()


class _GoingOn:
    """An open file whose batches go on where they were left."""

    def __init__(self, file: DataFile, open_data: OpenFile) -> None:
        self.key = (file.path, file.content)
        with ExitStack() as opened:
            self._file = opened.enter_context(open_data(file))
            self.close = opened.pop_all().close
        self.schema = file.schema
        self.rows = file.stop - file.first
        self.leaves = file.leaves
        self.groups = file.groups
        self._columns: list[str] | None = None
        self._last: tuple[int, pa.RecordBatch] | None = None
        self._batches: Iterator[tuple[int, pa.RecordBatch]] = iter(())

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        for row, batch in self._from(columns, start):
            self._last = row, batch
            skipped = max(0, start - row)
            if skipped < batch.num_rows:
                yield row + skipped, batch.slice(skipped)

    def _from(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        if self._last and self._columns == columns and self._leads_to(start, *self._last):
            return chain([self._last], self._batches)
        self._columns, self._last = columns, None
        self._batches = self._file.batches(columns, start)
        return self._batches

    def _leads_to(self, start: int, row: int, batch: pa.RecordBatch) -> bool:
        """Whether going on from a batch is the shortest way: what begins a group needs nothing before it."""
        end = row + batch.num_rows
        return row <= start and not any(end < group.first <= start for group in self.groups)
