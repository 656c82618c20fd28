"""A clock and its waits as one part, so that tests can have time of their own."""

import time
from typing import Protocol

import anyio


class Clock(Protocol):
    """Monotonic seconds, and waits that end by them."""

    def now(self) -> float:
        """Seconds since some moment in the past."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        ...


class MonotonicClock:
    """The system's monotonic clock and the event loop's waits."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


MONOTONIC = MonotonicClock()
