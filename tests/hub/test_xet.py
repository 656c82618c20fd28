"""Access to the storage of chunks, against the loopback Hub: one token for all questions, renewed before it ends."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest

from hfsvc.errors import HfsvcError
from hfsvc.hub.session import HubSession
from hfsvc.hub.xet import XetStorage
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Status
from hfsvc.testing.localhub.repos import xet_hash_of
from tests.builders import REPO, MiB, dataset, noise, open_container_for, sha256

CONTENT = noise(2 * MiB)
KNOWN = xet_hash_of(sha256(CONTENT).removeprefix("sha256:"))
TOKENS = "*/xet-read-token/*"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    with LocalHub(tmp_path / "hub", xet=True) as hub:
        hub.write(REPO, "a.parquet", CONTENT)
        yield hub


@pytest.fixture
async def session(hub: LocalHub, root: Path) -> AsyncIterator[HubSession]:
    async with open_container_for(hub, root) as container:
        yield container.session()


class Storage(XetStorage):
    """One whose clock is set by hand."""

    def __init__(self, session: HubSession, hub: LocalHub) -> None:
        self.time = time.time()
        there = dataset(commit=hub.refresh(REPO))
        super().__init__(session, there, token=None, allowed=hub.storage_endpoint, clock=lambda: self.time)


async def test_one_token_serves_all_questions(hub: LocalHub, session: HubSession) -> None:
    storage = Storage(session, hub)
    async with anyio.create_task_group() as asking:
        for position in range(0, 2 * MiB, 100_000):
            asking.start_soon(storage.chunk_at, KNOWN, position)
    assert sum(each.length for each in await storage.terms(KNOWN, len(CONTENT))) == len(CONTENT)
    assert hub.count(path=TOKENS) == 1


async def test_a_token_is_renewed_before_it_ends(hub: LocalHub, session: HubSession) -> None:
    storage = Storage(session, hub)
    await storage.chunk_at(KNOWN, 0)
    storage.time += 3600 - 90
    await storage.chunk_at(KNOWN, 0)
    assert hub.count(path=TOKENS) == 1
    storage.time += 60
    await storage.chunk_at(KNOWN, 0)
    assert hub.count(path=TOKENS) == 2
    assert hub.count(server="storage", status=401) == 0


async def test_where_the_clock_is_wrong_a_token_is_used_until_it_is_refused(hub: LocalHub, session: HubSession) -> None:
    storage = Storage(session, hub)
    storage.time += 10_000
    for _ in range(3):
        await storage.chunk_at(KNOWN, 0)
    assert hub.count(path=TOKENS) == 1
    hub.expire_storage_tokens()
    await storage.chunk_at(KNOWN, 0)
    assert hub.count(path=TOKENS) == 2


async def test_a_file_of_another_size_is_refused(hub: LocalHub, session: HubSession) -> None:
    storage = Storage(session, hub)
    for size in (len(CONTENT) - 1, len(CONTENT) + 1):
        with pytest.raises(HfsvcError):
            await storage.terms(KNOWN, size)
    assert await storage.terms(KNOWN, len(CONTENT))


@pytest.mark.parametrize(("status", "asked"), [(404, 4), (403, 2), (500, 1), (429, 1), (401, 2)])
async def test_what_others_would_meet_too_is_asked_once(
    hub: LocalHub, session: HubSession, status: int, asked: int
) -> None:
    storage = Storage(session, hub)
    hub.fault(Status(status), server="storage")
    for _ in range(2):
        with pytest.raises(HfsvcError):
            await storage.chunk_at(KNOWN, 0)
    # Where there is no such file, the other version is asked as well.
    assert hub.count(server="storage") == asked


async def test_access_that_is_refused_is_asked_for_once_by_all(hub: LocalHub, session: HubSession) -> None:
    storage = Storage(session, hub)
    hub.fault(Status(403), server="hub", path=TOKENS)

    async def ask() -> None:
        with pytest.raises(HfsvcError):
            await storage.chunk_at(KNOWN, 0)

    async with anyio.create_task_group() as asking:
        for _ in range(8):
            asking.start_soon(ask)
    assert (hub.count(path=TOKENS), hub.count(server="storage")) == (1, 0)
