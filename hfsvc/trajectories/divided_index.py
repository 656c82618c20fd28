"""The making of an index by several processes: each makes what one keeps of pieces of files, and one writes it down."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
from anyio import from_thread, to_thread

from hfsvc.models import DownloadedDataset
from hfsvc.trajectories.batch_mapper import BatchMapper, Placed
from hfsvc.trajectories.chooser import Chosen
from hfsvc.trajectories.data_file import DataFile
from hfsvc.trajectories.divided_reading import ReadingPiece, divide, piece_of
from hfsvc.trajectories.files.dataset_files import folder_files
from hfsvc.trajectories.index.sidecars import Sidecars
from hfsvc.trajectories.layouts.base import Layout
from hfsvc.trajectories.layouts.conversation import RowLocation
from hfsvc.trajectories.piece_reader import KeptFile, read_piece
from hfsvc.trajectories.positions import Positions, joined
from hfsvc.trajectories.worker_results import results_of

ColumnsOf = Callable[[DataFile], list[str]]
Make = Callable[[pa.RecordBatch, Layout], pa.RecordBatch]
Write = Callable[[DataFile, Iterable[tuple[int, pa.RecordBatch]]], None]
Batches = list[tuple[str, pa.RecordBatch]]
"""What was made of a piece, each with the path of its file."""
_kept = KeptFile()


class IndexJob(NamedTuple):
    """A piece of a dataset that is indexed.

    Attributes:
        piece: What to read.
        columns_of: The columns to read of a file.
        make: Makes of a batch what is kept of it.
    """

    piece: ReadingPiece
    columns_of: ColumnsOf
    make: Make

    def __str__(self) -> str:
        return str(self.piece)


def index_piece(job: IndexJob) -> Batches:
    """What is kept of a piece."""

    def convert(first: RowLocation, file: DataFile, batch: pa.RecordBatch) -> list[Placed[tuple[str, pa.RecordBatch]]]:
        return [(first.row, (file.path, job.make(batch, file.layout)))]

    found = read_piece(job.piece, BatchMapper(job.columns_of, convert), _kept)
    return [value for _, value in found if isinstance(value, tuple)]


class SharedIndex:
    """Makes an index of a dataset's files by several processes. It is called in a worker thread of an event loop.

    Args:
        dataset: On disk.
        files: All of its files that hold rows.
        sidecars: Of the dataset.
        workers: How many processes.
        on_rows: Told how many rows are done of how many.
    """

    def __init__(
        self,
        dataset: DownloadedDataset,
        files: Sequence[DataFile],
        sidecars: Sidecars,
        workers: int,
        on_rows: Callable[[int, int], None],
    ) -> None:
        self._dataset = dataset
        self._files = files
        self._sidecars = str(sidecars.folder)
        self._workers = workers
        self._on_rows = on_rows

    def __call__(self, missing: Sequence[DataFile], columns_of: ColumnsOf, make: Make, write: Write) -> None:
        """Make what files have not, as `ShareWork` has it.

        Raises:
            WorkerLost: A worker died over a piece, and so did the next one.
        """
        from_thread.run(self._run, missing, columns_of, make, write)

    async def _run(self, missing: Sequence[DataFile], columns_of: ColumnsOf, make: Make, write: Write) -> None:
        jobs = (IndexJob(piece, columns_of, make) for piece in self._pieces(missing))
        async with results_of(index_piece, jobs, workers=self._workers) as results:
            taken = _FileBatches(self._told(results))
            for file in missing:
                await to_thread.run_sync(write, file, taken.of(file.path))
                await taken.drop(file.path)

    def _pieces(self, missing: Sequence[DataFile]) -> Iterator[ReadingPiece]:
        stored, rows = folder_files(self._dataset), range(self._files[-1].stop)
        left = joined(Positions([range(file.first, file.stop)]) for file in missing)
        for stretch in divide(Chosen(rows, rows, {}), left, self._files, 1):
            yield piece_of(
                stretch, self._dataset, self._files, stored=stored, sidecars=self._sidecars, ordered=True, window=1
            )

    async def _told(self, results: AsyncIterator[tuple[IndexJob, Batches]]) -> AsyncIterator[Batches]:
        async for job, batches in results:
            yield batches
            self._on_rows(job.piece.rows[-1] + 1, self._files[-1].stop)


class _FileBatches:
    """Batches by their files, taken by a thread as they come."""

    def __init__(self, results: AsyncIterator[Batches]) -> None:
        self._results = results
        self._pending: deque[tuple[str, pa.RecordBatch]] = deque()

    def of(self, path: str) -> Iterator[tuple[int, pa.RecordBatch]]:
        """The batches of the file whose turn it is."""
        row = 0
        while (batch := from_thread.run(self._next, path)) is not None:
            yield row, batch
            row += batch.num_rows

    async def drop(self, path: str) -> None:
        """Let go of what nobody took of a file."""
        while await self._next(path) is not None:
            pass

    async def _next(self, path: str) -> pa.RecordBatch | None:
        while not self._pending:
            found = await anext(self._results, None)
            if found is None:
                return None
            self._pending.extend(found)
        return self._pending.popleft()[1] if self._pending[0][0] == path else None
