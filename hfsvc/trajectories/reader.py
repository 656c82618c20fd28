"""A dataset's rows, batch after batch, read and converted in a worker thread while the event loop goes on."""

import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Generic, TypeVar

import pyarrow as pa
from anyio import CancelScope, to_thread

from hfsvc.aio.cancellation import in_task_group
from hfsvc.aio.prefetch import ReadAhead
from hfsvc.errors import BadParquet, NotDownloaded
from hfsvc.models import DownloadedDataset
from hfsvc.trajectories.batch_mapper import BatchMapper, Placed
from hfsvc.trajectories.data_file import DataFile, OpenFile
from hfsvc.trajectories.files.base import RowFile, RowGroup, RowPicker, bad_parquet
from hfsvc.trajectories.files.pages.base import MalformedPages
from hfsvc.trajectories.layouts.conversation import RowLocation
from hfsvc.trajectories.selection import SelectedRows

T = TypeVar("T")
CHUNK_ROWS = 512
CHUNK_BYTES = 2 << 20
MAX_RUNS = 1024
"""Of more rows than that which lie apart in a row group, the group is gone through."""
HAND_OVER_ROWS = 64
"""Not after each single row: on a busy machine it takes a while to come back."""
Chunk = list[tuple[int, pa.RecordBatch]]


CheckUnchanged = Callable[[], Awaitable[None]]


async def read_unchanged(read: Callable[[], T], check_unchanged: CheckUnchanged) -> T:
    """What `read` gives, called in a worker thread, where the dataset is the same one after it.

    A file of another commit, or one that it no longer has, is no fault of this one: then the change is what is raised.
    """
    try:
        found = await in_task_group(to_thread.run_sync(read))
    except (BadParquet, NotDownloaded):
        await check_unchanged()
        raise
    await check_unchanged()
    return found


def read_few(
    dataset: DownloadedDataset,
    files: Iterable[DataFile],
    selected: SelectedRows,
    mapper: BatchMapper[T],
    open_file: OpenFile,
) -> list[Placed[T]]:
    """All values at once, in the thread that asks: for few rows, which are not worth a reader. Blocks.

    Raises:
        BadParquet, NotDownloaded: As `open_file`.
    """
    return [*iter_values(dataset, files, selected, mapper, open_file)]


def iter_values(
    dataset: DownloadedDataset,
    files: Iterable[DataFile],
    selected: SelectedRows,
    mapper: BatchMapper[T],
    open_file: OpenFile,
) -> Iterator[Placed[T]]:
    """The same values one after the other, a batch in memory."""
    for file in files:
        with open_file(file) as rows, _arrow_errors(dataset, file):
            for row, batch in _numbered(rows, file, mapper, selected):
                yield from _converted(dataset, file, mapper, row, batch)


def _numbered(
    rows: RowFile, file: DataFile, mapper: BatchMapper[T], selected: SelectedRows
) -> Generator[tuple[int, pa.RecordBatch], None, None]:
    """The batches of the selected rows, each with the number of its first row in the dataset."""
    columns = mapper.columns_of(file)
    following = selected.next_from(file.first)
    while following is not None and following < file.stop:
        if few := _few(rows, file, columns, selected, following):
            batches, following = few
            yield from batches
            continue
        for offset, batch in rows.batches(columns, following - file.first):
            row = file.first + offset
            end = row + batch.num_rows
            for first, stop in selected.runs(row, end):
                yield first, batch.slice(first - row, stop - first)
            following = selected.next_from(end)
            if following is None or _skips_a_group(rows.groups, end - file.first, following - file.first):
                break
        else:
            return


def _few(
    rows: RowFile, file: DataFile, columns: list[str], selected: SelectedRows, row: int
) -> tuple[Iterator[tuple[int, pa.RecordBatch]], int | None] | None:
    """The selected rows of the row group that `row` is in, alone, and the first selected one behind it.

    None where going through the group is as quick.
    """
    group = next((each for each in file.groups if row - file.first < each.stop), None)
    if group is None or not isinstance(rows, RowPicker):
        return None
    stop = file.first + group.stop
    runs = [*islice(selected.runs(row, stop), MAX_RUNS + 1)]
    if len(runs) > MAX_RUNS:
        return None
    found = rows.few(columns, [(begin - file.first, end - file.first) for begin, end in runs])
    if found is None:
        return None
    return ((file.first + offset, batch) for offset, batch in found), selected.next_from(stop)


def _skips_a_group(groups: Iterable[RowGroup], row: int, following: int) -> bool:
    """Whether a whole row group lies between two rows of a file."""
    return following > row and any(row <= group.first and group.stop <= following for group in groups)


def _chunks(batches: Iterable[tuple[int, pa.RecordBatch]]) -> Iterator[Chunk]:
    """The batches in small groups: the way from thread to thread costs as much as a small batch."""
    chunk: Chunk = []
    rows = size = 0
    for row, batch in batches:
        chunk.append((row, batch))
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield chunk
            chunk, rows, size = [], 0, 0
    if chunk:
        yield chunk


def _converted(
    dataset: DownloadedDataset, file: DataFile, mapper: BatchMapper[T], row: int, batch: pa.RecordBatch
) -> list[Placed[T]]:
    return mapper.convert(RowLocation(dataset.repo, dataset.commit, file.path, row, row - file.first), file, batch)


@contextmanager
def _arrow_errors(dataset: DownloadedDataset, file: DataFile) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, MalformedPages) as error:
        raise bad_parquet(file.path, error, dataset.repo) from error


class RowReader(Generic[T]):
    """Reads and maps the rows of a dataset, a batch at a time, in worker threads.

    Args:
        dataset: What is on disk.
        files: The files that hold them, in order.
        selected: The rows.
        mapper: What to make of the batches.
        open_file: Opens the files.
        check_unchanged: Awaited after a file was opened; raises when the dataset is another one by now.
        decodes_ahead: Whether the next batch is decoded in a thread of its own: what waits for a network is cancelled with
            the thread that asks.
    """

    def __init__(
        self,
        dataset: DownloadedDataset,
        files: Iterable[DataFile],
        selected: SelectedRows,
        mapper: BatchMapper[T],
        open_file: OpenFile,
        check_unchanged: CheckUnchanged,
        *,
        decodes_ahead: bool = True,
    ) -> None:
        self._decodes_ahead = decodes_ahead
        self._dataset = dataset
        self._files = iter(files)
        self._selected = selected
        self._mapper = mapper
        self._open_file = open_file
        self._check_unchanged = check_unchanged
        self._opened = ExitStack()
        self._batches: Iterator[Chunk] | None = None
        self._file: DataFile | None = None

    async def next(self) -> list[Placed[T]] | None:
        """The values of the next batch; None after the last one. A cancelled call waits for its worker thread."""
        return await in_task_group(self._next())

    async def _next(self) -> list[Placed[T]] | None:
        while True:
            if self._batches is None and not await self._open_next():
                return None
            if (values := await to_thread.run_sync(self._next_values)) is not None:
                return values

    async def _open_next(self) -> bool:
        file = next(self._files, None)
        if file is None:
            return False
        # Once open, a file stays what it is, whatever replaces it.
        rows = await read_unchanged(lambda: self._open(file), self._check_unchanged)
        self._file = file
        batches = _numbered(rows, file, self._mapper, self._selected)
        if self._decodes_ahead:
            ahead = self._batches = ReadAhead(_chunks(batches))
            self._opened.callback(ahead.close)
        else:
            # Chunk by chunk as they come, and the first batch alone: what is behind it may have to be fetched.
            self._batches = ([batch] for batch in batches)
            self._opened.callback(batches.close)
        return True

    def _open(self, file: DataFile) -> RowFile:
        return self._opened.enter_context(self._open_file(file))

    def _next_values(self) -> list[Placed[T]] | None:
        file, chunk = self._file, self._read()
        if file is None or chunk is None:
            self._close()
            return None
        values: list[Placed[T]] = []
        since = 0
        for row, batch in chunk:
            made = _converted(self._dataset, file, self._mapper, row, batch)
            values += made
            since += batch.num_rows
            if since >= HAND_OVER_ROWS:
                # Hands Python's lock to the thread that decodes, which would wait milliseconds for it.
                time.sleep(0)
                since = 0
        return values

    def _read(self) -> Chunk | None:
        if self._batches is None or self._file is None:
            return None
        with _arrow_errors(self._dataset, self._file):
            return next(self._batches, None)

    async def aclose(self) -> None:
        """Let go of the file that is open, and wait for what is being read of it.

        May be called at any time between two calls of `next`.
        """
        with CancelScope(shield=True):
            await to_thread.run_sync(self._close)

    def _close(self) -> None:
        self._batches = None
        self._opened.close()
