"""Snapshots: a dataset as it was when its rows were counted, with the index and caches that belong to it."""

import logging
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol, TypeVar

from anyio import to_thread

from hfsvc.aio.cancellation import in_task_group
from hfsvc.errors import BadParquet, DatasetChanged, NotDownloaded
from hfsvc.models import (
    KEY_COLUMNS,
    DatasetRequest,
    DownloadedDataset,
    FileLayout,
    KeyColumn,
    LeftFiles,
    OnEvent,
    ReadOptions,
    RowChoice,
    SummaryField,
    ValueCounts,
)
from hfsvc.models.choice import CHOICE_LOGGER
from hfsvc.trajectories.chooser import Chooser, Chosen, depends_on_range
from hfsvc.trajectories.cursor import Numbering, Reading, begin_reading, choice_digests, number_rows
from hfsvc.trajectories.data_file import DataFile
from hfsvc.trajectories.divided_index import SharedIndex
from hfsvc.trajectories.duplicates import DigestIndex
from hfsvc.trajectories.field_texts import FieldTexts
from hfsvc.trajectories.files.dataset_files import DatasetFiles, folder_files
from hfsvc.trajectories.index.held_sidecars import HeldSidecars
from hfsvc.trajectories.index.row_cache import RowCache
from hfsvc.trajectories.index.sidecars import Sidecars, sidecars_of
from hfsvc.trajectories.index.summary_index import SummaryIndex
from hfsvc.trajectories.judged_files import find_data_files
from hfsvc.trajectories.reader import read_unchanged
from hfsvc.trajectories.reading_order import window_rows
from hfsvc.trajectories.selection import RowRange, RowSelection
from hfsvc.units import format_bytes

logger = logging.getLogger(__name__)
notes = logging.getLogger(CHOICE_LOGGER)
T = TypeVar("T")
FilesOf = Callable[[DownloadedDataset], DatasetFiles]
OnRows = Callable[[int, int], None]
"""Told how many rows are done of how many."""
# Another one for every change of what a row's summary is read from: what older ones wrote down counts no more.
ROWS_ARE_READ = "4"
KEPT_CHOICES = 4
_ALL_ROWS = RowChoice()


class DatasetLookup(Protocol):
    """What a source asks of a `DatasetService`, whose methods these are."""

    async def get_download_info(self, repo: str) -> DownloadedDataset | None: ...

    async def is_downloaded(self, repo: str) -> bool: ...

    async def download(self, request: DatasetRequest, *, on_event: OnEvent | None = None) -> DownloadedDataset: ...


class FilesReplaced(Exception):
    """A file is another one than when its rows were counted; they must be counted again."""


class LatestSnapshot:
    """The newest snapshot of a dataset. It is kept for as long as the dataset and its files stay what they are.

    Args:
        repo: The dataset.
        datasets: Says what is on disk.
        options: How to read it.
        sidecars: As for `Snapshot`.
        files_of: Gives the files of the dataset, to be read.

    Attributes:
        on_rows: Told, while a first look goes over all rows, how many are done of how many; from a worker thread.
        workers: How many processes share such a look.
    """

    def __init__(
        self,
        repo: str,
        datasets: DatasetLookup,
        options: ReadOptions,
        sidecars: Path | None = None,
        files_of: FilesOf = folder_files,
    ) -> None:
        self._repo = repo
        self._files_of = files_of
        self._datasets = datasets
        self._options = options
        self._sidecars = sidecars
        self._known: Snapshot | None = None
        self.on_rows: OnRows | None = None
        self.workers = 1

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

    @property
    def left(self) -> LeftFiles | None:
        """What limits left of the dataset of the newest snapshot."""
        return self._known.dataset.left if self._known else None

    async def open(self, dataset: DownloadedDataset) -> "Snapshot":
        """The snapshot of a dataset as its files are now."""
        known = self._of(dataset)
        if known is not None:
            fresh = await to_thread.run_sync(known.is_fresh)
            if fresh:
                return known
        self._known = await read_unchanged(
            lambda: Snapshot(
                dataset,
                self._options,
                self._sidecars,
                self.tell_rows,
                self.workers,
                files=self._files_of(dataset),
            ),
            lambda: self.check_unchanged(dataset),
        )
        for file in self._known.left_out:
            logger.warning("%s is left out: %s", file.file, file.reason)
        if left := dataset.left:
            size = format_bytes(left.total_bytes)
            notes.warning(
                "only a part of %s is here: limits left out %d of its files (%s)", dataset.repo, left.files, size
            )
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
        sidecars: Where its sidecars lie; None for the store that holds it.
        on_rows: As `LatestSnapshot.on_rows`.
        workers: As `LatestSnapshot.workers`.
        files: To be read; those on disk unless given.

    Attributes:
        stored: The dataset's files, to be read.
        files: The files that hold rows, in order.
        left_out: Files that hold something and are not read.
        numbering: What gives rows their numbers.
        row_cache: For single rows.
        index: For lists and look-ups.
    """

    def __init__(
        self,
        dataset: DownloadedDataset,
        options: ReadOptions,
        sidecars: Path | None = None,
        on_rows: OnRows = lambda _done, _total: None,
        workers: int = 1,
        *,
        files: DatasetFiles | None = None,
    ) -> None:
        self.dataset = dataset
        self.stored = files or folder_files(dataset)
        self.files, self.left_out = find_data_files(dataset, options, self.stored)
        self.numbering = _numbering(dataset, self.files)
        written = self._sidecars(sidecars)
        written.prune(file.content for file in self.files)
        self.row_cache = RowCache(self.stored, written)
        variant = f"{ROWS_ARE_READ} {options.layout} {sorted(options.columns.items())}"
        share = SharedIndex(dataset, self.files, written, workers, on_rows) if workers > 1 and written.folder else None
        self.index = SummaryIndex(self.files, self.row_cache.open_data, written, variant, on_rows, share)
        self._options = options
        self._selection: RowSelection | None = None
        digests = DigestIndex(self.files, self.row_cache.open_data, written, variant, share)
        texts = FieldTexts(self.files, self.row_cache.open_data, self.index)
        chooser = Chooser(dataset.repo, self.rows, self.index, digests, texts)
        self._chosen = lru_cache(KEPT_CHOICES)(partial(chooser.choose, options))

    def _sidecars(self, folder: Path | None) -> Sidecars:
        if self.stored.is_remote:
            return HeldSidecars(self.dataset.repo)
        return Sidecars(self.dataset.repo, folder or sidecars_of(self.dataset))

    @property
    def is_remote(self) -> bool:
        """Whether its files are fetched as they are read."""
        return self.stored.is_remote

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
        return all(self.stored.content(each.path) in {each.content, None} for each in self.files)

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
        """The rows that the options choose; None for all."""
        if self._selection is None and self._options.chooses:
            self._selection = RowSelection(self.rows, self.choose(RowRange()).rows)
        return self._selection

    def choose(self, rows: RowRange) -> Chosen:
        """The rows that the options choose of a range.

        Raises:
            InvalidArgument: They choose by what there is not.
            ValueError: A negative number.
        """
        first, stop = rows.bounds(self.rows)
        if not self._options.chooses and not rows.where:
            return Chosen(range(self.rows), range(first, stop), {})
        if not depends_on_range(self._options):
            # One choice for every range.
            chosen = self._chosen(0, self.rows, rows.where)
            return chosen._replace(window=range(bisect_left(chosen.rows, first), bisect_left(chosen.rows, stop)))
        return self._chosen(first, stop, rows.where)

    def begin_reading(self, rows: RowRange, chosen: Chosen) -> Reading:
        """What a stream reads of the rows that were chosen.

        Raises:
            CursorMismatch: The cursor is of others.
            ValueError: The shard is none.
        """
        return begin_reading(
            self.numbering,
            self._choice_digests(rows),
            len(chosen.rows),
            chosen.window,
            shard=rows.shard,
            stripe=rows.stripe,
            cursor=rows.cursor,
        )

    @property
    def window_rows(self) -> int:
        """How many rows are put into another order at once."""
        return window_rows(sum(group.size for file in self.files for group in file.groups), self.rows)

    def _choice_digests(self, rows: RowRange) -> dict[str, str]:
        """What stands for a choice in cursors."""
        bounds = (rows.start, rows.stop) if depends_on_range(self._options) else (0, None)
        asked = {"range": bounds, "query of its own": rows.where or None}
        aspects = asked | {name: getattr(self._options, name) for name in RowChoice.__struct_fields__}
        usual = {"range": (0, None), "query of its own": None} | {
            name: getattr(_ALL_ROWS, name) for name in RowChoice.__struct_fields__
        }
        return choice_digests({name: value for name, value in aspects.items() if value != usual[name]})


def _numbering(dataset: DownloadedDataset, files: list[DataFile]) -> Numbering:
    if not files:
        looked_for = "parquet, Arrow, JSON Lines, JSON or CSV"
        raise BadParquet(file=dataset.repo, reason=f"none of its files on disk holds rows: {looked_for}")
    counts = ((each.path, each.stop - each.first) for each in files)
    return number_rows(dataset.repo, dataset.commit, counts)
