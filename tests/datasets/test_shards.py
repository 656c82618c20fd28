"""A dataset that is downloaded in shards, into one root or several."""

import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from hfsvc.errors import InvalidArgument
from hfsvc.models import DatasetRequest, DownloadedDataset
from hfsvc.protocols import DatasetService
from hfsvc.testing import LocalHub

from ..builders import REPO, KiB, everything, files_below, noise, parts_left, read_index, run_python

FILES = {
    f"data/{name}.parquet": noise(size * KiB, size)
    for name, size in zip("abcdefg", (900, 7, 300, 2, 40, 900, 1), strict=True)
}


@pytest.fixture
def hub(local_hub: LocalHub) -> LocalHub:
    for path, content in FILES.items():
        local_hub.write(REPO, path, content)
    return local_hub


async def bring(service: DatasetService, shard: tuple[int, int], **facts: Any) -> DownloadedDataset:
    return await service.download(everything(shard=shard, **facts))


async def test_a_dataset_counts_as_downloaded_once_all_of_its_shards_are_there(
    hub: LocalHub, service: DatasetService, root: Path
) -> None:
    parts = [await bring(service, (index, 3)) for index in (2, 0)]
    assert [each.shard and (each.shard.index, each.shard.missing) for each in parts] == [(2, (0, 1)), (0, (1,))]
    assert not await service.is_downloaded(REPO)
    assert await service.list_downloaded() == []
    assert not (root / REPO).exists()
    whole = await bring(service, (1, 3))
    assert whole.shard is None
    assert set(whole.files) == set(FILES)
    assert files_below(root / REPO) == FILES
    assert await service.is_downloaded(REPO)
    assert (await service.verify(REPO)).ok
    assert parts_left(root) == []
    assert not (root / ".hfsvc/shards").exists()


async def test_a_shard_is_files_by_their_paths_in_a_folder_of_its_own(hub: LocalHub, service: DatasetService) -> None:
    parts = [await bring(service, (index, 4)) for index in range(3)]
    found = [{path.relative_to(each.folder).as_posix(): path.read_bytes() for path in each.paths} for each in parts]
    for part, there in zip(parts, found, strict=True):
        assert there == {path: FILES[path] for path in part.files}
        assert {path for path in part.local_path.rglob("*") if path.is_file()} == {*part.paths}
    assert len({path for each in found for path in each}) == sum(map(len, found))


async def test_a_shard_that_is_there_costs_one_request_and_one_that_was_joined_too(
    hub: LocalHub, service: DatasetService
) -> None:
    first = await bring(service, (0, 2))
    asked = len(hub.requests)
    assert await bring(service, (0, 2)) == first
    assert len(hub.requests) == asked + 1
    whole = await bring(service, (1, 2))
    asked = len(hub.requests)
    assert (await bring(service, (0, 2))).files == whole.files
    assert len(hub.requests) == asked + 1


async def test_more_shards_than_files_leave_some_empty(hub: LocalHub, service: DatasetService, root: Path) -> None:
    parts = [await bring(service, (index, 9)) for index in range(9)]
    assert sorted(len(each.files) for each in parts[:-1]) == [0] + [1] * 7
    assert files_below(root / REPO) == FILES


async def test_a_shard_joins_the_commit_of_the_others_and_begins_anew_where_it_is_one_of_them(
    hub: LocalHub, service: DatasetService, root: Path
) -> None:
    first = await bring(service, (0, 2))
    hub.write(REPO, "data/a.parquet", noise(KiB, 99))
    hub.refresh(REPO)
    newer = await bring(service, (0, 2))
    assert newer.commit != first.commit
    hub.write(REPO, "data/a.parquet", FILES["data/a.parquet"])
    hub.refresh(REPO)
    whole = await bring(service, (1, 2))
    assert whole.shard is None
    assert (whole.commit, whole.revision) == (newer.commit, "main")
    assert (root / REPO / "data/a.parquet").read_bytes() == noise(KiB, 99)


async def test_readers_have_the_old_commit_until_the_last_shard_of_the_new_one_is_there(
    hub: LocalHub, service: DatasetService, root: Path
) -> None:
    old = await service.download(everything())
    hub.write(REPO, "data/b.parquet", b"new")
    (hub.folder / REPO / "data/g.parquet").unlink()
    hub.refresh(REPO)
    before = len(hub.requests)
    part = await bring(service, (0, 2))
    assert part.shard
    assert (await service.get_download_info(REPO)) == old
    assert files_below(root / REPO) == FILES
    whole = await bring(service, (1, 2))
    expected = FILES | {"data/b.parquet": b"new"}
    del expected["data/g.parquet"]
    assert files_below(root / REPO) == expected
    assert whole.commit != old.commit
    # What had not changed was copied from the old commit, not fetched.
    assert {each.file for each in hub.requests[before:] if each.file} == {"data/b.parquet"}


async def test_what_was_asked_for_before_is_divided_too(hub: LocalHub, service: DatasetService, root: Path) -> None:
    hub.write(REPO, "notes.txt", b"notes")
    hub.refresh(REPO)
    await service.download(DatasetRequest(REPO, include="notes.txt"))
    hub.write(REPO, "notes.txt", b"newer")
    hub.refresh(REPO)
    requests = [DatasetRequest(REPO, include="data/*.parquet", shard=(index, 2)) for index in range(2)]
    assert [(await service.download(each)).shard is None for each in requests] == [False, True]
    assert files_below(root / REPO) == FILES | {"notes.txt": b"newer"}


async def test_shards_of_other_divisions_do_not_make_a_dataset(hub: LocalHub, service: DatasetService) -> None:
    await bring(service, (0, 2))
    part = await service.download(DatasetRequest(REPO, include="data/a.parquet", shard=(1, 2)))
    assert part.shard
    assert part.shard.missing == (0,)
    assert not await service.is_downloaded(REPO)
    assert (await bring(service, (1, 2))).shard is None


async def test_the_plan_of_a_shard_is_its_files(hub: LocalHub, service: DatasetService) -> None:
    plans = [await service.plan(everything(shard=(index, 3))) for index in range(3)]
    assert sorted(file.path for plan in plans for file in plan.files) == sorted(FILES)


async def test_shards_at_once_in_one_process_make_one_dataset(
    hub: LocalHub, service: DatasetService, root: Path
) -> None:
    async with anyio.create_task_group() as tasks:
        for index in (0, 1, 2, 3, 0, 1, 2, 3):
            tasks.start_soon(bring, service, (index, 4))
    assert files_below(root / REPO) == FILES
    assert await service.is_downloaded(REPO)
    assert not (root / ".hfsvc/shards").exists()


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, 0), (0,), "0/2", (0.5, 2)], ids=str)
def test_what_is_no_shard_is_refused(shard: object) -> None:
    with pytest.raises(InvalidArgument, match="shard"):
        DatasetRequest(REPO, shard=shard)  # type: ignore[arg-type]


async def test_prune_removes_shards_that_were_not_joined(hub: LocalHub, service: DatasetService, root: Path) -> None:
    part = await bring(service, (0, 2))
    (usage,) = await service.disk_usage()
    assert not usage.recorded
    assert usage.unfinished_bytes >= part.total_bytes
    await service.prune(REPO)
    assert not (root / ".hfsvc/shards" / "acme--notes").exists()
    assert await service.disk_usage() == []


JOINED = """
import signal, sys
from pathlib import Path
from tests.processes.nursery import run_in_child
from hfsvc.containers import open_container
from hfsvc.models import DatasetRequest
from hfsvc.settings import Settings
endpoint, base = sys.argv[1], Path(sys.argv[2])

def in_child(root, index, die_at=None):
    async def bring():
        async with open_container(Settings(endpoint=endpoint, root=root, trust_env=False)) as container:
            whole = await container.datasets().download(DatasetRequest("acme/notes", include="**", shard=(index, 2)))
        return 3 if whole.shard else 0

    return run_in_child(bring, root, die_at=die_at)

step = 0
while True:
    root = base / str(step)
    assert in_child(root, 0) == 3
    code = in_child(root, 1, die_at=step)
    if code == 0:
        break
    assert code == -signal.SIGKILL, code
    # Either of them goes on with what the other one was about.
    again = in_child(root, step % 2)
    assert again in {0, 3}, again
    assert again == 0 or in_child(root, 1 - step % 2) == 0
    assert in_child(root, 0) == 0
    step += 3
print(step)
"""


@pytest.mark.timeout(120)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
async def test_a_join_that_is_killed_before_any_change_of_the_disk_is_done_by_the_next_run(
    local_hub: LocalHub, tmp_path: Path
) -> None:
    files = {path: content for path, content in FILES.items() if len(content) < 100 * KiB}
    for path, content in files.items():
        local_hub.write(REPO, path, content)
    child = run_python(JOINED, local_hub.endpoint, str(tmp_path))
    out, words = await anyio.to_thread.run_sync(child.communicate)
    assert child.returncode == 0, words
    assert int(out) > 20
    for step in range(0, int(out), 3):
        assert files_below(tmp_path / str(step) / REPO) == files
        left = [path for path in (tmp_path / str(step) / ".hfsvc").rglob("*") if path.is_file()]
        assert {path.parent.name for path in left} <= {"locks"}, left


ROUNDS = 100
WRITER = """
import asyncio, sys
from hfsvc.containers import open_container
from hfsvc.models import DatasetRequest
from hfsvc.settings import Settings
endpoint, root, index, count, rounds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])

async def main():
    async with open_container(Settings(endpoint=endpoint, root=root, trust_env=False)) as container:
        for each in range(rounds):
            await container.datasets().download(DatasetRequest(f"acme/r{each}", include="**", shard=(index, count)))
asyncio.run(main())
"""


@pytest.mark.timeout(120)
async def test_processes_that_bring_shards_into_one_root_lose_nothing_of_each_other(
    local_hub: LocalHub, root: Path
) -> None:
    for each in range(ROUNDS):
        for name in "abc":
            local_hub.write(f"acme/r{each}", f"{name}.parquet", f"{each}{name}".encode())
    children = [run_python(WRITER, local_hub.endpoint, str(root), str(index), "3", str(ROUNDS)) for index in range(3)]
    for child in children:
        _, words = await anyio.to_thread.run_sync(child.communicate)
        assert child.returncode == 0, words
    index = read_index(root)["datasets"]
    assert sorted(index) == sorted(f"acme/r{each}" for each in range(ROUNDS))
    for each in range(ROUNDS):
        assert index[f"acme/r{each}"]["files"] == ["a.parquet", "b.parquet", "c.parquet"]
        assert files_below(root / f"acme/r{each}") == {f"{name}.parquet": f"{each}{name}".encode() for name in "abc"}
