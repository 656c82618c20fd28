"""Work that must come to its own end: its caller may be cancelled, and waits until it has."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import anyio

LONGEST_END_S = 60.0


async def uninterrupted(work: Coroutine[Any, Any, None], *, before_cancel: Callable[[], None]) -> None:
    """Await work of asyncio in a task of its own, which nobody cancels.

    Args:
        work: It.
        before_cancel: Called where the caller is cancelled; makes the work end soon.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        before_cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task], timeout=LONGEST_END_S)
        if task.done() and not task.cancelled():
            # Told to nobody: the caller has ended.
            task.exception()
        raise
