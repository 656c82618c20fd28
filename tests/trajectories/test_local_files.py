"""Files of the user's own as sources: one file, a folder, a glob; and what exports wrote, read back."""

import json
import os
from pathlib import Path

import pytest

from hfsvc import ExportRequest, Settings, export_trajectories, open_container
from hfsvc.errors import CursorMismatch, PathNotFound
from hfsvc.trajectories.local_files import is_path

from .tables import numbers, parquet, row, rows


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def lines(count: int) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in rows(count))


@pytest.mark.parametrize("name", ["runs.parquet", "./runs.parquet", "*.parquet", "."])
async def test_a_file_a_glob_and_a_folder_are_sources(here: Path, root: Path, name: str) -> None:
    write(here / "runs.parquet", parquet(rows(5)))
    async with open_container(Settings(root=root)) as container:
        source = container.source(name)
        assert await source.count() == 5
        assert await numbers(source, shard=(1, 2)) == [2, 3, 4]
        page = await source.list_summaries(0, 2, "task_3")
        assert [each.row for each in page.items] == [3]
        assert await source.ensure_downloaded() == here
        assert await container.datasets().list_downloaded() == []


async def test_a_path_object_and_one_below_home_are_taken(
    here: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(here))
    file = write(here / "runs.jsonl", lines(3))
    async with open_container(Settings(root=root)) as container:
        assert await container.source(file).count() == 3
        assert await container.source("~/runs.jsonl").count() == 3


async def test_caches_lie_beside_the_store_and_nothing_beside_the_files(here: Path, root: Path) -> None:
    write(here / "runs" / "a.parquet", parquet(rows(5)))
    async with open_container(Settings(root=root)) as container:
        await container.source("./runs").list_summaries(0, 1)
    assert sorted(path.name for path in here.rglob("*")) == ["a.parquet", "runs"]
    assert [path.suffix for path in root.rglob("*.summaries")] == [".summaries"]


async def test_a_file_that_changes_is_read_as_it_is_now(here: Path, root: Path) -> None:
    file = write(here / "runs.jsonl", lines(3))
    async with open_container(Settings(root=root)) as container:
        (first, *_) = [each async for each in container.source("runs.jsonl").stream_rows()]
        write(file, lines(4))
        os.utime(file, ns=(1, 1))
        changed = container.source("runs.jsonl")
        assert await changed.count() == 4
        with pytest.raises(CursorMismatch, match="commit"):
            await numbers(changed, cursor=first.cursor)


async def test_hidden_folders_are_passed_over(here: Path, root: Path) -> None:
    write(here / "jobs" / "a.jsonl", lines(2))
    write(here / "jobs" / ".cache" / "b.jsonl", lines(2))
    async with open_container(Settings(root=root)) as container:
        assert await container.source("./jobs").count() == 2


@pytest.mark.parametrize("name", ["./nothing.parquet", "/nowhere/at/all", "./*.none"])
async def test_a_path_that_leads_nowhere_is_told(here: Path, root: Path, name: str) -> None:
    async with open_container(Settings(root=root)) as container:
        with pytest.raises(PathNotFound):
            await container.source(name).count()


@pytest.mark.parametrize("name", ["runs.jsonl", "runs.parquet", "runs.jsonl.zst"])
async def test_what_an_export_wrote_is_read_back(here: Path, root: Path, name: str) -> None:
    write(here / "in.parquet", parquet([row(1), row(2)]))
    async with open_container(Settings(root=root)) as container:
        source = container.source("in.parquet", style="structured")
        await export_trajectories(source, ExportRequest(path=here / name))
        written = [each async for each in container.source(name).stream_trajectories()]
        assert written == [each async for each in source.stream_trajectories()]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("open-thoughts/OpenThoughts-Agent-v1-SFT", False),
        ("openthoughts-sft", False),
        ("hf://datasets/a/b", False),
        ("https://huggingface.co/datasets/a/b", False),
        ("./runs", True),
        ("../runs", True),
        ("/data/runs.parquet", True),
        ("~/runs", True),
        ("data/*.parquet", True),
        (".", True),
    ],
)
def test_a_path_is_told_from_a_dataset(here: Path, name: str, expected: bool) -> None:
    assert is_path(name) == expected
    assert is_path(Path(name))
