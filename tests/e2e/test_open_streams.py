"""A cancelled download leaves no generator open for the collector to find, on any event loop."""

import gc
import sys
import warnings
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from hfsvc.models import BytesReceived, Event, FileStarted, FileVerified
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Cut, Stall

from .. import builders
from ..builders import REPO, MiB, everything, noise, open_service

# Slow enough for every stream to wait for its turn.
BANDWIDTH = 4 * MiB


@contextmanager
def left_open() -> Iterator[list[str]]:
    """The generators that the collector had to end."""
    found: list[str] = []

    def note(generator: AsyncGenerator[Any, Any]) -> None:
        found.append(repr(generator))

    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=None, finalizer=note)
    try:
        yield found
        gc.collect()
    finally:
        sys.set_asyncgen_hooks(*before)


async def cancel_at(kind: type[Event], hub: LocalHub, root: Path, **changes: Any) -> bool:
    """Download, and cancel when something happens for the first time."""
    with anyio.CancelScope() as scope:

        def on_event(event: Event) -> None:
            if isinstance(event, kind):
                scope.cancel()

        async with open_service(hub, root, **changes) as service:
            await service.download(everything(), on_event=on_event)
    return scope.cancelled_caught


@pytest.mark.parametrize("kind", [FileStarted, BytesReceived, FileVerified])
async def test_a_cancelled_download_ends_its_streams(local_hub: LocalHub, root: Path, kind: type[Event]) -> None:
    local_hub.write(REPO, "a.parquet", noise(8 * MiB))
    local_hub.write(REPO, "b.txt", noise(MiB // 4))
    with left_open() as found:
        assert await cancel_at(kind, local_hub, root, bandwidth_limit=BANDWIDTH)
    assert found == []


async def test_streams_that_break_or_stall_are_ended(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", noise(2 * MiB))
    local_hub.fault(Cut(after=1000), server="cdn", times=2)
    local_hub.fault(Stall(after=1000), server="cdn", times=2)
    with left_open() as found:
        async with open_service(local_hub, root, stall_timeout_s=0.5) as service:
            await service.download(everything())
    assert found == []


@pytest.mark.parametrize("transport", ["httpx", "auto"])
def test_trio_warns_of_nothing(
    local_hub: LocalHub, root: Path, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trio = pytest.importorskip("trio", reason="trio is not installed")
    monkeypatch.setattr(builders, "TRANSPORT", transport)
    local_hub.write(REPO, "a.parquet", noise(8 * MiB))

    async def work() -> None:
        assert await cancel_at(BytesReceived, local_hub, root, bandwidth_limit=BANDWIDTH)
        async with open_service(local_hub, root) as service:
            assert (await service.download(everything())).total_bytes == 8 * MiB

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        trio.run(work)
        gc.collect()
    assert [str(each.message) for each in warned if "generator" in str(each.message)] == []
