"""What belongs to a commit is told once: a client that has it asks, and hears that it still does."""

from pathlib import Path

import httpx
import pytest

from hfsvc.testing import FakeDatasetService, FakeTrajectorySource
from tests.server.worlds import REPO, contents, download, open_world, trajectory

PATHS = [
    "/api/trajectories",
    "/api/trajectories?offset=1&limit=2",
    "/api/trajectories/0",
    "/api/trajectories/0?style=structured",
    "/api/trajectories/0/steps",
    "/api/trajectories.jsonl",
    "/api/facets?field=task",
]


def in_source(path: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}source={REPO}"


@pytest.mark.parametrize("path", [in_source(path) for path in PATHS])
@pytest.mark.parametrize("accepted", ["identity", "gzip", "zstd"])
async def test_an_answer_is_told_once_for_each_commit(root: Path, path: str, accepted: str) -> None:
    datasets = FakeDatasetService(root, contents())
    await download(datasets)
    async with open_world(root, datasets=datasets, source=FakeTrajectorySource([trajectory()] * 3)) as world:
        first = await world.client.get(path, headers={"accept-encoding": accepted})
        tag = first.headers["etag"]
        assert first.headers["cache-control"] == "private, no-cache"
        again = await ask_again(world.client, path, tag)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        for named in (f'"x", {tag}', tag.removeprefix("W/"), "*"):
            assert (await ask_again(world.client, path, named)).status_code == 304
        for named in ('"x"', 'W/"x"', ""):
            assert (await ask_again(world.client, path, named)).status_code == 200
        datasets.publish(REPO, "data/a.parquet", b"new")
        await download(datasets)
        moved = await ask_again(world.client, path, tag)
        assert (moved.status_code, moved.headers["etag"] != tag) == (200, True)


async def test_other_questions_and_other_files_have_other_tags(root: Path) -> None:
    datasets = FakeDatasetService(root, contents())
    await download(datasets, include="data/*")
    async with open_world(root, datasets=datasets) as world:
        tags = [(await world.client.get(in_source(path))).headers["etag"] for path in PATHS]
        assert len(set(tags)) == len(PATHS)
        await download(datasets)
        assert (await world.client.get(in_source(PATHS[0]))).headers["etag"] not in tags


@pytest.mark.parametrize("path", ["/api/datasets", "/api/jobs", "/healthz", "/metrics"])
async def test_what_belongs_to_no_commit_has_no_tag(root: Path, path: str) -> None:
    async with open_world(root) as world:
        answer = await ask_again(world.client, path, "*")
    assert (answer.status_code, "etag" in answer.headers) == (200, False)
    assert answer.headers["cache-control"] == "no-store"


async def test_an_error_has_no_tag(root: Path) -> None:
    datasets = FakeDatasetService(root, contents())
    await download(datasets)
    async with open_world(root, datasets=datasets) as world:
        for path, status in ((in_source("/api/trajectories/99"), 404), ("/api/trajectories?source=no-alias", 404)):
            answer = await world.client.get(path)
            assert (answer.status_code, "etag" in answer.headers) == (status, False)


async def test_pages_are_told_once_however_they_are_sent(root: Path) -> None:
    async with open_world(root) as world:
        for accepted in ("identity", "gzip"):
            first = await world.client.get("/static/app.js", headers={"accept-encoding": accepted})
            again = await ask_again(world.client, "/static/app.js", first.headers["etag"])
            assert (again.status_code, again.content) == (304, b"")


async def ask_again(client: httpx.AsyncClient, path: str, tag: str) -> httpx.Response:
    return await client.get(path, headers={"if-none-match": tag})
