"""A throttle: a cap on the bytes a second of all streams that share it."""

import time
from collections.abc import Callable

import anyio


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

    async def passed(self, count: int) -> None:
        """Wait as long as `count` received bytes must take."""
        if (delay_s := self.delay_s(count)) > 0:
            await anyio.sleep(delay_s)
