"""What becomes of a dataset in an object store: a new commit, damage, deletion, and what is left of interrupted runs."""

from typing import Any

import pytest

from hfsvc.containers import open_container
from hfsvc.errors import ChecksumMismatch, DatasetChanged, NotDownloaded, NotOnDisk
from hfsvc.models import DatasetRequest
from hfsvc.store.objects.object_bucket import ObjectBucket, open_bucket
from hfsvc.testing import Corrupt, LocalHub
from hfsvc.testing.samples import sample_row
from tests.builders import REPO, everything, noise, settings_for, sha256
from tests.trajectories.tables import parquet

LARGE = noise(9_000_000, 1)


def settings(hub: LocalHub, root: str, **changes: Any) -> Any:
    return settings_for(hub, root, **changes)  # type: ignore[arg-type]


async def contents(bucket: ObjectBucket) -> dict[str, bytes]:
    """What is to be seen, but for what the store keeps for itself."""
    keys = [key for key in await bucket.list_below("") if not key.startswith((".hfsvc/", "index.json"))]
    found = {key: await bucket.read(key) for key in keys}
    return {key.removeprefix(f"{REPO}/"): each[0] for key, each in found.items() if each}


async def own_keys(bucket: ObjectBucket) -> set[str]:
    return {key for key in await bucket.list_below(".hfsvc/") if not key.startswith(".hfsvc/locks/")}


async def test_an_update_fetches_what_changed_and_removes_what_is_gone(local_hub: LocalHub, store_root: str) -> None:
    first = {"stays.bin": LARGE, "changes.bin": noise(400_000), "goes.txt": b"old", "small.txt": b"one"}
    for path, content in first.items():
        local_hub.write(REPO, path, content)
    bucket = open_bucket(store_root)
    async with open_container(settings(local_hub, store_root)) as container:
        service = container.datasets()
        old = await service.download(everything())
        second = {"stays.bin": LARGE, "changes.bin": noise(9_500_000, 2), "small.txt": b"two", "again.bin": LARGE}
        (local_hub.folder / REPO / "goes.txt").unlink()
        for path, content in second.items():
            local_hub.write(REPO, path, content)
        update = await service.check_update(REPO)
        assert (update.added, update.changed, update.removed) == (
            ("again.bin",),
            ("changes.bin", "small.txt"),
            ("goes.txt",),
        )
        local_hub.reset()
        new = await service.download(everything())
        assert new.commit != old.commit
        assert await contents(bucket) == second
        assert await own_keys(bucket) == set()
        assert not local_hub.find(path="*stays.bin")
        assert not local_hub.find(path="*again.bin")
        assert (await service.verify(REPO)).ok


async def test_readers_see_the_old_commit_until_all_of_the_new_one_is_there(
    local_hub: LocalHub, store_root: str
) -> None:
    old = {"a.txt": b"old a", "b.bin": noise(300_000, 1)}
    for path, content in old.items():
        local_hub.write(REPO, path, content)
    bucket = open_bucket(store_root)
    async with open_container(settings(local_hub, store_root)) as container:
        service = container.datasets()
        recorded = await service.download(everything())
        local_hub.write(REPO, "a.txt", b"new a")
        local_hub.write(REPO, "b.bin", noise(300_000, 2))
        local_hub.fault(Corrupt(at=-1), path="*b.bin")
        with pytest.raises(ChecksumMismatch):
            await service.download(everything())
        assert await contents(bucket) == old
        assert await service.get_download_info(REPO) == recorded
        assert await service.is_downloaded(REPO)
        await bucket.exchange("exports/of/mine.jsonl", b"not of this store", None)
        assert {each.repo: each.unfinished_bytes for each in await service.disk_usage()} == {REPO: len(b"new a")}
        assert [each.repo for each in await service.prune()] == [REPO]
        assert await own_keys(bucket) == set()


async def test_what_is_wrong_is_never_seen(local_hub: LocalHub, store_root: str) -> None:
    local_hub.write(REPO, "right.txt", b"right")
    local_hub.write(REPO, "wrong.bin", LARGE)
    local_hub.fault(Corrupt(at=-1), path="*wrong.bin")
    bucket = open_bucket(store_root)
    async with open_container(settings(local_hub, store_root)) as container:
        service = container.datasets()
        with pytest.raises(ChecksumMismatch):
            await service.download(everything())
        assert await contents(bucket) == {"right.txt": b"right"}
        assert not await service.is_downloaded(REPO)
        with pytest.raises(NotDownloaded):
            await service.verify(REPO)


async def test_whole_files_of_an_interrupted_run_are_not_fetched_again(local_hub: LocalHub, store_root: str) -> None:
    local_hub.write(REPO, "first.bin", LARGE)
    local_hub.write(REPO, "second.bin", noise(500_000, 5))
    local_hub.fault(Corrupt(at=-1), path="*second.bin")
    async with open_container(settings(local_hub, store_root)) as container:
        service = container.datasets()
        with pytest.raises(ChecksumMismatch):
            await service.download(everything())
        local_hub.clear_faults()
        local_hub.reset()
        await service.download(everything())
        assert not local_hub.find(path="*first.bin")
        assert (await service.verify(REPO)).ok


async def test_files_of_an_interrupted_run_that_are_gone_by_now_are_removed(
    local_hub: LocalHub, store_root: str
) -> None:
    local_hub.write(REPO, "gone.txt", b"gone")
    local_hub.write(REPO, "wrong.bin", noise(300_000))
    local_hub.fault(Corrupt(at=-1), path="*wrong.bin")
    bucket = open_bucket(store_root)
    async with open_container(settings(local_hub, store_root)) as container:
        with pytest.raises(ChecksumMismatch):
            await container.datasets().download(everything())
        (local_hub.folder / REPO / "gone.txt").unlink()
        local_hub.clear_faults()
        local_hub.write(REPO, "wrong.bin", b"right by now")
        await bucket.exchange(f"{REPO}/my own.txt", b"not of this store", None)
        await container.datasets().download(everything())
    assert await contents(bucket) == {"wrong.bin": b"right by now", "my own.txt": b"not of this store"}


async def test_damage_is_found_and_repaired(local_hub: LocalHub, store_root: str) -> None:
    files = {"a.bin": LARGE, "b.txt": b"b", "c.txt": b"c"}
    for path, content in files.items():
        local_hub.write(REPO, path, content)
    bucket = open_bucket(store_root)
    async with open_container(settings(local_hub, store_root)) as container:
        service = container.datasets()
        await service.download(everything())
        await bucket.put(f"{REPO}/a.bin", LARGE[:-1] + b"x", sha256(LARGE))
        await bucket.delete([f"{REPO}/b.txt"])
        assert not await service.is_downloaded(REPO)
        report = await service.verify(REPO)
        assert [(each.path, each.actual is None) for each in report.damaged] == [("a.bin", False), ("b.txt", True)]
        mended = await service.verify(REPO, repair=True)
        assert (mended.ok, mended.repaired) == (True, ("a.bin", "b.txt"))
        assert await contents(bucket) == files


async def test_a_deleted_dataset_leaves_nothing(local_hub: LocalHub, store_root: str) -> None:
    local_hub.write(REPO, "a.txt", b"a")
    bucket = open_bucket(store_root)
    async with open_container(settings(local_hub, store_root)) as container:
        service = container.datasets()
        await service.download(everything())
        await service.delete(REPO)
        assert await service.list_downloaded() == []
    assert (await contents(bucket), await own_keys(bucket)) == ({}, set())


async def test_a_source_tells_that_its_dataset_is_another_one_by_now(local_hub: LocalHub, store_root: str) -> None:
    def rows(count: int, first: int) -> bytes:
        return parquet([sample_row(number) for number in range(first, first + count)])

    local_hub.write(REPO, "rows.parquet", rows(20, 0))
    async with open_container(settings(local_hub, store_root)) as container:
        service, source = container.datasets(), container.source(REPO)
        await service.download(everything())
        stream = source.stream_rows()
        assert (await anext(stream)).row == 0
        local_hub.write(REPO, "rows.parquet", rows(30, 100))
        await service.download(everything())
        assert await source.count() == 30
        other = container.source(REPO)
        assert await other.count() == 30
        bucket = open_bucket(store_root)
        await bucket.put(f"{REPO}/rows.parquet", rows(30, 100), "sha256:of another commit")
        with pytest.raises(DatasetChanged):
            [each async for each in container.source(REPO).stream_rows()]


async def test_what_an_object_store_cannot_do_is_said(local_hub: LocalHub, store_root: str) -> None:
    local_hub.write(REPO, "a.txt", b"a")
    async with open_container(settings(local_hub, store_root)) as container:
        with pytest.raises(NotOnDisk, match="in an object store, where there is no such thing as a shard"):
            await container.datasets().download(DatasetRequest(repo=REPO, include=("**",), shard=(0, 2)))
        with pytest.raises(ValueError, match="keeps no parts of files"):
            container.source(REPO, remote=True, keep_bytes=True)
