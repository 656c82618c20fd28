"""The event loop belongs to the caller: nothing blocks it, and nothing of ours is left when a call is over."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster

import hfsvc
from hfsvc.testing import LocalHub
from hfsvc.testing.samples import write_sample_hub
from tests.builders import REPO, MiB, everything, noise, open_container_for


@pytest.fixture
def no_blocking() -> Iterator[None]:
    hfsvc.preload()
    watch = BlockBuster(scanned_modules=["hfsvc"], excluded_modules=["hfsvc.testing"])
    watch.activate()
    try:
        yield
    finally:
        watch.deactivate()


async def test_a_download_blocks_nothing(local_hub: LocalHub, root: Path, no_blocking: None) -> None:
    local_hub.write(REPO, "big.parquet", noise(4 * MiB))
    local_hub.write(REPO, "small.json", b"{}")
    async with open_container_for(local_hub, root) as container:
        service = container.datasets()
        found = await service.download(everything())
        assert await service.is_downloaded(REPO)
        assert (await service.verify(REPO, repair=True)).ok
        await service.delete(REPO)
    assert len(found.files) == 2


async def test_a_stream_blocks_nothing(local_hub: LocalHub, root: Path, no_blocking: None) -> None:
    repo = await asyncio.to_thread(write_sample_hub, local_hub.folder, rows=50)
    async with open_container_for(local_hub, root) as container:
        source = container.source(repo)
        await source.ensure_downloaded()
        rows = [row async for row in source.stream_rows()]
    assert len(rows) == 50


async def test_no_task_is_left(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", noise(4 * MiB))
    before = asyncio.all_tasks()
    async with open_container_for(local_hub, root) as container:
        await container.datasets().download(everything())
        assert asyncio.all_tasks() == before
