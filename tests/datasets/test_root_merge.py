"""Roots that are merged into one."""

import os
from pathlib import Path

import anyio
import pytest

from hfsvc.datasets.root_merge import merge_roots
from hfsvc.errors import ChecksumMismatch, InvalidArgument, MergeConflict, PathNotFound, ShardsMissing
from hfsvc.models import DatasetRequest, DownloadedDataset
from hfsvc.testing import LocalHub

from ..builders import REPO, KiB, everything, files_below, noise, open_container_for, open_service, run_python

FILES = {f"data/{number}.parquet": noise((number + 1) * 50 * KiB, number) for number in range(5)}
# Files of one content, of two shards or of one.
FILES |= {"data/same.parquet": FILES["data/0.parquet"], "notes.txt": b"notes"}


@pytest.fixture
def hub(local_hub: LocalHub) -> LocalHub:
    for path, content in FILES.items():
        local_hub.write(REPO, path, content)
    return local_hub


@pytest.fixture
async def roots(hub: LocalHub, tmp_path: Path) -> list[Path]:
    """Three roots of a shard each."""
    found = [tmp_path / f"node{index}" for index in range(3)]
    for index, root in enumerate(found):
        await bring(hub, root, everything(shard=(index, 3)))
    return found


async def bring(hub: LocalHub, root: Path, request: DatasetRequest) -> DownloadedDataset:
    async with open_service(hub, root) as service:
        return await service.download(request)


async def merge(hub: LocalHub, root: Path, *others: Path, move: bool = False) -> list[DownloadedDataset]:
    async with open_container_for(hub, root) as container:
        return await merge_roots(container.store(), others, move=move)


async def check_whole(hub: LocalHub, root: Path) -> None:
    assert files_below(root / REPO) == FILES
    async with open_service(hub, root) as service:
        assert (await service.verify(REPO)).ok
        asked = len(hub.requests)
        assert set((await service.download(everything())).files) == set(FILES)
        assert len(hub.requests) == asked + 1
        assert [each.unfinished_bytes for each in await service.disk_usage()] == [0]


def snapshot(*roots: Path) -> dict[Path, bytes]:
    # Lock files are made by who looks.
    return {
        path: path.read_bytes()
        for root in roots
        for path in root.rglob("*")
        if path.is_file() and path.parent.name != "locks"
    }


async def test_shards_of_several_roots_become_a_dataset(hub: LocalHub, roots: list[Path], root: Path) -> None:
    before = snapshot(*roots)
    (dataset,) = await merge(hub, root, *roots)
    assert dataset.shard is None
    await check_whole(hub, root)
    assert snapshot(*roots) == before


async def test_what_is_moved_is_not_left_behind(hub: LocalHub, roots: list[Path], root: Path) -> None:
    await merge(hub, root, *roots, move=True)
    await check_whole(hub, root)
    assert [path for each in roots for path in snapshot(each)] == []


async def test_a_shard_that_did_not_come_is_named(hub: LocalHub, roots: list[Path], root: Path) -> None:
    before = snapshot(*roots)
    with pytest.raises(ShardsMissing, match="1/3 did not come") as caught:
        await merge(hub, root, roots[2], roots[0], move=True)
    assert caught.value.missing_shards == (1,)
    assert caught.value.exit_code == 3
    assert snapshot(*roots) == before
    assert not (root / "index.json").exists()


async def test_shards_in_the_root_itself_count(hub: LocalHub, roots: list[Path], root: Path) -> None:
    await bring(hub, root, everything(shard=(1, 3)))
    await merge(hub, root, roots[0], roots[2])
    await check_whole(hub, root)
    assert not (root / ".hfsvc/shards").exists()


@pytest.mark.parametrize("move", [False, True])
async def test_a_file_that_is_not_what_was_recorded_is_refused(
    hub: LocalHub, roots: list[Path], root: Path, move: bool
) -> None:
    damaged = next(path for path in roots[1].rglob("*.parquet") if path.stat().st_size > KiB)
    damaged.write_bytes(bytes(damaged.stat().st_size))
    before = snapshot(*roots)
    with pytest.raises(ChecksumMismatch, match="node1"):
        await merge(hub, root, *roots, move=move)
    assert snapshot(*roots) == before
    assert not (root / "index.json").exists()
    await bring(hub, roots[1], everything(shard=(1, 3), force=True))
    await merge(hub, root, *roots, move=move)
    await check_whole(hub, root)


async def test_a_file_that_is_gone_is_named(hub: LocalHub, roots: list[Path], root: Path) -> None:
    gone = next(roots[1].rglob("*.parquet"))
    gone.unlink()
    with pytest.raises(ChecksumMismatch, match=r"no such file in .*node1"):
        await merge(hub, root, *roots)


async def test_shards_of_several_commits_are_refused(hub: LocalHub, roots: list[Path], root: Path) -> None:
    hub.write(REPO, "notes.txt", b"newer")
    hub.refresh(REPO)
    await bring(hub, roots[1], everything(shard=(1, 3)))
    before = snapshot(*roots)
    with pytest.raises(MergeConflict, match="another commit"):
        await merge(hub, root, *roots)
    assert snapshot(*roots) == before


async def test_datasets_of_other_roots_come_along_and_selections_are_added_up(
    hub: LocalHub, tmp_path: Path, root: Path
) -> None:
    hub.write("acme/other", "a.parquet", b"other")
    one, two = tmp_path / "one", tmp_path / "two"
    await bring(hub, one, DatasetRequest(REPO, include="data/*"))
    await bring(hub, two, DatasetRequest(REPO, include="notes.txt"))
    await bring(hub, two, everything("acme/other"))
    merged = await merge(hub, root, one, two, move=True)
    assert [each.repo for each in merged] == ["acme/notes", "acme/other"]
    assert files_below(root / REPO) == FILES
    assert files_below(root / "acme/other") == {"a.parquet": b"other"}
    assert snapshot(one).keys() == {one / "index.json"}


async def test_one_dataset_that_cannot_be_merged_stops_all(hub: LocalHub, tmp_path: Path, root: Path) -> None:
    hub.write("acme/another", "a.parquet", b"other")
    one = tmp_path / "one"
    await bring(hub, one, everything("acme/another"))
    await bring(hub, one, everything())
    hub.write(REPO, "notes.txt", b"newer")
    hub.refresh(REPO)
    await bring(hub, root, everything())
    before = snapshot(root, one)
    with pytest.raises(MergeConflict, match="at commit"):
        await merge(hub, root, one)
    assert snapshot(root, one) == before


async def test_what_is_no_other_root_is_refused(hub: LocalHub, roots: list[Path], root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidArgument, match="no dataset and no shard"):
        await merge(hub, root, tmp_path / "empty")
    with pytest.raises(PathNotFound):
        await merge(hub, root, tmp_path / "nowhere")
    with pytest.raises(InvalidArgument, match="merged into"):
        await merge(hub, roots[0], *roots)


MERGED = """
import shutil, signal, sys
from pathlib import Path
from tests.processes.nursery import run_in_child
from hfsvc.containers import open_container
from hfsvc.datasets.root_merge import merge_roots
from hfsvc.settings import Settings
base, move = Path(sys.argv[1]), sys.argv[2] == "move"

def in_child(step, die_at=None):
    async def merge():
        async with open_container(Settings(root=base / step / "store", trust_env=False, offline=True)) as container:
            await merge_roots(container.store(), [base / step / f"node{index}" for index in range(3)], move=move)

    return run_in_child(merge, base / step, die_at=die_at)

step = 0
while True:
    for index in range(3):
        shutil.copytree(base / f"node{index}", base / str(step) / f"node{index}")
    code = in_child(str(step), die_at=step)
    if code == 0:
        break
    assert code == -signal.SIGKILL, code
    # Where it was killed at its very end, there is nothing left to merge.
    print(in_child(str(step)), flush=True)
    step += 1
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("how", ["move", "copy"])
async def test_a_merge_that_is_killed_before_any_change_of_the_disk_is_gone_on_with(
    hub: LocalHub, roots: list[Path], tmp_path: Path, how: str
) -> None:
    child = run_python(MERGED, str(tmp_path), how)
    out, words = await anyio.to_thread.run_sync(child.communicate)
    assert child.returncode == 0, words
    codes = out.split()
    assert len(codes) > 20
    for step, code in enumerate(codes):
        assert code == "0" or "no dataset and no shard" in words, words
        assert files_below(tmp_path / str(step) / "store" / REPO) == FILES, step
    await check_whole(hub, tmp_path / str(len(codes) // 2) / "store")


async def test_a_shard_that_was_brought_by_its_commit_is_still_of_the_branch(
    hub: LocalHub, roots: list[Path], root: Path
) -> None:
    part = await bring(hub, roots[0], everything(shard=(0, 3)))
    await bring(hub, roots[2], everything(shard=(2, 3), revision=part.commit, force=True))
    (dataset,) = await merge(hub, root, *roots)
    assert (dataset.revision, dataset.commit) == ("main", part.commit)
