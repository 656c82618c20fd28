"""`TrajectorySource` over the files of a downloaded dataset."""

import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import pyarrow as pa
from anyio import to_thread

from hfsvc.aio.cancellation import guarded
from hfsvc.atif import Trajectory
from hfsvc.errors import BadParquet, BadRow, DatasetChanged, FileNotFound, NotDownloaded
from hfsvc.models import (
    DatasetRequest,
    DatasetStatistics,
    DownloadedDataset,
    ReadOptions,
    SummaryField,
    SummaryPage,
    TrajectoryRow,
    ValueCounts,
)
from hfsvc.protocols import DatasetService, KeyColumn
from hfsvc.trajectories.cursor import Numbering, row_after, write_cursor
from hfsvc.trajectories.files.parquet import DataFile
from hfsvc.trajectories.files.splits import DATA_GLOBS
from hfsvc.trajectories.index.facets import cut
from hfsvc.trajectories.layouts.conversation import RowLocation, Unreadable
from hfsvc.trajectories.reader import BatchMapper, RowReader, read_few, read_unchanged
from hfsvc.trajectories.selection import Wanted
from hfsvc.trajectories.snapshot import FilesReplaced, Snapshot
from hfsvc.trajectories.statistics import COUNTED, StatisticsBuilder
from hfsvc.trajectories.styles.convert import BuiltTrajectory, convert, style_of

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Span(NamedTuple):
    """The rows that a stream is asked for, as `stream_trajectories` takes them."""

    start: int
    stop: int | None
    shard: tuple[int, int] | None = None
    cursor: str | None = None


KEY_COLUMNS: tuple[KeyColumn, ...] = ("key", "trial_name", "run_id", "task")


class FileTrajectorySource:
    """Reads rows of any layout in `hfsvc.trajectories.layouts`.

    Args:
        repo: The dataset.
        datasets: Says what is on disk, and downloads it when asked to.
        options: How to read it.

    Attributes:
        skipped_rows: Bad rows that streams of this source left out.
    """

    def __init__(self, repo: str, *, datasets: DatasetService, options: ReadOptions | None = None) -> None:
        self.skipped_rows = 0
        self._repo = repo
        self._datasets = datasets
        self._options = options or ReadOptions()
        self._snapshot: Snapshot | None = None

    async def ensure_downloaded(self) -> Path:
        if not await self._datasets.is_downloaded(self._repo):
            await self._download()
        return (await self._dataset()).local_path

    async def _download(self) -> None:
        *likely, last = DATA_GLOBS
        for include in likely:
            try:
                await self._datasets.download(DatasetRequest(repo=self._repo, include=include))
                return
            except FileNotFound as error:
                if error.path is not None:
                    raise
        await self._datasets.download(DatasetRequest(repo=self._repo, include=last))

    async def count(self) -> int:
        return await self._read(lambda snapshot: len(snapshot.rows_matching(None)))

    # ---- streams ----------------------------------------------------------------------------------------------------

    def stream_trajectories(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
    ) -> AsyncGenerator[Trajectory, None]:
        return self._values(Span(start, stop, shard, cursor), lambda _: self._view(trajectory_of))

    def stream_rows(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
    ) -> AsyncGenerator[TrajectoryRow, None]:
        def view_of(snapshot: Snapshot) -> BatchMapper[TrajectoryRow]:
            return self._view(partial(row_of, snapshot.numbering))

        return self._values(Span(start, stop, shard, cursor), view_of)

    def stream_batches(
        self,
        *,
        columns: Sequence[str] | None = None,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """The rows as they are stored, in Arrow record batches of at most eight megabytes, or one row.

        Args:
            columns: Names of columns; None for those that trajectories are made of.
            start: First row.
            stop: Row to stop before; None for the end.
            shard: As for `stream_trajectories`.
            cursor: Of `stream_rows`; goes on after its row.
        """
        view: BatchMapper[pa.RecordBatch] = BatchMapper(
            lambda file: file.facts.layout.columns if columns is None else [*columns], lambda *found: [found[-1]]
        )
        return self._values(Span(start, stop, shard, cursor), lambda _: view)

    async def statistics(self) -> DatasetStatistics:
        gathering = StatisticsBuilder()

        def add(_: RowLocation, file: DataFile, batch: pa.RecordBatch) -> list[BadRow | None]:
            layout = file.facts.layout
            gathering.add(layout.turns(batch), layout.facts.texts(batch, COUNTED))
            return []

        view = BatchMapper(lambda file: file.facts.layout.columns, add)
        async with aclosing(self._values(Span(0, None), lambda _: view)) as nothing:
            async for _ in nothing:
                pass
        return gathering.result()

    async def _values(self, span: Span, view_of: Callable[[Snapshot], BatchMapper[T]]) -> AsyncGenerator[T, None]:
        snapshot = await self._open(await self._dataset())
        reader = await self._reader(snapshot, span, view_of(snapshot))
        try:
            while (values := await reader.next()) is not None:
                for value in values:
                    yield unless_bad(value)
        finally:
            await reader.aclose()

    async def _reader(self, snapshot: Snapshot, span: Span, view: BatchMapper[T]) -> RowReader[T]:
        first, last = row_range(snapshot.rows, span.start, span.stop, span.shard)
        if span.cursor is not None:
            # After the shard was cut: it goes on within the same one.
            first = max(first, row_after(span.cursor, snapshot.numbering))
        selection = await guarded(to_thread.run_sync(snapshot.select)) if self._options.filters else None
        return RowReader(
            snapshot.dataset,
            snapshot.files_with(first, last),
            Wanted(first, last, selection),
            view,
            snapshot.store.open_data,
            lambda: self._check_unchanged(snapshot.dataset),
        )

    def _view(self, make: Callable[[RowLocation, BuiltTrajectory], T]) -> BatchMapper[T]:
        def convert_batch(first: RowLocation, file: DataFile, batch: pa.RecordBatch) -> list[T | BadRow]:
            return list(self._made(convert(batch, first, file.facts.layout, style_of(self._options)), make))

        return BatchMapper(lambda file: file.facts.layout.columns, convert_batch)

    def _made(
        self,
        found: Iterable[tuple[RowLocation, BuiltTrajectory | Unreadable]],
        make: Callable[[RowLocation, BuiltTrajectory], T],
    ) -> Iterator[T | BadRow]:
        # A bad row is handed on where it stands, so that it is raised after the rows before it, wherever batches end.
        for place, converted in found:
            if not isinstance(converted, Unreadable):
                yield make(place, converted)
                continue
            bad = BadRow(file=place.file, row=place.row, column=converted.column, reason=converted.reason)
            if self._options.on_bad_row == "raise":
                yield bad
                return
            self.skipped_rows += 1
            logger.warning("skipped: %s", bad.message())

    # ---- single rows ------------------------------------------------------------------------------------------------

    async def get_trajectory(self, key: int | str) -> Trajectory | None:
        rows = (key,) if isinstance(key, int) else await self.find_rows(key)
        if not rows or rows[0] < 0:
            return None
        found = await self.get_trajectories(rows[0], 1)
        return found[0] if found else None

    async def get_trajectories(self, offset: int, limit: int) -> list[Trajectory]:
        if limit <= 0:
            return []
        view = self._view(trajectory_of)

        def read(snapshot: Snapshot) -> list[Trajectory | BadRow]:
            first, last = row_range(snapshot.rows, offset, offset + limit, None)
            wanted = Wanted(first, last, snapshot.select() if self._options.filters else None)
            return read_few(snapshot.dataset, snapshot.files_with(first, last), wanted, view, snapshot.store.open)

        return list(map(unless_bad, await self._read(read)))

    # ---- lists and look-ups -----------------------------------------------------------------------------------------

    async def find_rows(self, key: str, *, by: KeyColumn | None = None) -> tuple[int, ...]:
        columns = (by,) if by else KEY_COLUMNS

        def find(snapshot: Snapshot) -> tuple[int, ...]:
            found = (snapshot.rows_with(column, key) for column in columns)
            return next(filter(None, found), ())

        return await self._read(find)

    async def list_summaries(self, offset: int, limit: int, query: str | None = None) -> SummaryPage:
        if offset < 0:
            raise ValueError("rows are counted from 0")

        def find(snapshot: Snapshot) -> SummaryPage:
            rows = snapshot.rows_matching(query)
            items = snapshot.index.summaries(rows[offset : offset + max(0, limit)])
            return SummaryPage(total=len(rows), offset=offset, items=tuple(items))

        return await self._read(find)

    async def count_values(self, field: SummaryField, query: str | None = None, *, limit: int = 100) -> ValueCounts:
        return cut(await self._read(lambda snapshot: snapshot.count_values(field, query)), limit)

    # ---- what is on disk --------------------------------------------------------------------------------------------

    async def _read(self, read: Callable[[Snapshot], T]) -> T:
        """What `read` gives, called in a worker thread. What it reads is tied to the content of files as they were."""
        dataset = await self._dataset()
        snapshot = self._last(dataset) or await self._open(dataset)
        try:
            return await guarded(to_thread.run_sync(snapshot.read, read))
        except FilesReplaced:
            return await guarded(to_thread.run_sync((await self._open(dataset)).read, read))
        except (BadParquet, NotDownloaded):
            await self._check_unchanged(dataset)
            raise

    async def _dataset(self) -> DownloadedDataset:
        dataset = await self._datasets.get_download_info(self._repo)
        if dataset is None:
            raise NotDownloaded(repo=self._repo)
        return dataset

    async def _check_unchanged(self, dataset: DownloadedDataset) -> None:
        now = await self._datasets.get_download_info(self._repo)
        if now is None or now.commit != dataset.commit:
            raise DatasetChanged(repo=dataset.repo)

    def _last(self, dataset: DownloadedDataset) -> Snapshot | None:
        return self._snapshot if self._snapshot and self._snapshot.dataset == dataset else None

    async def _open(self, dataset: DownloadedDataset) -> Snapshot:
        known = self._last(dataset)
        if known is not None:
            fresh = await to_thread.run_sync(known.is_fresh)
            if fresh:
                return known
        self._snapshot = await read_unchanged(
            lambda: Snapshot(dataset, self._options), lambda: self._check_unchanged(dataset)
        )
        return self._snapshot


def unless_bad(value: T | BadRow) -> T:
    """The value of a row, or its error."""
    if isinstance(value, BadRow):
        raise value
    return value


def trajectory_of(_: RowLocation, found: BuiltTrajectory) -> Trajectory:
    """A trajectory alone."""
    return found.trajectory


def row_of(numbering: Numbering, place: RowLocation, found: BuiltTrajectory) -> TrajectoryRow:
    """A trajectory with its surroundings."""
    cursor = write_cursor(numbering, place.row)
    return TrajectoryRow(row=place.row, file=place.file, cursor=cursor, **found._asdict())


def row_range(rows: int, start: int, stop: int | None, shard: tuple[int, int] | None) -> tuple[int, int]:
    """The rows to read of a dataset of `rows`: first inclusive, last exclusive. Pure.

    Raises:
        ValueError: A negative number, or a shard that is not ``0 <= i < n``.
    """
    if start < 0 or (stop is not None and stop < 0):
        raise ValueError("rows are counted from 0")
    index, shards = shard or (0, 1)
    if not 0 <= index < shards:
        raise ValueError(f"shard {index} of {shards}: it must be 0 <= i < n")
    first = min(start, rows)
    length = max(0, min(rows, rows if stop is None else stop) - first)
    return first + length * index // shards, first + length * (index + 1) // shards
