"""Coalescing of calls: one is made for all who ask at about the same time."""

from collections.abc import Awaitable, Callable, Hashable
from copy import copy
from functools import partial
from typing import Generic, NoReturn, TypeVar
from weakref import WeakValueDictionary

import anyio
from anyio import lowlevel, to_thread

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


class SharedCalls(Generic[T]):
    """Calls by key, each made once for all who ask before it begins; its error is shared, too.

    What they get was true after they asked. Whoever is cancelled while they make it leaves it to the next one who waits.
    """

    def __init__(self) -> None:
        self._rounds: WeakValueDictionary[Hashable, _Rounds[T]] = WeakValueDictionary()

    async def get(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` gives, made by this caller or by another one with the same key.

        Raises:
            Exception: What it raises, a copy for each who did not make it.
        """
        rounds = self._rounds.setdefault(key, _Rounds())
        found = rounds.next
        async with rounds.one_at_a_time:
            if found:
                return found[0]()
            # Those who ask in this same moment are to be in time.
            await lowlevel.checkpoint()
            rounds.next = []
            try:
                value = await call()
            except Exception as error:
                found.append(partial(_raise_copy, error))
                raise
            found.append(lambda: value)
            return value


class _Rounds(Generic[T]):
    def __init__(self) -> None:
        self.one_at_a_time = anyio.Lock(fast_acquire=True)
        self.next: list[Callable[[], T]] = []


def _raise_copy(error: Exception) -> NoReturn:
    # One error in many tasks would gather the tracebacks of all; not every stranger's can be copied.
    try:
        own = copy(error)
    except Exception:
        own = error
    raise own
