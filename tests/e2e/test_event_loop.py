"""The event loop is left alone: what reads, writes, hashes or waits on a disk runs in worker threads."""

from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from hfsvc.testing import LocalHub

from ..builders import REPO, MiB, everything, noise, open_service

pytestmark = pytest.mark.anyio


async def test_nothing_blocks_the_event_loop(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", noise(3 * MiB))
    local_hub.write(REPO, "small.txt", b"small")
    async with open_service(local_hub, root) as service:
        # Once without the guard: imports read files too.
        await service.download(everything())
        await service.delete(REPO)
        with blockbuster_ctx("hfsvc"):
            found = await service.download(everything())
            await service.download(everything())
            await service.plan(everything())
            await service.is_downloaded(REPO)
            await service.list_downloaded()
            await service.verify(REPO)
            await service.download(everything())
            await service.verify(REPO, repair=True)
            await service.delete(REPO)
    assert found.total_bytes == 3 * MiB + 5
