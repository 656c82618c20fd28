"""Whose turn it is to stream: as many at once as the pace allows, in the order of asking."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from hfsvc.transfer.concurrency import Pace


class Turns:
    """Admits streams.

    Args:
        pace: Its limit may change at any time.

    Attributes:
        taken: Streams that are admitted now.
    """

    def __init__(self, pace: Pace) -> None:
        self.taken = 0
        self._pace = pace
        self._waiting: deque[anyio.Event] = deque()

    @property
    def are_all_taken(self) -> bool:
        """Whether another stream would have to wait."""
        return self.taken >= self._pace.limit

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it."""
        while self.are_all_taken:
            called = anyio.Event()
            self._waiting.append(called)
            try:
                await called.wait()
            except BaseException:
                # Called and cancelled at once: the turn is the next one's.
                if called.is_set():
                    self._call()
                raise
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._call()

    def _call(self) -> None:
        for _ in range(min(len(self._waiting), max(0, self._pace.limit - self.taken))):
            self._waiting.popleft().set()
