"""What every `TrajectorySource` keeps, of sources that read on a loopback Hub, of parquet and of JSON."""

import gzip
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from hfsvc.containers import Container
from hfsvc.models import OnBadRow
from hfsvc.protocols import TrajectorySource
from hfsvc.testing import LocalHub
from hfsvc.testing.contracts import TrajectorySourceContract, TrajectoryWorld
from hfsvc.testing.contracts.trajectory_world import Rows
from hfsvc.testing.samples import rows_table, sample_rows
from tests.builders import REPO, open_container_for
from tests.remote.worlds import publish
from tests.trajectories.tables import parquet
from tests.trajectories.test_contract import json_lines


class RemoteWorld:
    """A source of rows that lie on a Hub; `as_json` says in which kind of files."""

    def __init__(self, hub: LocalHub, container: Container, *, as_json: bool) -> None:
        self._hub = hub
        self._container = container
        self._as_json = as_json

    def _files(self, rows: Rows) -> Mapping[str, bytes]:
        half = (len(rows) + 1) // 2
        if self._as_json:
            return {"data/a.jsonl": json_lines(rows[:half]), "data/b.jsonl": json_lines(rows[half:])}
        table = rows_table(rows)
        return {
            "data/a.parquet": parquet(table.slice(0, half), row_group_size=max(2, half // 9)),
            "data/b.parquet": parquet(table.slice(half), row_group_size=max(3, half // 7)),
        }

    async def open(self, rows: Rows, *, on_bad_row: OnBadRow = "raise") -> TrajectorySource:
        await self.move(rows)
        return self._container.source(REPO, remote=True, on_bad_row=on_bad_row)

    async def open_remote(self, rows: Rows) -> TrajectorySource:
        return await self.open(rows)

    async def move(self, rows: Rows) -> None:
        publish(self._hub, self._files(rows))
        self._hub.refresh(REPO)

    async def open_damaged(self) -> TrajectorySource:
        damaged = {"data/a.parquet": parquet(sample_rows(4))[:-40]}
        if self._as_json:
            damaged = {"data/a.jsonl.gz": gzip.compress(json_lines(sample_rows(4)))[:-40]}
        publish(self._hub, damaged)
        return self._container.source(REPO, remote=True)


class TestRemoteParquet(TrajectorySourceContract):
    @pytest.fixture
    async def world(self, local_hub: LocalHub, root: Path) -> AsyncIterator[TrajectoryWorld]:
        async with open_container_for(local_hub, root) as container:
            yield RemoteWorld(local_hub, container, as_json=False)


class TestRemoteJson(TrajectorySourceContract):
    @pytest.fixture
    async def world(self, local_hub: LocalHub, root: Path) -> AsyncIterator[TrajectoryWorld]:
        async with open_container_for(local_hub, root) as container:
            yield RemoteWorld(local_hub, container, as_json=True)
