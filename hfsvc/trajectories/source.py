"""`TrajectorySource` over the files of a downloaded dataset."""

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow as pa
from anyio import to_thread

from hfsvc.aio.cancellation import in_task_group
from hfsvc.arguments import check_rows, check_value
from hfsvc.atif import Trajectory
from hfsvc.errors import BadRow
from hfsvc.models import (
    DatasetRequest,
    DatasetStatistics,
    FileLayout,
    KeyColumn,
    ReadOptions,
    SummaryField,
    SummaryPage,
    TrajectoryRow,
    ValueCounts,
)
from hfsvc.protocols import DatasetService
from hfsvc.trajectories.batch_mapper import (
    BatchMapper,
    columns_among,
    layout_columns,
    map_rows,
    row_of,
    trajectory_of,
    unless_bad,
)
from hfsvc.trajectories.data_file import DataFile
from hfsvc.trajectories.index.facets import check_count, cut
from hfsvc.trajectories.index.query import check_query
from hfsvc.trajectories.layouts.conversation import RowLocation
from hfsvc.trajectories.reader import RowReader, read_few
from hfsvc.trajectories.selection import RowRange, SelectedRows
from hfsvc.trajectories.snapshot import LatestSnapshot, OnRows, Snapshot
from hfsvc.trajectories.statistics import COUNTED, StatisticsBuilder
from hfsvc.trajectories.styles.convert import BuiltTrajectory, recovered

logger = logging.getLogger(__name__)
T = TypeVar("T")


class FileTrajectorySource:
    """The trajectories of a downloaded dataset, of any layout in `hfsvc.trajectories.layouts`.

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
        self._latest = LatestSnapshot(repo, datasets, self._options)

    @property
    def left_out(self) -> tuple[FileLayout, ...]:
        """As `hfsvc.protocols.TrajectorySource.left_out`."""
        return self._latest.left_out

    def watch(self, on_rows: OnRows) -> None:
        """Have `on_rows` told, while `statistics` or a first list or look-up goes over all rows, how far it has come.

        It is called from worker threads too.
        """
        self._latest.on_rows = on_rows

    async def ensure_downloaded(self) -> Path:
        if not await self._datasets.is_downloaded(self._repo):
            await self._datasets.download(DatasetRequest(repo=self._repo))
        return (await self._latest.dataset()).local_path

    async def count(self) -> int:
        return await self._latest.read(lambda snapshot: len(snapshot.rows_matching(None)))

    # ---- streams ----------------------------------------------------------------------------------------------------

    def stream_trajectories(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
    ) -> AsyncGenerator[Trajectory, None]:
        return self._values(RowRange(start, stop, shard, cursor).check(), lambda _: self._map_rows(trajectory_of))

    def stream_rows(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
    ) -> AsyncGenerator[TrajectoryRow, None]:
        def mapper_of(snapshot: Snapshot) -> BatchMapper[TrajectoryRow]:
            return self._map_rows(partial(row_of, snapshot.numbering))

        return self._values(RowRange(start, stop, shard, cursor).check(), mapper_of)

    def stream_batches(
        self,
        *,
        columns: Sequence[str] | str | None = None,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        check_value("columns", columns, list[str] | str | None)
        named = [columns] if isinstance(columns, str) else columns
        columns_of = layout_columns if named is None else partial(columns_among, named)
        mapper: BatchMapper[pa.RecordBatch] = BatchMapper(columns_of, lambda *found: [found[-1]])
        return self._values(RowRange(start, stop, shard, cursor).check(), lambda _: mapper)

    async def statistics(self) -> DatasetStatistics:
        statistics = StatisticsBuilder()

        def add(rows: int, first: RowLocation, file: DataFile, batch: pa.RecordBatch) -> list[BadRow | None]:
            statistics.add(file.layout.message_counts(batch), file.layout.metadata.texts(batch, COUNTED))
            for each in recovered(batch, first, file.layout, self._options):
                statistics.recovered.add(each)
            self._latest.tell_rows(first.row + batch.num_rows, rows)
            return []

        def mapper_of(snapshot: Snapshot) -> BatchMapper[None]:
            return BatchMapper(layout_columns, partial(add, snapshot.rows))

        async with aclosing(self._values(RowRange(), mapper_of)) as nothing:
            async for _ in nothing:
                pass
        return msgspec.structs.replace(statistics.result(), left_out=self.left_out)

    async def _values(self, rows: RowRange, mapper_of: Callable[[Snapshot], BatchMapper[T]]) -> AsyncGenerator[T, None]:
        snapshot = await self._latest.open(await self._latest.dataset())
        first, last = rows.remaining(snapshot.rows, snapshot.numbering)
        selection = await in_task_group(to_thread.run_sync(snapshot.selection)) if self._options.filters else None
        reader = RowReader(
            snapshot.dataset,
            snapshot.files_with(first, last),
            SelectedRows(first, last, selection),
            mapper_of(snapshot),
            snapshot.row_cache.open_data,
            lambda: self._latest.check_unchanged(snapshot.dataset),
        )
        try:
            while (values := await reader.next()) is not None:
                for value in values:
                    yield unless_bad(value)
        finally:
            await reader.aclose()

    def _map_rows(self, make: Callable[[RowLocation, BuiltTrajectory], T]) -> BatchMapper[T]:
        return map_rows(self._options, make, self._skip)

    def _skip(self, bad: BadRow) -> None:
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
        mapper = self._map_rows(trajectory_of)

        def read(snapshot: Snapshot) -> list[Trajectory | BadRow]:
            first, last = RowRange(offset, offset + limit).bounds(snapshot.rows)
            selected = SelectedRows(first, last, snapshot.selection())
            return read_few(
                snapshot.dataset, snapshot.files_with(first, last), selected, mapper, snapshot.row_cache.open
            )

        return list(map(unless_bad, await self._latest.read(read)))

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
