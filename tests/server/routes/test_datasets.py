"""Datasets and sources over REST: listed, verified, deleted."""

from pathlib import Path

import msgspec
import pytest

from hfsvc.models import VerifyReport
from hfsvc.testing import FakeDatasetService
from tests.server.worlds import REPO, World, dataset_path, download, error_of


async def test_what_is_on_disk_is_listed(world: World, datasets: FakeDatasetService) -> None:
    assert (await world.client.get("/api/datasets")).json() == []
    await download(datasets)
    (found,) = (await world.client.get("/api/datasets")).json()
    assert (found["repo"], found["fileCount"], found["totalBytes"]) == (REPO, 2, 105)
    info = (await world.client.get(dataset_path(REPO))).json()
    files = ["data/a.parquet", "notes.md"]
    assert info == found | {"files": files, "configs": [{"name": "default", "splits": ["train"]}]}


async def test_the_parts_of_a_dataset_are_told(world: World, datasets: FakeDatasetService) -> None:
    for path in ("data/test.parquet", "data/train.parquet"):
        datasets.publish("acme/parts", path, b"rows")
    await download(datasets, "acme/parts")
    info = (await world.client.get(dataset_path("acme/parts"))).json()
    assert info["configs"] == [{"name": "default", "splits": ["train", "test"]}]


async def test_no_answer_names_a_folder_of_the_server(world: World, datasets: FakeDatasetService, root: Path) -> None:
    await download(datasets)
    for path in ("/api/datasets", dataset_path(REPO), "/readyz", "/api/sources"):
        assert str(root.parent) not in (await world.client.get(path)).text


async def test_verifying_finds_and_mends_damage(world: World, datasets: FakeDatasetService, root: Path) -> None:
    await download(datasets)
    (root / REPO / "notes.md").write_bytes(b"hullo")
    report = (await world.client.post(dataset_path(REPO, "/verify"))).json()
    assert [file["path"] for file in report["damaged"]] == ["notes.md"]
    answer = await world.client.post(dataset_path(REPO, "/verify"), params={"repair": "true"})
    assert msgspec.json.decode(answer.content, type=VerifyReport).ok
    assert (await world.client.post(dataset_path(REPO, "/verify"))).json()["damaged"] == []


async def test_deleting_forgets_a_dataset(world: World, datasets: FakeDatasetService, root: Path) -> None:
    await download(datasets)
    assert (await world.client.delete(dataset_path(REPO))).json() == {"deleted": REPO, "bytes": 105}
    assert not (root / REPO).exists()
    assert error_of(await world.client.delete(dataset_path(REPO)))["code"] == "not_downloaded"


@pytest.mark.parametrize("rest", ["", "/verify"])
async def test_what_is_not_there_is_404(world: World, rest: str) -> None:
    method = "POST" if rest else "GET"
    answer = await world.client.request(method, dataset_path("acme/none", rest))
    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_downloaded")
    answer = await world.client.request(method, dataset_path("no-alias", rest))
    assert (answer.status_code, error_of(answer)["code"]) == (404, "unknown_source")


@pytest.mark.parametrize("repo", ["../../etc/passwd", "a/../b", "a/b/c", "/etc", "a\\b/c", "a/b\x00", "a/%2e%2e"])
async def test_ids_never_become_paths(world: World, repo: str) -> None:
    answer = await world.client.get(dataset_path(repo))
    assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_repo_id")


async def test_sources_say_which_can_be_read(world: World, datasets: FakeDatasetService) -> None:
    sources = (await world.client.get("/api/sources")).json()
    default = [each for each in sources if each["default"]]
    assert [each["alias"] for each in default] == ["openthoughts-sft"]
    assert not default[0]["downloaded"]
    datasets.publish(default[0]["repo"], "a.parquet", b"x")
    await download(datasets, default[0]["repo"])
    sources = (await world.client.get("/api/sources")).json()
    assert [each["downloaded"] for each in sources if each["default"]] == [True]
