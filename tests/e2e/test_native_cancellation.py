"""Callers who cancel with asyncio's own `Task.cancel` get the same care as those who cancel a scope."""

import asyncio
import threading
from pathlib import Path

import pytest
from anyio import to_thread

from hfsvc.aio.cancellation import in_task_group
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Stall
from tests.builders import REPO, MiB, everything, noise, open_service


async def test_a_cancelled_caller_waits_for_what_is_shielded() -> None:
    began, go_on = asyncio.Event(), threading.Event()
    ended: list[str] = []
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(began.set)
        go_on.wait()
        ended.append("work")

    task = asyncio.create_task(in_task_group(to_thread.run_sync(work)))
    await began.wait()
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["work"]


async def test_an_error_comes_out_as_itself() -> None:
    async def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await in_task_group(fail())


async def test_a_verification_is_cancelled_between_two_blocks(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", noise(8 * MiB))
    async with open_service(local_hub, root) as service:
        await service.download(everything())
        with (root / REPO / "big.parquet").open("wb") as file:
            file.truncate(1 << 40)
        reading = asyncio.Event()
        task = asyncio.create_task(service.verify(REPO, on_event=lambda _: reading.set()))
        await reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The lock is free, and nobody is still reading a terabyte.
        await service.delete(REPO)


async def test_a_download_that_is_cancelled_leaves_its_lock_and_its_parts(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", noise(4 * MiB))
    rule = local_hub.fault(Stall(after=1000), server="cdn", covering=3 * MiB)
    async with open_service(local_hub, root) as service:
        task = asyncio.create_task(service.download(everything()))
        await local_hub.until(lambda: rule.fired > 0 and local_hub.bytes_sent() > 2 * MiB)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        local_hub.clear_faults()
        found = await service.download(everything())
    assert found.paths[0].stat().st_size == 4 * MiB
