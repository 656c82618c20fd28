"""`TrajectorySource` over the parquet files of a downloaded dataset."""

import logging
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Literal, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from hfsvc.atif import Trajectory
from hfsvc.errors import BadParquet, BadRow, DatasetChanged, NotDownloaded
from hfsvc.models import DatasetRequest, DownloadedDataset, SummaryPage, TrajectoryRow, TrajectorySummary
from hfsvc.protocols import DatasetService, KeyColumn
from hfsvc.trajectories.batches import open_parquet
from hfsvc.trajectories.cursor import Numbering, number_rows, row_after, write_cursor
from hfsvc.trajectories.harbor_rows import Unreadable, missing_columns, trajectories_of, wanted_columns
from hfsvc.trajectories.reader import FileRows, RowReader, View, read_unchanged
from hfsvc.trajectories.summaries import make_filter, summaries_of, summary_columns

logger = logging.getLogger(__name__)
OnBadRow = Literal["raise", "skip"]
T = TypeVar("T")
KEY_COLUMNS: tuple[KeyColumn, ...] = ("trial_name", "run_id", "task")


class ParquetTrajectorySource:
    """Reads rows in the layout of ``harbor traces export``.

    Args:
        repo: The dataset.
        datasets: Says what is on disk, and downloads it when asked to.
        on_bad_row: Raise `BadRow`, or skip the row, count it and go on.

    Attributes:
        skipped_rows: Bad rows that streams of this source left out.
    """

    def __init__(self, repo: str, *, datasets: DatasetService, on_bad_row: OnBadRow = "raise") -> None:
        self.skipped_rows = 0
        self._repo = repo
        self._datasets = datasets
        self._on_bad_row = on_bad_row
        self._counted: tuple[DownloadedDataset, list[FileRows]] | None = None

    async def ensure_downloaded(self) -> Path:
        if not await self._datasets.is_downloaded(self._repo):
            await self._datasets.download(DatasetRequest(repo=self._repo))
        return (await self._dataset()).local_path

    async def count(self) -> int:
        _, files = await self._files()
        return files[-1].stop

    # ---- streams ----------------------------------------------------------------------------------------------------

    async def stream_trajectories(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
    ) -> AsyncGenerator[Trajectory, None]:
        reader = await self._rows(start, stop, shard, cursor)
        try:
            while (rows := await reader.next()) is not None:
                for row in rows:
                    if isinstance(row, BadRow):
                        raise row
                    yield row.trajectory
        finally:
            reader.close()

    async def stream_rows(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
    ) -> AsyncGenerator[TrajectoryRow, None]:
        reader = await self._rows(start, stop, shard, cursor)
        try:
            while (rows := await reader.next()) is not None:
                for row in rows:
                    if isinstance(row, BadRow):
                        raise row
                    yield row
        finally:
            reader.close()

    async def _rows(
        self, start: int, stop: int | None, shard: tuple[int, int] | None, cursor: str | None
    ) -> RowReader[TrajectoryRow | BadRow]:
        dataset, files = await self._files()
        numbering = number_rows(dataset.repo, dataset.commit, ((each.file, each.stop - each.first) for each in files))
        first, last = row_range(files[-1].stop, start, stop, shard)
        if cursor is not None:
            # After the shard was cut: it goes on within the same one.
            first = max(first, row_after(cursor, numbering))

        def convert(file: str, row: int, batch: pa.RecordBatch) -> list[TrajectoryRow | BadRow]:
            return list(self._convert(numbering, file, row, batch))

        return self._reader(dataset, files, first, last, View(_trajectory_columns, convert))

    def _reader(
        self, dataset: DownloadedDataset, files: list[FileRows], first: int, last: int, view: View[T]
    ) -> RowReader[T]:
        return RowReader(dataset, files, first, last, view, lambda: self._check_unchanged(dataset))

    def _convert(
        self, numbering: Numbering, file: str, first_row: int, batch: pa.RecordBatch
    ) -> Iterator[TrajectoryRow | BadRow]:
        # A bad row is handed on where it stands, so that it is raised after the rows before it, wherever batches end.
        for row, found in enumerate(trajectories_of(batch, numbering.repo, first_row), first_row):
            if isinstance(found, Unreadable):
                bad = BadRow(file=file, row=row, column=found.column, reason=found.reason)
                if self._on_bad_row == "raise":
                    yield bad
                    return
                self.skipped_rows += 1
                logger.warning("skipped: %s", bad)
                continue
            cursor = write_cursor(numbering, row)
            yield TrajectoryRow(row=row, file=file, cursor=cursor, trajectory=found)

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
        return [each async for each in self.stream_trajectories(start=offset, stop=offset + limit)]

    async def find_rows(self, key: str, *, by: KeyColumn | None = None) -> tuple[int, ...]:
        columns = (by,) if by else KEY_COLUMNS
        found: dict[str, list[int]] = {column: [] for column in columns}
        async for summary in self.iter_summaries():
            for column in columns:
                if getattr(summary, column) == key:
                    found[column].append(summary.row)
        return next((tuple(rows) for rows in found.values() if rows), ())

    async def list_summaries(self, offset: int, limit: int, query: str | None = None) -> SummaryPage:
        if offset < 0:
            raise ValueError("rows are counted from 0")
        matches = make_filter(query)
        page: list[TrajectorySummary] = []
        total = 0
        async for summary in self.iter_summaries():
            if matches(summary):
                if offset <= total < offset + limit:
                    page.append(summary)
                total += 1
        return SummaryPage(total=total, offset=offset, items=tuple(page))

    async def iter_summaries(self) -> AsyncGenerator[TrajectorySummary, None]:
        """The summary of every row, in row order; the text of messages is not read."""
        dataset, files = await self._files()
        view = View(_summary_columns, lambda _, row, batch: list(summaries_of(batch, row)))
        reader = self._reader(dataset, files, 0, files[-1].stop, view)
        try:
            while (summaries := await reader.next()) is not None:
                for summary in summaries:
                    yield summary
        finally:
            reader.close()

    # ---- what is on disk --------------------------------------------------------------------------------------------

    async def _dataset(self) -> DownloadedDataset:
        dataset = await self._datasets.get_download_info(self._repo)
        if dataset is None:
            raise NotDownloaded(repo=self._repo)
        return dataset

    async def _check_unchanged(self, dataset: DownloadedDataset) -> None:
        now = await self._datasets.get_download_info(self._repo)
        if now is None or now.commit != dataset.commit:
            raise DatasetChanged(repo=dataset.repo)

    async def _files(self) -> tuple[DownloadedDataset, list[FileRows]]:
        dataset = await self._dataset()
        if self._counted is None or self._counted[0] != dataset:
            files = await read_unchanged(lambda: _count_rows(dataset), lambda: self._check_unchanged(dataset))
            self._counted = dataset, files
        return self._counted


def _count_rows(dataset: DownloadedDataset) -> list[FileRows]:
    files: list[FileRows] = []
    first = 0
    for file in (name for name in dataset.files if name.endswith(".parquet")):
        with open_parquet(dataset.local_path, file, dataset.repo) as parquet:
            _trajectory_columns(parquet, file)
            rows = parquet.metadata.num_rows
        files.append(FileRows(file, first, first + rows))
        first += rows
    if not files:
        raise BadParquet(file=dataset.repo, reason="none of its files on disk is parquet")
    return files


def _trajectory_columns(parquet: pq.ParquetFile, file: str) -> list[str]:
    if reason := missing_columns(parquet.schema_arrow):
        raise BadParquet(file=file, reason=reason)
    return wanted_columns(parquet.schema_arrow)


def _summary_columns(parquet: pq.ParquetFile, _: str) -> list[str]:
    return summary_columns(parquet)


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
