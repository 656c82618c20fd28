"""A blocking call in a thread of its own, for which nobody waits once its caller is cancelled."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

T = TypeVar("T")


async def in_own_thread(work: Callable[[], T]) -> T:
    """What `work` gives, called in a thread that does not keep the process alive. Needs an event loop of asyncio.

    A cancelled caller leaves at once; what the call gives then is dropped.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        settle: Callable[[], None]
        try:
            settle = partial(_give, outcome, work())
        except BaseException as error:
            settle = partial(_fail, outcome, error)
        # The loop may have ended without waiting.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=run, name="hfsvc-own-thread", daemon=True).start()
    return await outcome


def _give(outcome: "asyncio.Future[T]", value: T) -> None:
    if not outcome.done():
        outcome.set_result(value)


def _fail(outcome: "asyncio.Future[T]", error: BaseException) -> None:
    if not outcome.done():
        outcome.set_exception(error)
