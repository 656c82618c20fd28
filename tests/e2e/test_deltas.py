"""Updates that move only what changed: what is on disk is copied, the rest is fetched, and the hash proves the whole."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hfsvc.containers import Container
from hfsvc.models import Event
from hfsvc.protocols import DatasetService
from hfsvc.testing import LocalHub

from ..builders import REPO, KiB, MiB, everything, noise, open_container_for, parts_left

FILE = "data/train.parquet"
SIZE = 12 * MiB
OLD = noise(SIZE)
FRESH = noise(300 * KiB, 7)


def edited(at: int, content: bytes = FRESH) -> bytes:
    """The old content with other bytes from `at` on."""
    return OLD[:at] + content + OLD[at + len(content) :]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    with LocalHub(tmp_path / "hub", xet=True) as hub:
        hub.write(REPO, FILE, OLD)
        yield hub


@asynccontextmanager
async def at_old(hub: LocalHub, root: Path, **changes: Any) -> AsyncIterator[Container]:
    """A container whose store has the old version; the requests are counted from here on."""
    settings = {"delta_storage": hub.storage_endpoint} | changes
    async with open_container_for(hub, root, **settings) as container:
        await container.datasets().download(everything())
        hub.reset()
        yield container


async def update(hub: LocalHub, service: DatasetService, new: bytes) -> tuple[bytes, list[Event]]:
    hub.write(REPO, FILE, new)
    events: list[Event] = []
    found = await service.download(everything(), on_event=events.append)
    return found.paths[0].read_bytes(), events


CHANGES = {
    "append": OLD + FRESH,
    "insert in front": FRESH + OLD,
    "insert in the middle": OLD[: 5 * MiB] + FRESH + OLD[5 * MiB :],
    "delete": OLD[: 5 * MiB] + OLD[6 * MiB :],
    "edit": edited(7 * MiB),
    "cut": OLD[: 9 * MiB],
    "cut in front": OLD[3 * MiB :],
    "swap halves": OLD[6 * MiB :] + OLD[: 6 * MiB],
    "twice": OLD + OLD,
}


@pytest.mark.parametrize("new", CHANGES.values(), ids=CHANGES)
async def test_only_what_changed_is_fetched(hub: LocalHub, root: Path, new: bytes) -> None:
    async with at_old(hub, root) as container:
        content, _ = await update(hub, container.datasets(), new)
    assert content == new
    # What is new, with the chunks that it is in, and the one that ends at every cut.
    assert hub.bytes_sent() <= len(FRESH) + 3 * 128 * KiB
    assert parts_left(root) == []
