"""Datasets on a loopback Hub, read remotely and from disk."""

from collections.abc import Mapping
from typing import Any

from hfsvc.protocols import TrajectorySource
from hfsvc.testing import LocalHub
from hfsvc.testing.samples import sample_messages, sample_row
from tests.builders import REPO


def long_rows(count: int, first: int = 0, characters: int = 4_000) -> list[dict[str, Any]]:
    """Rows whose text no codec makes much smaller."""
    import random

    found = []
    for number in range(first, first + count):
        text = random.Random(number).randbytes(characters // 2).hex()
        found.append(sample_row(number, conversations=sample_messages(text)))
    return found


def publish(hub: LocalHub, files: Mapping[str, bytes], repo: str = REPO) -> None:
    for path, content in files.items():
        hub.write(repo, path, content)


async def everything_of(source: TrajectorySource) -> list[Any]:
    """All that a source tells of its rows."""
    rows = [each async for each in source.stream_rows()]
    page = await source.list_summaries(0, 1000)
    return [await source.count(), rows, page, await source.statistics()]


def content_requests(hub: LocalHub) -> list[Any]:
    return [each for each in hub.requests if "/resolve/" in each.path or each.server == "cdn"]
