"""`TrajectorySource` over the parquet files of a downloaded dataset."""

import logging
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from hfsvc.atif import Trajectory
from hfsvc.errors import BadParquet, BadRow, DatasetChanged, NotDownloaded
from hfsvc.models import DatasetRequest, DownloadedDataset
from hfsvc.protocols import DatasetService, KeyColumn
from hfsvc.rows import ReadOptions, SummaryPage, TrajectoryRow, TrajectorySummary
from hfsvc.trajectories.batches import RowFile
from hfsvc.trajectories.conversation import Place, Unreadable
from hfsvc.trajectories.converting import STYLES, convert
from hfsvc.trajectories.cursor import Numbering, number_rows, row_after, write_cursor
from hfsvc.trajectories.layouts.layout import Layout
from hfsvc.trajectories.layouts.opening import Layouts
from hfsvc.trajectories.opening import open_rows
from hfsvc.trajectories.reader import FileRows, RowReader, View, read_unchanged
from hfsvc.trajectories.splits import choose_files
from hfsvc.trajectories.summaries import make_filter, summaries_of, summary_columns

logger = logging.getLogger(__name__)
T = TypeVar("T")
KEY_COLUMNS: tuple[KeyColumn, ...] = ("trial_name", "run_id", "task")


class ParquetTrajectorySource:
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
            await reader.aclose()

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
            await reader.aclose()

    async def _rows(
        self, start: int, stop: int | None, shard: tuple[int, int] | None, cursor: str | None
    ) -> RowReader[TrajectoryRow | BadRow]:
        dataset, files = await self._files()
        numbering = number_rows(dataset.repo, dataset.commit, ((each.file, each.stop - each.first) for each in files))
        first, last = row_range(files[-1].stop, start, stop, shard)
        if cursor is not None:
            # After the shard was cut: it goes on within the same one.
            first = max(first, row_after(cursor, numbering))

        layouts = Layouts(self._options)

        def convert(file: FileRows, row: int, batch: pa.RecordBatch) -> list[TrajectoryRow | BadRow]:
            return list(self._convert(numbering, file, row, batch, layouts[file.file]))

        def columns_of(rows: RowFile, file: str) -> list[str]:
            return layouts.find(rows, file).columns

        return self._reader(dataset, files, first, last, View(columns_of, convert))

    def _reader(
        self, dataset: DownloadedDataset, files: list[FileRows], first: int, last: int, view: View[T]
    ) -> RowReader[T]:
        return RowReader(dataset, files, first, last, view, lambda: self._check_unchanged(dataset))

    def _convert(
        self, numbering: Numbering, file: FileRows, row: int, batch: pa.RecordBatch, layout: Layout
    ) -> Iterator[TrajectoryRow | BadRow]:
        first = Place(numbering.repo, numbering.commit, file.file, row, row - file.first)
        # A bad row is handed on where it stands, so that it is raised after the rows before it, wherever batches end.
        for place, found in convert(batch, first, layout, STYLES[self._options.style]):
            if not isinstance(found, Unreadable):
                cursor = write_cursor(numbering, place.row)
                yield TrajectoryRow(row=place.row, file=place.file, cursor=cursor, **found._asdict())
                continue
            bad = BadRow(file=place.file, row=place.row, column=found.column, reason=found.reason)
            if self._options.on_bad_row == "raise":
                yield bad
                return
            self.skipped_rows += 1
            logger.warning("skipped: %s", bad)

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
        layouts = Layouts(self._options)
        view = View(
            lambda rows, file: summary_columns(rows, layouts.find(rows, file)),
            lambda file, row, batch: list(summaries_of(batch, row, layouts[file.file])),
        )
        reader = self._reader(dataset, files, 0, files[-1].stop, view)
        try:
            while (summaries := await reader.next()) is not None:
                for summary in summaries:
                    yield summary
        finally:
            await reader.aclose()

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
            files = await read_unchanged(lambda: self._count_rows(dataset), lambda: self._check_unchanged(dataset))
            self._counted = dataset, files
        return self._counted

    def _chosen(self, dataset: DownloadedDataset) -> tuple[str, ...]:
        wanted = {"config": self._options.config, "split": self._options.split}
        return choose_files(dataset.repo, dataset.files, dataset.configs, **wanted)

    def _count_rows(self, dataset: DownloadedDataset) -> list[FileRows]:
        files: list[FileRows] = []
        first = 0
        for file in self._chosen(dataset):
            with open_rows(dataset.local_path, file, dataset.repo) as rows:
                Layouts(self._options).find(rows, file)
                files.append(FileRows(file, first, first + rows.rows))
            first = files[-1].stop
        if not files:
            raise BadParquet(
                file=dataset.repo, reason="none of its files on disk holds rows: parquet, JSON Lines or JSON"
            )
        return files


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
