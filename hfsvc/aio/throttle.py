"""A throttle: a cap on the bytes a second of all streams that share it."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import anyio

B = TypeVar("B", bytes, memoryview)
PIECES_PER_S = 10
LEAST_PIECE = 4 << 10


class Throttle:
    """Lets bytes through at a rate, over all streams that share it.

    Args:
        bytes_per_s: The rate; None lets everything through.
        clock: Monotonic seconds.
    """

    def __init__(self, bytes_per_s: int | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._free_at = clock()

    def delay_s(self, count: int) -> float:
        """How long whoever received `count` bytes must wait before reading on. What was not used is not saved up."""
        if self._bytes_per_s is None:
            return 0.0
        now = self._clock()
        self._free_at = max(self._free_at, now) + count / self._bytes_per_s
        return self._free_at - now

    def pieces(self, block: B) -> Iterator[B]:
        """A block in pieces that take a tenth of a second each, so that the rate holds over short times, too."""
        size = len(block) if self._bytes_per_s is None else max(LEAST_PIECE, self._bytes_per_s // PIECES_PER_S)
        if len(block) <= size:
            yield block
            return
        for start in range(0, len(block), size):
            yield block[start : start + size]

    async def passed(self, count: int) -> None:
        """Wait as long as `count` received bytes must take."""
        if (delay_s := self.delay_s(count)) > 0:
            await anyio.sleep(delay_s)
