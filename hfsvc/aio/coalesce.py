"""Looking something up in a worker thread, once for all who ask at about the same time."""

from collections.abc import Callable
from typing import Generic, TypeVar

import anyio
from anyio import to_thread

T = TypeVar("T")


class SharedLook(Generic[T]):
    """Whoever asks while one look is under way shares the next one, so what it gives was true after it was asked for.

    Where many ask, the way to a worker thread and back costs more than the look itself.

    Args:
        look: Looks it up. Blocks.
    """

    def __init__(self, look: Callable[[], T]) -> None:
        self._look = look
        self._one_at_a_time = anyio.Lock(fast_acquire=True)
        self._next: list[T] = []

    async def __call__(self) -> T:
        """What is found now; raises what `look` raises."""
        found = self._next
        async with self._one_at_a_time:
            if not found:
                self._next = []
                found.append(await to_thread.run_sync(self._look))
        return found[0]
