"""What every `TrajectorySource` keeps: the one that reads files, of parquet and of JSON, and the fake that stands in."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from dependency_injector import providers

from hfsvc.containers import open_container
from hfsvc.errors import BadRow, DatasetChanged, NotDownloaded
from hfsvc.models import DatasetRequest, OnBadRow, ReadOptions
from hfsvc.protocols import TrajectorySource
from hfsvc.settings import Settings
from hfsvc.testing import FakeDatasetService, FakeTrajectorySource
from hfsvc.testing.contracts import TrajectorySourceContract, TrajectoryWorld
from hfsvc.testing.contracts.trajectory_world import Rows
from hfsvc.testing.samples import rows_table, sample_row, sample_rows, sample_trajectory
from hfsvc.trajectories.source import FileTrajectorySource

from ..builders import REPO, everything
from .tables import parquet, until


class FileWorld:
    """A source of files of one form; rows lie in two of them."""

    def __init__(self, root: Path) -> None:
        self._datasets = FakeDatasetService(root)

    def files_of(self, rows: Rows) -> Mapping[str, bytes]:
        raise NotImplementedError

    def _publish(self, files: Mapping[str, bytes]) -> None:
        for path, content in files.items():
            self._datasets.publish(REPO, path, content)

    async def open(self, rows: Rows, *, on_bad_row: OnBadRow = "raise") -> TrajectorySource:
        await self.move(rows)
        return FileTrajectorySource(REPO, datasets=self._datasets, options=ReadOptions(on_bad_row=on_bad_row))

    async def open_remote(self, rows: Rows) -> TrajectorySource:
        self._publish(self.files_of(rows))
        return FileTrajectorySource(REPO, datasets=self._datasets)

    async def move(self, rows: Rows) -> None:
        self._publish(self.files_of(rows))
        await self._datasets.download(everything())

    def damaged_files(self) -> Mapping[str, bytes]:
        raise NotImplementedError

    async def open_damaged(self) -> TrajectorySource:
        self._publish(self.damaged_files())
        await self._datasets.download(everything())
        return FileTrajectorySource(REPO, datasets=self._datasets)


class ParquetWorld(FileWorld):
    def files_of(self, rows: Rows) -> Mapping[str, bytes]:
        table, half = rows_table(rows), len(rows) // 2
        return {
            "data/a.parquet": parquet(table.slice(0, half), row_group_size=max(2, half // 9)),
            "data/b.parquet": parquet(table.slice(half), row_group_size=max(3, half // 7)),
        }

    def damaged_files(self) -> Mapping[str, bytes]:
        return {"data/a.parquet": parquet(sample_rows(4))[:-40]}


class JsonWorld(FileWorld):
    def files_of(self, rows: Rows) -> Mapping[str, bytes]:
        half = (len(rows) + 1) // 2
        parts = {"data/a.jsonl": rows[:half], "data/b.jsonl": rows[half:]}
        return {path: json_lines(part) for path, part in parts.items() if part}

    def damaged_files(self) -> Mapping[str, bytes]:
        return {"data/a.jsonl.gz": gzip.compress(json_lines(sample_rows(4)))[:-40]}


def json_lines(rows: Rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


class FakeWorld:
    def __init__(self, root: Path) -> None:
        self._folder = root / REPO
        self._fake = FakeTrajectorySource([])

    async def open(self, rows: Rows, *, on_bad_row: OnBadRow = "raise") -> TrajectorySource:
        made = [sample_trajectory(row) for row in rows]
        self._fake = FakeTrajectorySource(made, repo=REPO, folder=self._folder, on_bad_row=on_bad_row)
        return self._fake

    async def open_remote(self, rows: Rows) -> TrajectorySource:
        made = [sample_trajectory(row) for row in rows]
        return FakeTrajectorySource(made, repo=REPO, folder=self._folder, downloaded=False)

    async def move(self, rows: Rows) -> None:
        self._fake.replace([sample_trajectory(row) for row in rows])

    async def open_damaged(self) -> None:
        return None


class OurContract(TrajectorySourceContract):
    """What our sources keep beyond it."""

    async def test_errors_name_the_dataset_and_the_place(self, world: TrajectoryWorld, root: Path) -> None:
        remote = await world.open_remote(sample_rows(1))
        with pytest.raises(NotDownloaded) as missing:
            await remote.count()
        assert missing.value.repo == REPO
        assert await remote.ensure_downloaded() == root / REPO
        source = await world.open([sample_row(0), sample_row(1, conversations=None)])
        _, bad = await until(BadRow, source.stream_rows())
        assert bad.column == "conversations"

    async def test_the_error_of_a_moved_dataset_names_it(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(6))
        stream = source.stream_rows()
        await anext(stream)
        await world.move(sample_rows(6, 1))
        _, error = await until(DatasetChanged, stream)
        assert error.repo == REPO


class TestParquetSource(OurContract):
    @pytest.fixture
    def world(self, root: Path) -> TrajectoryWorld:
        return ParquetWorld(root)


class TestJsonSource(OurContract):
    @pytest.fixture
    def world(self, root: Path) -> TrajectoryWorld:
        return JsonWorld(root)


class TestFakeTrajectorySource(OurContract):
    @pytest.fixture
    def world(self, root: Path) -> TrajectoryWorld:
        return FakeWorld(root)


async def tasks(source: TrajectorySource) -> list[str]:
    return [each.extra["task"] async for each in source.stream_trajectories() if each.extra]


async def test_a_file_is_named_with_its_row_and_its_dataset_with_its_trajectory(root: Path) -> None:
    source = await ParquetWorld(root).open(sample_rows(4))
    found = [each async for each in source.stream_rows()]
    assert [each.file for each in found] == ["data/a.parquet"] * 2 + ["data/b.parquet"] * 2
    assert [(each.trajectory.extra or {})["source"] for each in found] == [REPO] * 4


async def test_the_fake_takes_the_place_of_a_source_in_a_container(root: Path) -> None:
    fake = FakeTrajectorySource([None], on_bad_row="skip")
    async with open_container(Settings(root=root), source=providers.Object(fake)) as container:
        assert await tasks(container.source("openthoughts-sft")) == []
    assert fake.skipped_rows == 1


async def test_the_service_behind_a_source_may_be_a_fake(root: Path) -> None:
    datasets = FakeDatasetService(root, {REPO: {"a.parquet": parquet(sample_rows(2))}})
    async with open_container(Settings(root=root), datasets=providers.Object(datasets)) as container:
        source = container.source(REPO, on_bad_row="skip")
        await source.ensure_downloaded()
        assert await tasks(source) == ["task_0", "task_1"]
    assert datasets.requests == [DatasetRequest(repo=REPO)]
