"""Listeners of events, synchronous or not: told in the order of events, awaited where there is something to await."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from anyio import BrokenResourceError, EndOfStream, WouldBlock, create_memory_object_stream, create_task_group
from anyio.streams.memory import MemoryObjectReceiveStream

E = TypeVar("E")


@asynccontextmanager
async def listening(listener: Callable[[E], Awaitable[None] | None] | None) -> AsyncIterator[Callable[[E], None]]:
    """A function that tells a listener of an event, and never waits.

    What the listener's calls return is awaited one after the other, all of it before the context ends. What it raises ends
    the context: in an exception group, as all that is raised in it.

    Args:
        listener: Called on the event loop; None for nobody.
    """
    send, receive = create_memory_object_stream[Awaitable[None]](float("inf"))

    def tell(event: E) -> None:
        result = listener(event) if listener else None
        if inspect.isawaitable(result):
            try:
                send.send_nowait(result)
            except BrokenResourceError:
                # The one before it failed.
                _drop(result)

    async with create_task_group() as group:
        group.start_soon(_await_all, receive)
        with send:
            yield tell


async def _await_all(results: MemoryObjectReceiveStream[Awaitable[None]]) -> None:
    with results:
        try:
            async for result in results:
                await result
        finally:
            with suppress(WouldBlock, EndOfStream):
                while True:
                    _drop(results.receive_nowait())


def _drop(result: Awaitable[None]) -> None:
    # A coroutine that is thrown away warns of itself.
    if inspect.iscoroutine(result):
        result.close()
