"""Blocking calls in threads of their own."""

import asyncio
import threading

import pytest

from hfsvc.aio.own_thread import in_own_thread


async def test_the_value_comes_back() -> None:
    assert await in_own_thread(threading.get_ident) != threading.get_ident()


async def test_an_error_comes_back() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_own_thread(lambda: 1 // 0)


async def test_a_cancelled_caller_leaves_at_once() -> None:
    began, release = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        release.wait()

    task = asyncio.create_task(in_own_thread(work))
    await asyncio.to_thread(began.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()


def test_a_call_that_outlives_its_loop_disturbs_nobody() -> None:
    release, ended = threading.Event(), threading.Event()

    def work() -> None:
        release.wait()
        ended.set()

    async def leave() -> None:
        task = asyncio.ensure_future(in_own_thread(work))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    release.set()
    assert ended.wait(10)
