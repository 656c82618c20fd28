"""A dataset's rows, batch after batch, read and converted in a worker thread while the event loop goes on."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Generic, NamedTuple, TypeVar

import pyarrow as pa
from anyio import CancelScope, to_thread

from hfsvc.errors import BadParquet, NotDownloaded
from hfsvc.models import DownloadedDataset
from hfsvc.structured import guarded
from hfsvc.trajectories.batches import RowFile, bad_parquet
from hfsvc.trajectories.opening import open_rows
from hfsvc.trajectories.read_ahead import ReadAhead

T = TypeVar("T")


class FileRows(NamedTuple):
    """A file and the numbers of its rows in the dataset: `first` inclusive, `stop` exclusive."""

    file: str
    first: int
    stop: int


class View(NamedTuple, Generic[T]):
    """What to read of every file, and what to make of it. Both functions run in the worker thread.

    Attributes:
        columns_of: The columns to read of a file, given its name.
        convert: Makes values of a batch, given its file and the number of the batch's first row in the dataset.
    """

    columns_of: Callable[[RowFile, str], list[str]]
    convert: Callable[[FileRows, int, pa.RecordBatch], list[T]]


CheckUnchanged = Callable[[], Awaitable[None]]


async def read_unchanged(read: Callable[[], T], check_unchanged: CheckUnchanged) -> T:
    """What `read` gives, called in a worker thread, where the dataset is the same one after it.

    A file of another commit, or one that it no longer has, is no fault of this one: then the change is what is raised.
    """
    try:
        found = await to_thread.run_sync(read)
    except (BadParquet, NotDownloaded):
        await check_unchanged()
        raise
    await check_unchanged()
    return found


class RowReader(Generic[T]):
    """Reads the rows from `first` (inclusive) to `last` (exclusive) of a dataset.

    Args:
        dataset: What is on disk.
        files: Its files with rows, in order.
        first: First row.
        last: Row to stop before.
        view: What to make of the batches.
        check_unchanged: Awaited after a file was opened; raises when the dataset is another one by now.
    """

    def __init__(
        self,
        dataset: DownloadedDataset,
        files: Sequence[FileRows],
        first: int,
        last: int,
        view: View[T],
        check_unchanged: CheckUnchanged,
    ) -> None:
        self._dataset = dataset
        self._files = iter([file for file in files if file.stop > first and file.first < last and first < last])
        self._first = first
        self._last = last
        self._view = view
        self._check_unchanged = check_unchanged
        self._opened = ExitStack()
        self._batches: ReadAhead[tuple[int, pa.RecordBatch]] | None = None
        self._file: FileRows | None = None

    async def next(self) -> list[T] | None:
        """The values of the next batch; None after the last one. A cancelled call waits for its worker thread."""
        return await guarded(self._next())

    async def _next(self) -> list[T] | None:
        while True:
            if self._batches is None and not await self._open_next():
                return None
            if (values := await to_thread.run_sync(self._take)) is not None:
                return values

    async def _open_next(self) -> bool:
        file = next(self._files, None)
        if file is None:
            return False
        # Once open, this file stays what it is, whatever replaces it.
        rows = await read_unchanged(lambda: self._open(file), self._check_unchanged)
        self._file = file
        self._batches = ReadAhead(self._numbered(rows, file))
        self._opened.callback(self._batches.close)
        return True

    def _open(self, file: FileRows) -> RowFile:
        return self._opened.enter_context(open_rows(self._dataset.local_path, file.file, self._dataset.repo))

    def _numbered(self, rows: RowFile, file: FileRows) -> Iterator[tuple[int, pa.RecordBatch]]:
        """The batches of the wanted rows, each with the number of its first row in the dataset."""
        columns = self._view.columns_of(rows, file.file)
        last = min(self._last, file.stop)
        for offset, batch in rows.batches(columns, max(0, self._first - file.first)):
            row = file.first + offset
            yield row, batch.slice(0, last - row)
            if row + batch.num_rows >= last:
                return

    def _take(self) -> list[T] | None:
        found = self._read()
        if found is None or self._file is None:
            self._close()
            return None
        return self._view.convert(self._file, *found)

    def _read(self) -> tuple[int, pa.RecordBatch] | None:
        try:
            return next(self._batches) if self._batches else None
        except StopIteration:
            return None
        except (pa.ArrowException, OSError) as error:
            file = self._file.file if self._file else ""
            raise bad_parquet(self._dataset.local_path / file, error) from error

    async def aclose(self) -> None:
        """Let go of the file that is open, and wait for what is being read of it.

        May be called at any time between two calls of `next`.
        """
        with CancelScope(shield=True):
            await to_thread.run_sync(self._close)

    def _close(self) -> None:
        self._batches = None
        self._opened.close()
