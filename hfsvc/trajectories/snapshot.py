"""Snapshots: a dataset as it was when its rows were counted, with the index and caches that belong to it."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from anyio import to_thread

from hfsvc.aio.cancellation import in_task_group
from hfsvc.errors import BadParquet, DatasetChanged, NotDownloaded
from hfsvc.models import (
    KEY_COLUMNS,
    DownloadedDataset,
    FileLayout,
    KeyColumn,
    ReadOptions,
    ResultFilter,
    SummaryField,
    ValueCounts,
)
from hfsvc.protocols import DatasetService
from hfsvc.trajectories.cursor import Numbering, number_rows
from hfsvc.trajectories.data_file import DataFile, content_of
from hfsvc.trajectories.index.episodes import EpisodeRow, superseded
from hfsvc.trajectories.index.outcomes import passes, tells
from hfsvc.trajectories.index.row_cache import RowCache
from hfsvc.trajectories.index.sidecars import Sidecars
from hfsvc.trajectories.index.summary_index import SummaryIndex
from hfsvc.trajectories.judged_files import find_data_files
from hfsvc.trajectories.reader import read_unchanged
from hfsvc.trajectories.selection import RowSelection

logger = logging.getLogger(__name__)
T = TypeVar("T")
OnRows = Callable[[int, int], None]
"""Told how many rows are done of how many."""
# Another one for every change of what a row's summary is read from: what older ones wrote down counts no more.
ROWS_ARE_READ = "4"
NO_RESULTS = (
    "no row of %s says how its run ended, so that none is read for the result %s: "
    "say which column does with --column result=NAME, or leave the filter out"
)


class FilesReplaced(Exception):
    """A file is another one than when its rows were counted; they must be counted again."""


class LatestSnapshot:
    """The newest snapshot of a dataset. It is kept for as long as the dataset and its files stay what they are.

    Args:
        repo: The dataset.
        datasets: Says what is on disk.
        options: How to read it.

    Attributes:
        on_rows: Told, while a first look goes over all rows, how many are done of how many; from a worker thread.
    """

    def __init__(self, repo: str, datasets: DatasetService, options: ReadOptions) -> None:
        self._repo = repo
        self._datasets = datasets
        self._options = options
        self._known: Snapshot | None = None
        self.on_rows: OnRows | None = None

    async def dataset(self) -> DownloadedDataset:
        """What is on disk.

        Raises:
            NotDownloaded: Nothing is.
        """
        dataset = await self._datasets.get_download_info(self._repo)
        if dataset is None:
            raise NotDownloaded(repo=self._repo)
        return dataset

    async def check_unchanged(self, dataset: DownloadedDataset) -> None:
        """Ask again what is on disk.

        Raises:
            DatasetChanged: It is another commit by now, or gone.
        """
        now = await self._datasets.get_download_info(self._repo)
        if now is None or now.commit != dataset.commit:
            raise DatasetChanged(repo=dataset.repo)

    @property
    def left_out(self) -> tuple[FileLayout, ...]:
        """Files of the newest snapshot that hold something and are not read."""
        return tuple(self._known.left_out) if self._known else ()

    async def open(self, dataset: DownloadedDataset) -> "Snapshot":
        """The snapshot of a dataset as its files are now."""
        known = self._of(dataset)
        if known is not None:
            fresh = await to_thread.run_sync(known.is_fresh)
            if fresh:
                return known
        self._known = await read_unchanged(
            lambda: Snapshot(dataset, self._options, self.tell_rows), lambda: self.check_unchanged(dataset)
        )
        for file in self._known.left_out:
            logger.warning("%s is left out: %s", file.file, file.reason)
        return self._known

    async def read(self, read: Callable[["Snapshot"], T]) -> T:
        """What `read` gives, called in a worker thread. What it reads is tied to the content of files as they were."""
        dataset = await self.dataset()
        snapshot = self._of(dataset) or await self.open(dataset)
        try:
            return await in_task_group(to_thread.run_sync(snapshot.read, read))
        except FilesReplaced:
            return await in_task_group(to_thread.run_sync((await self.open(dataset)).read, read))
        except (BadParquet, NotDownloaded):
            await self.check_unchanged(dataset)
            raise

    def tell_rows(self, done: int, total: int) -> None:
        """Say how far a pass over all rows has come."""
        if self.on_rows:
            self.on_rows(done, total)

    def _of(self, dataset: DownloadedDataset) -> "Snapshot | None":
        return self._known if self._known and self._known.dataset == dataset else None


class Snapshot:
    """The files of one commit of a dataset, their rows counted. Every method blocks: call it from a worker thread.

    Args:
        dataset: What is on disk.
        options: How to read it.
        on_rows: As `LatestSnapshot.on_rows`.

    Attributes:
        files: The files that hold rows, in order.
        left_out: Files that hold something and are not read.
        numbering: What gives rows their numbers.
        row_cache: For single rows.
        index: For lists and look-ups.
    """

    def __init__(
        self, dataset: DownloadedDataset, options: ReadOptions, on_rows: OnRows = lambda _done, _total: None
    ) -> None:
        self.dataset = dataset
        self.files, self.left_out = find_data_files(dataset, options)
        self.numbering = _numbering(dataset, self.files)
        sidecars = Sidecars(dataset)
        sidecars.prune(file.content for file in self.files)
        self.row_cache = RowCache(dataset, sidecars)
        variant = f"{ROWS_ARE_READ} {options.layout} {sorted(options.columns.items())}"
        self.index = SummaryIndex(self.files, self.row_cache.open_data, sidecars, variant, on_rows)
        self._options = options
        self._selection: RowSelection | None = None

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.files[-1].stop

    def read(self, read: Callable[["Snapshot"], T]) -> T:
        """What `read` makes of this snapshot.

        Raises:
            FilesReplaced: It is out of date.
        """
        if not self.is_fresh():
            raise FilesReplaced
        return read(self)

    def is_fresh(self) -> bool:
        """Whether no file has been replaced since its rows were counted. One that is gone is missed when it is read."""
        return all(content_of(self.dataset, each.path) in {each.content, None} for each in self.files)

    def files_with(self, first: int, last: int) -> list[DataFile]:
        """The files that hold rows from `first` to `last`."""
        return [each for each in self.files if max(each.first, first) < min(each.stop, last)]

    def rows_matching(self, query: str | None) -> Sequence[int]:
        """Numbers of the rows that filters keep and that answer to a query, in order."""
        return self.index.rows_matching(query, self.selection())

    def count_values(self, field: SummaryField, query: str | None) -> ValueCounts:
        """How many of the rows that filters keep and that answer to a query have which value in a field."""
        return self.index.count_values(field, query, self.selection())

    def find_rows(self, key: str, by: KeyColumn | None) -> tuple[int, ...]:
        """Numbers of the rows that filters keep and that answer to a key: those of the first column that has it."""
        found = (self._rows_with(column, key) for column in ((by,) if by else KEY_COLUMNS))
        return next(filter(None, found), ())

    def _rows_with(self, column: KeyColumn, value: str) -> tuple[int, ...]:
        rows, selection = self.index.rows_with(column, value), self.selection()
        return tuple(selection.among(rows)) if selection else rows

    def selection(self) -> RowSelection | None:
        """The rows that the options' filters keep; None where there are no filters."""
        if self._selection is None and self._options.filters:
            self._selection = RowSelection(self.rows, self._left_out())
        return self._selection

    def _left_out(self) -> Iterator[int]:
        if self._options.result != "all":
            yield from self._of_other_results(self._options.result)
        if self._options.episodes == "last":
            yield from superseded(self._episodes())

    def _of_other_results(self, wanted: ResultFilter) -> Iterator[int]:
        told = 0
        for first, block in self.index.blocks("result"):
            for row, result in enumerate(block.column("result").to_pylist(), first):
                told += tells(result)
                if not passes(result, wanted):
                    yield row
        if not told:
            logger.warning(NO_RESULTS, self.dataset.repo, wanted)

    def _episodes(self) -> Iterator[EpisodeRow]:
        names = EpisodeRow._fields[1:]
        for first, block in self.index.blocks(*names):
            columns = (block.column(name).to_pylist() for name in names)
            for row, values in enumerate(zip(*columns, strict=True), first):
                yield EpisodeRow(row, *values)


def _numbering(dataset: DownloadedDataset, files: list[DataFile]) -> Numbering:
    if not files:
        looked_for = "parquet, Arrow, JSON Lines, JSON or CSV"
        raise BadParquet(file=dataset.repo, reason=f"none of its files on disk holds rows: {looked_for}")
    counts = ((each.path, each.stop - each.first) for each in files)
    return number_rows(dataset.repo, dataset.commit, counts)
