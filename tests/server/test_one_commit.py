"""Answers with rows say which commit they are of, and are of no other."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hfsvc.models import SummaryPage
from hfsvc.server.one_commit import RowsVersion, is_named
from hfsvc.testing import FakeDatasetService, FakeTrajectorySource
from tests.server.worlds import REPO, contents, download, error_of, open_world, trajectory

PATHS = [
    "/api/trajectories",
    "/api/trajectories/0",
    "/api/trajectories/0/steps",
    "/api/trajectories.jsonl",
    "/api/facets",
]
COMMIT = "0123456789abcdef" + "0" * 24


def told(answer: Any) -> RowsVersion:
    """The version that an answer names: in its body, where that is the API's own, else in its head."""
    if "hfsvc-commit" in answer.headers:
        return RowsVersion(answer.headers["hfsvc-commit"], answer.headers["hfsvc-snapshot"])
    return msgspec.convert((answer.json()["commit"], answer.json()["snapshot"]), RowsVersion)


@pytest.mark.parametrize("path", PATHS)
async def test_an_answer_names_its_commit_and_another_one_is_refused(root: Path, path: str) -> None:
    datasets = FakeDatasetService(root, contents())
    await download(datasets, include="data/*")
    async with open_world(root, datasets=datasets, source=FakeTrajectorySource([trajectory()] * 3)) as world:

        async def ask(**params: str) -> Any:
            return await world.client.get(path, params={"source": REPO, **params})

        first = told(await ask())
        for named in (first.commit, first.snapshot, str(first.commit)[:7]):
            assert told(await ask(commit=str(named))) == first
        await download(datasets)
        second = told(await ask())
        assert second.commit == first.commit
        assert second.snapshot != first.snapshot
        datasets.publish(REPO, "data/a.parquet", b"new")
        await download(datasets)
        assert told(await ask()).commit != first.commit
        for version in (first, second):
            refused = await ask(commit=str(version.snapshot))
            error = error_of(refused)
            assert (refused.status_code, error["code"]) == (409, "dataset_changed")
            assert "ask without `commit`" in error["hint"]
        assert (await ask(commit="main")).status_code == 400


class Moving(FakeTrajectorySource):
    """A source whose dataset is brought up to date while its first page is read."""

    datasets: FakeDatasetService
    pages = 0

    async def list_summaries(self, offset: int, limit: int, query: str | None = None) -> SummaryPage:
        page = await super().list_summaries(offset, limit, query)
        self.pages += 1
        if self.pages == 1:
            self.datasets.publish(REPO, "data/a.parquet", b"new")
            await download(self.datasets)
        return page


async def test_a_page_that_a_change_came_into_is_read_again(root: Path) -> None:
    datasets = FakeDatasetService(root, contents())
    await download(datasets)
    source = Moving([trajectory()])
    source.datasets = datasets
    async with open_world(root, datasets=datasets, source=source) as world:
        answer = await world.client.get("/api/trajectories", params={"source": REPO})
        recorded = (await world.client.get("/api/datasets")).json()
    assert source.pages == 2
    assert answer.json()["commit"] == recorded[0]["commit"]


def test_what_names_a_version() -> None:
    version = RowsVersion(COMMIT, "0123456789ab-123456")
    assert all(is_named(version, name) for name in ("0123456789ab-123456", COMMIT, COMMIT[:7]))
    assert not any(is_named(version, name) for name in ("012345", "0123456789ab-654321", "abcdef0", ""))
