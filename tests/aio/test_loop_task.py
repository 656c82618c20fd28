import anyio
from anyio import to_thread
from anyio.lowlevel import current_token

from hfsvc.aio.loop_task import LoopTask


async def test_work_goes_on_beside_the_thread_that_began_it() -> None:
    done = anyio.Event()

    async def work() -> None:
        done.set()

    begun = LoopTask(current_token(), work)
    await done.wait()
    await to_thread.run_sync(begun.close)
    await to_thread.run_sync(begun.close)


async def test_work_that_is_closed_is_cancelled_and_has_ended() -> None:
    began, ended = anyio.Event(), anyio.Event()

    async def work() -> None:
        began.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    begun = LoopTask(current_token(), work)
    await began.wait()
    await to_thread.run_sync(begun.close)
    assert ended.is_set()


async def test_on_the_loop_it_ends_later_and_blocks_nothing() -> None:
    began, ended = anyio.Event(), anyio.Event()

    async def work() -> None:
        began.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    begun = LoopTask(current_token(), work)
    await began.wait()
    begun.close()
    assert not ended.is_set()
    with anyio.fail_after(10):
        await ended.wait()
