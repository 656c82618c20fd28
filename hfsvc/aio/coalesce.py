"""Coalescing of calls: a blocking one is made once for all who ask at about the same time."""

from collections.abc import Callable
from typing import Generic, TypeVar

import anyio
from anyio import to_thread

T = TypeVar("T")


class CoalescedCall(Generic[T]):
    """A blocking call whose result is shared by those who ask while an earlier one is under way.

    What they get was true after they asked.

    Where many ask, the way to a worker thread and back costs more than the call itself.

    Args:
        call: Is made. Blocks.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._one_at_a_time = anyio.Lock(fast_acquire=True)
        self._next: list[T] = []

    async def __call__(self) -> T:
        """What the call gives now; raises what the call raises."""
        found = self._next
        async with self._one_at_a_time:
            if not found:
                self._next = []
                found.append(await to_thread.run_sync(self._call))
        return found[0]
