"""A border for cancellation: work below it ends before a cancelled caller goes on, however it was cancelled."""

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio

T = TypeVar("T")


@contextmanager
def stoppable() -> Iterator[anyio.CancelScope]:
    """A scope that is left quietly once it is cancelled, whatever cancellation comes out of it.

    What runs in it may make one of its own of the scope's: that has lost its mark, and would end the caller, too.
    """
    with anyio.CancelScope() as scope:
        try:
            yield scope
        except anyio.get_cancelled_exc_class():
            # Where the caller is cancelled as well, that comes again at its next wait.
            if not scope.cancel_called:
                raise


async def in_task_group(work: Awaitable[T]) -> T:
    """Await `work` in a task of its own, so that a cancelled caller waits until it has ended.

    ``Task.cancel`` of asyncio goes straight through anyio's shields and leaves worker threads at work; the cancellation of
    a scope does neither. Here the one becomes the other.
    """
    results: list[T] = []

    async def run() -> None:
        results.append(await work)

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(run)
    except BaseExceptionGroup as errors:
        raise only_error(errors) from None
    return results[0]


def only_error(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group, itself in no group."""
    first = errors.exceptions[0]
    return only_error(first) if isinstance(first, BaseExceptionGroup) else first
