"""Room for large answers: what is made and not yet sent counts, and whoever finds no room waits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from hfsvc.server.errors import Busy


class Held:
    """A part of a budget. `size` is in bytes."""

    def __init__(self, budget: "ByteBudget", size: int) -> None:
        self._budget = budget
        self.size = size

    def resize(self, size: int) -> None:
        """Hold as much as the answer has turned out to be; never waits."""
        self._budget.give(self.size - size)
        self.size = size


class ByteBudget:
    """Bytes that may be held at once; those who wait are served in turn.

    Args:
        total: Of all that is held, as far as it was known when it was asked for.
        wait_s: Seconds after which somebody who waits is sent away.
    """

    def __init__(self, total: int, *, wait_s: float) -> None:
        self._free = total
        self._wait_s = wait_s
        self._turn = anyio.Lock()
        self._more = anyio.Event()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[Held]:
        """Hold `size` bytes for as long as the context lasts; nothing waits for no bytes.

        Raises:
            Busy: There was no room in time.
        """
        if size:
            await self._take(size)
        held = Held(self, size)
        try:
            yield held
        finally:
            held.resize(0)

    def give(self, size: int) -> None:
        """Return bytes, or take more where `size` is negative."""
        self._free += size
        self._more.set()

    async def _take(self, size: int) -> None:
        if self._free >= size and not self._turn.locked():
            self._free -= size
            return
        with anyio.move_on_after(self._wait_s):
            async with self._turn:
                while self._free < size:
                    self._more = anyio.Event()
                    await self._more.wait()
                self._free -= size
                return
        raise Busy(what="large answers")
