"""`TrajectorySource` over the files of a downloaded dataset."""

import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
from anyio import to_thread

from hfsvc.aio.cancellation import in_task_group
from hfsvc.aio.process_map import processes_of
from hfsvc.arguments import check_rows, check_value
from hfsvc.atif import Trajectory
from hfsvc.errors import BadRow
from hfsvc.models import (
    DatasetRequest,
    DatasetStatistics,
    DownloadedDataset,
    FileLayout,
    KeyColumn,
    LeftFiles,
    ReadOptions,
    RemoteTraffic,
    SummaryField,
    SummaryPage,
    TrajectoryRow,
    ValueCounts,
    Workers,
)
from hfsvc.trajectories.batch_mapper import (
    BatchMapper,
    Placed,
    map_batches,
    map_kept,
    map_rows,
    row_by_row,
    trajectory_of,
)
from hfsvc.trajectories.chooser import check_choice
from hfsvc.trajectories.cursor import Reading
from hfsvc.trajectories.divided_stream import DividedStream
from hfsvc.trajectories.engines.engine_source import EngineSource
from hfsvc.trajectories.files.dataset_files import folder_files
from hfsvc.trajectories.index.facets import check_count, cut
from hfsvc.trajectories.index.query import check_query
from hfsvc.trajectories.judged_files import judge_files
from hfsvc.trajectories.kept_columns import check_kept
from hfsvc.trajectories.reader import RowReader, read_few
from hfsvc.trajectories.reading_order import Pass, passes
from hfsvc.trajectories.row_counts import count_divided, map_counts
from hfsvc.trajectories.row_stream import CountedStream, StreamTally
from hfsvc.trajectories.selection import RowRange, SelectedRows, selected
from hfsvc.trajectories.snapshot import DatasetLookup, FilesOf, LatestSnapshot, OnRows, Snapshot
from hfsvc.trajectories.statistics import StatisticsBuilder

logger = logging.getLogger(__name__)
T = TypeVar("T")
MapperOf = Callable[[Callable[[int], str]], BatchMapper[T]]
"""Makes what maps the rows of a pass, given what writes the cursor after one of them."""


class FileTrajectorySource(EngineSource):
    """The trajectories of a downloaded dataset, of any layout in `hfsvc.trajectories.layouts`.

    Args:
        repo: The dataset.
        datasets: Says what is on disk, and downloads it when asked to.
        options: How to read it.
        sidecars: Where its sidecars lie; None for the store that holds it.
        files_of: Gives its files, to be read; those on disk unless given.
        traffic: Tells what was moved to read them; None where they are on disk.

    Attributes:
        options: As given.
        skipped_rows: Bad rows that streams of this source left out.
    """

    def __init__(
        self,
        repo: str,
        *,
        datasets: DatasetLookup,
        options: ReadOptions | None = None,
        sidecars: Path | None = None,
        files_of: FilesOf = folder_files,
        traffic: Callable[[], RemoteTraffic] | None = None,
    ) -> None:
        self._traffic = traffic
        self._files_of = files_of
        self.skipped_rows = 0
        self._repo = repo
        self._datasets = datasets
        self.options = options or ReadOptions()
        check_choice(self.options)
        self._latest = LatestSnapshot(repo, datasets, self.options, sidecars, files_of)

    @property
    def left_out(self) -> tuple[FileLayout, ...]:
        """As `hfsvc.protocols.TrajectorySource.left_out`."""
        return self._latest.left_out

    @property
    def left(self) -> LeftFiles | None:
        """As `hfsvc.protocols.TrajectorySource.left`."""
        return self._latest.left

    @property
    def traffic(self) -> RemoteTraffic | None:
        """What was moved over the network so far to read it; None where it is on disk."""
        return self._traffic() if self._traffic else None

    async def dataset(self) -> DownloadedDataset:
        """What is read: the dataset as it is on disk, or on the Hub.

        Raises:
            NotDownloaded: Nothing is on disk.
        """
        return await self._latest.dataset()

    async def explain_layouts(self) -> list[FileLayout]:
        """Every file that may hold rows, how it is read and why.

        Raises:
            NotDownloaded, SplitNotFound, InvalidSettings: As the methods that read rows.
        """
        dataset = await self._latest.dataset()
        files = self._files_of(dataset)
        judge = partial(judge_files, dataset, self.options, files)
        return [each.told for each in await in_task_group(to_thread.run_sync(judge))]

    def read_as(self, options: ReadOptions) -> "FileTrajectorySource":
        """Another source of the same dataset, at the same commit where it is remote, that is read in another way."""
        return FileTrajectorySource(
            self._repo, datasets=self._datasets, options=options, files_of=self._files_of, traffic=self._traffic
        )

    def watch(self, on_rows: OnRows) -> None:
        """Have `on_rows` told, while `statistics` or a first list or look-up goes over all rows, how far it has come.

        It is called from worker threads too.
        """
        self._latest.on_rows = on_rows

    def use_workers(self, workers: int) -> None:
        """Have `statistics`, and what a first list or look-up writes down, made by so many processes; 0 for one a core.

        What they find is the same. To be called before the dataset is looked at.
        """
        check_value("workers", workers, Workers)
        self._latest.workers = processes_of(workers)

    async def ensure_downloaded(self) -> Path | None:
        if not await self._datasets.is_downloaded(self._repo):
            brought = await self._datasets.download(DatasetRequest(repo=self._repo))
        else:
            brought = await self._latest.dataset()
        return brought.local_path if brought.is_on_disk else None

    async def count(self, *, where: str | None = None) -> int:
        check_query(where)
        return await self._latest.read(lambda snapshot: len(snapshot.rows_matching(where)))

    def stream_trajectories(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
        stripe: bool = False,
        limit: int | None = None,
        where: str | None = None,
    ) -> CountedStream[Trajectory]:
        rows = RowRange(start, stop, shard, cursor, stripe, limit, where)
        return self._stream(rows, lambda _: map_rows(self.options, trajectory_of))

    def stream_rows(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
        stripe: bool = False,
        limit: int | None = None,
        where: str | None = None,
    ) -> CountedStream[TrajectoryRow]:
        rows = RowRange(start, stop, shard, cursor, stripe, limit, where)
        return self._stream(rows, lambda cursor_of: map_kept(self.options, cursor_of))

    def stream_batches(
        self,
        *,
        columns: Sequence[str] | str | None = None,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
        stripe: bool = False,
        limit: int | None = None,
        where: str | None = None,
    ) -> CountedStream[pa.RecordBatch]:
        """The rows as they are stored, in Arrow record batches of at most eight megabytes, or one row.

        Args:
            columns: Names of columns; None for those that trajectories are made of.
            start: First row.
            stop: Row to stop before; None for the end.
            shard: As for `stream_trajectories`, like all others.
            cursor: Of `stream_rows`; goes on after its row.
            stripe: Parts are every n-th row.
            limit: Most rows.
            where: Words that rows must answer to.
        """
        check_value("columns", columns, list[str] | str | None)
        named = [columns] if isinstance(columns, str) else columns
        rows = RowRange(start, stop, shard, cursor, stripe, limit, where)
        return self._stream(rows, lambda _: map_batches(named))

    async def statistics(self, *, where: str | None = None) -> DatasetStatistics:
        total = (await self._latest.open(await self._latest.dataset())).rows
        on_row = partial(self._tell_row, total)
        if self._latest.workers == 1:
            statistics = StatisticsBuilder()
            mapper = map_counts(self.options, statistics, on_row)
            async with aclosing(self._stream(RowRange(where=where), lambda _: mapper)) as nothing:
                async for _ in nothing:
                    pass
        else:
            stream = await self.divide(RowRange(where=where))
            statistics = await in_task_group(count_divided(stream, self.options, self._latest.workers, on_row))
        return msgspec.structs.replace(statistics.result(), left_out=self.left_out, left=self.left)

    def _tell_row(self, total: int, row: int) -> None:
        self._latest.tell_rows(row, total)

    async def divide(self, rows: RowRange) -> DividedStream:
        snapshot = await self._latest.open(await self._latest.dataset())
        return await in_task_group(to_thread.run_sync(self._divided, snapshot, rows.check()))

    def _divided(self, snapshot: Snapshot, rows: RowRange) -> DividedStream:
        chosen = snapshot.choose(rows)
        check_kept(self.options.keep, snapshot.files)
        return DividedStream(
            snapshot,
            chosen,
            snapshot.begin_reading(rows, chosen),
            skip=self._skip,
            check_unchanged=lambda: self._latest.check_unchanged(snapshot.dataset),
        )

    def _stream(self, rows: RowRange, mapper_of: MapperOf[T]) -> CountedStream[T]:
        tally = StreamTally()
        return CountedStream(self._values(rows.check(), mapper_of, tally), tally)

    async def _values(self, rows: RowRange, mapper_of: MapperOf[T], tally: StreamTally) -> AsyncGenerator[T, None]:
        snapshot = await self._latest.open(await self._latest.dataset())
        chosen = await in_task_group(to_thread.run_sync(snapshot.choose, rows))
        reading = snapshot.begin_reading(rows, chosen)
        tally.begin(chosen, reading)
        check_kept(self.options.keep, snapshot.files)
        for some in passes(chosen, reading.left, snapshot.window_rows):
            mapper = mapper_of(partial(_cursor_after, reading, some.place))
            reader = self._reader(snapshot, some, mapper)
            try:
                while not tally.is_full(rows.limit) and (chunk := await _next_chunk(reader, some)) is not None:
                    for value in self._taken(chunk, some, rows.limit, tally):
                        yield value
            finally:
                await reader.aclose()
        tally.end()

    def _reader(self, snapshot: Snapshot, some: Pass, mapper: BatchMapper[T]) -> RowReader[T]:
        chosen = selected(some.rows)
        return RowReader(
            snapshot.dataset,
            snapshot.files_with(chosen.first, chosen.last),
            chosen,
            mapper if some.ordered else row_by_row(mapper),
            partial(snapshot.row_cache.open_data, chosen=chosen) if some.ordered else snapshot.row_cache.open,
            lambda: self._latest.check_unchanged(snapshot.dataset),
            decodes_ahead=not snapshot.is_remote,
        )

    def _taken(self, chunk: list[Placed[T]], some: Pass, limit: int | None, tally: StreamTally) -> Iterator[T]:
        """What comes out of a chunk, counted as it does."""
        for row, found in chunk:
            if tally.is_full(limit):
                return
            if isinstance(found, BadRow):
                self._skip(found)
                tally.was_bad(some.place(row) + 1)
                continue
            value: Any = found
            rows, cut = 1, 0
            if isinstance(value, pa.RecordBatch):
                rows = value.num_rows if limit is None else min(value.num_rows, limit - tally.written)
                value, cut = value.slice(0, rows), value.num_rows - rows
            tally.came_out(rows, some.place(row - cut) + 1)
            yield value

    def _skip(self, bad: BadRow) -> None:
        if self.options.on_bad_row == "raise":
            raise bad
        self.skipped_rows += 1
        logger.warning("skipped: %s", bad.message())

    # ---- single rows ------------------------------------------------------------------------------------------------

    async def get_trajectory(self, key: int | str) -> Trajectory | None:
        if not isinstance(key, str):
            check_rows(key=key)
        rows = await self.find_rows(key) if isinstance(key, str) else (key,)
        if not rows:
            return None
        found = await self.get_trajectories(rows[0], 1)
        return found[0] if found else None

    async def get_trajectories(self, offset: int, limit: int) -> list[Trajectory]:
        check_rows(offset=offset, limit=limit)
        if limit == 0:
            return []
        mapper = map_rows(self.options, trajectory_of)

        def read(snapshot: Snapshot) -> list[Placed[Trajectory]]:
            first, last = RowRange(offset, offset + limit).bounds(snapshot.rows)
            chosen = SelectedRows(first, last, snapshot.selection())
            return read_few(snapshot.dataset, snapshot.files_with(first, last), chosen, mapper, snapshot.row_cache.open)

        found: list[Trajectory] = []
        for _, each in await self._latest.read(read):
            if isinstance(each, BadRow):
                self._skip(each)
            else:
                found.append(each)
        return found

    # ---- lists and look-ups -----------------------------------------------------------------------------------------

    async def find_rows(self, key: str, *, by: KeyColumn | None = None) -> tuple[int, ...]:
        check_value("key", key, str)
        check_value("by", by, KeyColumn | None)
        return await self._latest.read(lambda snapshot: snapshot.find_rows(key, by))

    async def list_summaries(self, offset: int, limit: int, query: str | None = None) -> SummaryPage:
        check_rows(offset=offset, limit=limit)
        check_query(query)

        def find(snapshot: Snapshot) -> SummaryPage:
            rows = snapshot.rows_matching(query)
            items = snapshot.index.summaries(rows[offset : offset + limit])
            return SummaryPage(total=len(rows), offset=offset, items=tuple(items))

        return await self._latest.read(find)

    async def count_values(self, field: SummaryField, query: str | None = None, *, limit: int = 100) -> ValueCounts:
        check_count(field, query, limit)
        return cut(await self._latest.read(lambda snapshot: snapshot.count_values(field, query)), limit)


def _cursor_after(reading: Reading, place: Callable[[int], int], row: int) -> str:
    return reading.cursor_after(place(row) + 1)


async def _next_chunk(reader: RowReader[T], some: Pass) -> list[Placed[T]] | None:
    """The next values in the order of the pass: where that is another one than the reader's, all at once."""
    if some.ordered:
        return await reader.next()
    mixed: list[Placed[T]] = []
    while (chunk := await reader.next()) is not None:
        mixed += chunk
    return sorted(mixed, key=lambda found: some.place(found[0])) or None
