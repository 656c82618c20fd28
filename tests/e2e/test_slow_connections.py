"""Connections that lag behind the others: their ranges come over another one, and are written once."""

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from hfsvc.models import Event, Retried
from hfsvc.testing import Exchange, LocalHub, Response, SlowConnection, TooManyRequests
from hfsvc.transfer.hedging import most_hedges
from hfsvc.transfer.journal import digest_of

from ..builders import (
    REPO,
    KiB,
    MiB,
    everything,
    files_below,
    noise,
    of_kind,
    open_container_for,
    open_service,
    parts_left,
    run_python,
)
from .test_resume import CHILD

CONTENT = noise(12 * MiB)
CHUNK = 256 * KiB
# A range of it would take minutes.
CRAWL = SlowConnection(1000)


@pytest.fixture
def hub(local_hub_factory: Callable[..., LocalHub]) -> LocalHub:
    """Eight connections at a time have something to do for more than a second."""
    hub = local_hub_factory(bytes_per_s=1_000_000)
    hub.write(REPO, "big.parquet", CONTENT)
    return hub


def asked_again(hub: LocalHub) -> int:
    """Requests that do not begin where the file was cut into ranges."""
    return sum(bool(each.range and each.range[0] % CHUNK) for each in hub.find(server="cdn"))


async def test_one_slow_connection_of_eight_does_not_hold_a_file_up(hub: LocalHub, root: Path) -> None:
    hub.fault(CRAWL, server="cdn")
    events: list[Event] = []
    async with open_container_for(hub, root) as container:
        found = await container.datasets().download(everything(), on_event=events.append)
        totals = container.metrics().totals  # type: ignore[attr-defined]  # nothing is put in its place
    assert files_below(found.local_path) == {"big.parquet": CONTENT}
    assert totals["hedges"] >= 1
    assert totals["bytes_received"] == len(CONTENT)
    assert of_kind(events, Retried) == []


async def test_where_every_other_connection_is_slow_few_ranges_are_asked_for_once_more(
    hub: LocalHub, root: Path
) -> None:
    hub.fault(SlowConnection(100_000, every=2), server="cdn")
    async with open_service(hub, root) as service:
        found = await service.download(everything())
    assert files_below(found.local_path) == {"big.parquet": CONTENT}
    ranges = len(CONTENT) // CHUNK
    assert hub.count(server="cdn") <= ranges + most_hedges(ranges)


@dataclass(frozen=True)
class TooManyForMore:
    """429 for whoever asks for anything but the ranges that a file was cut into."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        asked = exchange.request.range
        return TooManyRequests(retry_after="3600").apply(exchange, response) if asked and asked[0] % CHUNK else response


async def test_a_rate_limit_on_what_is_asked_for_once_more_fails_nothing(hub: LocalHub, root: Path) -> None:
    hub.fault(SlowConnection(200_000), server="cdn")
    hub.fault(TooManyForMore(), server="cdn")
    events: list[Event] = []
    async with open_service(hub, root) as service:
        found = await service.download(everything(), on_event=events.append)
    assert files_below(found.local_path) == {"big.parquet": CONTENT}
    assert asked_again(hub) == 1
    assert of_kind(events, Retried) == []


@pytest.mark.skipif(sys.platform == "win32", reason="kills processes")
async def test_a_download_that_is_killed_in_a_race_is_resumed_and_wrote_nothing_twice(
    hub: LocalHub, root: Path
) -> None:
    hub.fault(CRAWL, server="cdn")
    child = run_python(CHILD, hub.endpoint, str(root))
    await hub.until(lambda: asked_again(hub) > 0)
    raced = hub.bytes_sent()
    await hub.until(lambda: hub.bytes_sent() > raced + 2 * MiB)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    (journal,) = [path for path in parts_left(root) if path.suffix == ".journal"]
    _, *lines = journal.read_text().splitlines()
    extents = sorted((int(start), int(stop), digest) for start, stop, digest, _ in map(str.split, lines))
    assert all(left[1] <= right[0] for left, right in pairwise(extents))
    assert all(f"{digest_of([CONTENT[start:stop]]):016x}" == digest for start, stop, digest in extents)
    hub.clear_faults()
    hub.reset()
    async with open_service(hub, root) as service:
        plan = await service.plan(everything())
        found = await service.download(everything())
    assert plan.kept_bytes == sum(stop - start for start, stop, _ in extents)
    assert files_below(found.local_path) == {"big.parquet": CONTENT}
