"""What an object store, its other writers and the end of a process do to a download."""

import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.to_thread
import pytest

from hfsvc.containers import open_container
from hfsvc.errors import InvalidSettings, LeaseExpired, LocalStorage, ObjectStoreFailed, StoreLocked
from hfsvc.models import DatasetRequest
from hfsvc.store.index import IndexEntry
from hfsvc.store.objects.object_bucket import open_bucket
from hfsvc.store.objects.object_index import ObjectIndex
from hfsvc.store.objects.object_locks import ObjectLocks
from hfsvc.testing import LocalHub, Stall
from tests.builders import REPO, everything, noise, run_python, settings_for
from tests.store.objects.conftest import Bucket

LARGE = noise(20_000_000, 1)


def settings(hub: LocalHub, root: str, **changes: Any) -> Any:
    return settings_for(hub, root, **changes)  # type: ignore[arg-type]


def entry_of(repo: str) -> IndexEntry:
    return IndexEntry(
        repo=repo,
        local_path=repo,
        files=(),
        total_bytes=0,
        downloaded_at=datetime.now(UTC),
        revision="main",
        commit="0" * 40,
        checksums={},
        sizes={},
    )


def refusing(method: str, every: int, status: str = "503 Slow Down") -> Callable[[dict[str, Any]], Any]:
    """Answers every n-th request of a method with another status."""
    lock, seen = threading.Lock(), 0

    def spoil(environ: dict[str, Any]) -> tuple[str, bytes] | None:
        nonlocal seen
        if environ["REQUEST_METHOD"] != method:
            return None
        with lock:
            seen += 1
            return (status, b"<Error><Code>SlowDown</Code></Error>") if seen % every == 1 else None

    return spoil


# ---- a server that refuses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "POST", "GET"])
async def test_a_server_that_is_busy_is_asked_again(local_hub: LocalHub, bucket: Bucket, method: str) -> None:
    local_hub.write(REPO, "large.bin", LARGE)
    local_hub.write(REPO, "small.txt", b"small")
    bucket.server.spoil = refusing(method, 3)
    async with open_container(settings(local_hub, bucket.root)) as container:
        service = container.datasets()
        await service.download(everything())
        assert (await service.verify(REPO)).ok
    assert bucket.server.uploads(bucket.name) == []


async def test_a_server_that_refuses_access_is_told_with_its_exit_code_and_no_secret(
    local_hub: LocalHub, bucket: Bucket
) -> None:
    local_hub.write(REPO, "a.txt", b"a")
    bucket.server.spoil = lambda _: ("403 Forbidden", b"<Error><Code>AccessDenied</Code><Sig>secret</Sig></Error>")
    async with open_container(settings(local_hub, bucket.root)) as container:
        with pytest.raises(ObjectStoreFailed) as refused:
            await container.datasets().list_downloaded()
    assert refused.value.exit_code == 7
    assert str(refused.value).startswith(f"{bucket.root}/index.json cannot be read: it refuses access")
    assert "secret" not in str(refused.value)
    assert "AccessDenied" in str(refused.value)


async def test_a_bucket_that_is_not_there_is_told(local_hub: LocalHub, bucket: Bucket) -> None:
    async with open_container(settings(local_hub, "s3://no-such-bucket/x")) as container:
        with pytest.raises(ObjectStoreFailed, match="there is no such bucket"):
            await container.datasets().list_downloaded()


async def test_a_part_that_is_refused_ends_the_run_and_leaves_nothing(local_hub: LocalHub, bucket: Bucket) -> None:
    local_hub.write(REPO, "large.bin", LARGE)

    def spoil(environ: dict[str, Any]) -> tuple[str, bytes] | None:
        second = "partNumber=2" in environ["QUERY_STRING"]
        return ("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>") if second else None

    bucket.server.spoil = spoil
    async with open_container(settings(local_hub, bucket.root)) as container:
        with pytest.raises(ObjectStoreFailed, match=r"large\.bin cannot be written: it refuses access"):
            await container.datasets().download(everything())
        assert bucket.server.uploads(bucket.name) == []
        assert not [key for key in bucket.server.keys(bucket.name) if REPO in key]
        bucket.server.spoil = lambda _: None
        await container.datasets().download(everything())
        assert (await container.datasets().verify(REPO)).ok


# ---- a run that ends early ------------------------------------------------------------------------------------------


async def test_a_cancelled_run_takes_back_what_had_gone_up(local_hub: LocalHub, bucket: Bucket) -> None:
    local_hub.write(REPO, "large.bin", LARGE)
    local_hub.fault(Stall(after=0), server="cdn", path="*large.bin", covering=len(LARGE) - 1)
    async with (
        open_container(settings(local_hub, bucket.root, stall_timeout_s=60.0)) as container,
        anyio.create_task_group() as group,
    ):
        group.start_soon(container.datasets().download, everything())
        await anyio.to_thread.run_sync(bucket.server.wait_for, "partNumber=1")
        assert bucket.server.uploads(bucket.name)
        assert not [key for key in bucket.server.keys(bucket.name) if REPO in key]
        group.cancel_scope.cancel()
    assert bucket.server.uploads(bucket.name) == []
    local_hub.release()


KILLED = """
import asyncio, os, sys
from hfsvc.containers import open_container
from hfsvc.models import DatasetRequest
from hfsvc.settings import Settings

async def main():
    endpoint, root, repo = sys.argv[1:]
    settings = Settings(endpoint=endpoint, root=root, trust_env=False, lease_s=1.0, chunk_bytes=256 << 10)
    async with open_container(settings) as container:
        await container.datasets().download(DatasetRequest(repo=repo, include=("**",)))

asyncio.run(main())
"""


async def test_after_a_kill_the_next_run_goes_on_and_tells_of_what_may_be_left(
    local_hub: LocalHub, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    local_hub.write(REPO, "a-first.bin", noise(400_000))
    local_hub.write(REPO, "large.bin", LARGE)
    local_hub.fault(Stall(after=0), server="cdn", path="*large.bin", covering=len(LARGE) - 1)
    child = run_python(KILLED, local_hub.endpoint, bucket.root, REPO)
    await anyio.to_thread.run_sync(bucket.server.wait_for, "partNumber=1")
    await anyio.to_thread.run_sync(bucket.server.wait_for, "a-first.bin")
    child.kill()
    child.wait()
    child.communicate()
    assert not any("large.bin" in key for key in bucket.server.keys(bucket.name))
    local_hub.clear_faults()
    local_hub.release()
    local_hub.reset()
    with caplog.at_level(logging.WARNING):
        async with open_container(settings(local_hub, bucket.root, lease_s=1.0)) as container:
            assert await container.datasets().list_downloaded() == []
            await container.datasets().download(everything())
            assert (await container.datasets().verify(REPO)).ok
    assert not local_hub.find(path="*a-first.bin")
    assert "was killed: parts of files that it had begun may take room" in caplog.text


# ---- several writers ------------------------------------------------------------------------------------------------


async def test_two_writers_lose_no_entry_in_a_hundred_rounds(store_root: str) -> None:
    writers = [ObjectIndex(open_bucket(store_root)) for _ in range(2)]

    async def write(index: ObjectIndex, number: int) -> None:
        for each in range(100):
            new = entry_of(f"writer-{number}/dataset-{each}")
            await index.change(lambda entries, new=new: {**entries, new.repo: new})  # type: ignore[misc]

    async with anyio.create_task_group() as group:
        for number, index in enumerate(writers):
            group.start_soon(write, index, number)
    assert len(await writers[0].entries()) == 200


async def test_a_conditional_write_that_was_sent_twice_is_known_as_ones_own(bucket: Bucket) -> None:
    written = open_bucket(bucket.root)
    applied: list[str] = []

    def spoil(environ: dict[str, Any]) -> tuple[str, bytes] | None:
        if environ["REQUEST_METHOD"] == "PUT" and not applied:
            applied.append(environ["PATH_INFO"])
            length = int(environ["CONTENT_LENGTH"])
            body = environ["wsgi.input"].read(length)
            environ["CONTENT_LENGTH"] = "0"
            bucket.server.client.put_object(Bucket=bucket.name, Key="some/where/index.json", Body=body)
            return "500 Internal Server Error", b""
        return None

    bucket.server.spoil = spoil
    index = ObjectIndex(written)
    await index.change(lambda entries: {**entries, "a/b": entry_of("a/b")})
    assert [*await index.entries()] == ["a/b"]


async def test_two_downloads_of_one_dataset_do_it_once(local_hub: LocalHub, store_root: str) -> None:
    local_hub.write(REPO, "large.bin", LARGE)
    async with (
        open_container(settings(local_hub, store_root)) as one,
        open_container(settings(local_hub, store_root)) as other,
        anyio.create_task_group() as group,
    ):
        for container in (one, other):
            group.start_soon(container.datasets().download, DatasetRequest(repo=REPO, include=("**",)))
    assert local_hub.bytes_sent() < 1.5 * len(LARGE)


async def test_a_lease_keeps_others_out_until_it_ends(store_root: str) -> None:
    bucket = open_bucket(store_root)
    mine = ObjectLocks(bucket, lease_s=0.6)
    async with mine.hold(REPO) as waited:
        assert not waited
        async with ObjectLocks(bucket, lease_s=0.6).hold_if_free(REPO) as held:
            assert not held
        # For longer than a lease lasts: it is renewed.
        with pytest.raises(StoreLocked):
            async with ObjectLocks(bucket, lease_s=0.6, timeout_s=1.5).hold(REPO):
                pass
        await mine.check(REPO)
    async with ObjectLocks(bucket, lease_s=0.6).hold_if_free(REPO) as held:
        assert held


async def test_a_holder_whose_lease_is_anothers_by_now_changes_nothing(store_root: str) -> None:
    bucket = open_bucket(store_root)
    locks = ObjectLocks(bucket, lease_s=30.0)
    key = ".hfsvc/locks/acme--notes.json"
    async with locks.hold(REPO):
        found = await bucket.read(key)
        assert found is not None
        others = json.dumps({"owner": "another", "turn": 99, "lastsS": 30.0}).encode()
        assert await bucket.exchange(key, others, found[1])
        with pytest.raises(LeaseExpired):
            await locks.check(REPO)
    left = await bucket.read(key)
    assert left is not None
    assert json.loads(left[0])["owner"] == "another"


async def test_a_store_that_cannot_be_reached_is_told(monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("hfsvc.store.objects.object_bucket.RETRY_S", 0.5)
    with pytest.raises(LocalStorage, match="it cannot be reached"):
        await open_bucket(bucket.root).read("index.json")


def test_another_event_loop_than_that_of_asyncio_is_refused_in_one_sentence(bucket: Bucket) -> None:
    with pytest.raises(InvalidSettings, match="needs an event loop of asyncio"):
        anyio.run(open_bucket(bucket.root).read, "index.json", backend="trio")


@pytest.mark.parametrize("status", ["503 Slow Down", "409 Conflict"])
async def test_a_conditional_write_that_meets_another_one_is_done_again(bucket: Bucket, status: str) -> None:
    bucket.server.spoil = refusing("PUT", 2, status)
    index = ObjectIndex(open_bucket(bucket.root))
    for name in ("a/b", "c/d"):
        new = entry_of(name)
        await index.change(lambda entries, new=new: {**entries, new.repo: new})  # type: ignore[misc]
    assert [*await index.entries()] == ["a/b", "c/d"]


async def test_downloads_of_several_writers_are_all_recorded(local_hub: LocalHub, store_root: str) -> None:
    repos = [f"acme/set-{number}" for number in range(6)]
    for repo in repos:
        local_hub.write(repo, "a.txt", repo.encode())

    async def bring(repo: str) -> None:
        async with open_container(settings(local_hub, store_root)) as container:
            await container.datasets().download(everything(repo))

    async with anyio.create_task_group() as group:
        for repo in repos:
            group.start_soon(bring, repo)
    async with open_container(settings(local_hub, store_root)) as container:
        assert [each.repo for each in await container.datasets().list_downloaded()] == repos
        assert all([(await container.datasets().verify(repo)).ok for repo in repos])
