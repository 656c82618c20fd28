"""How many streams run at once: more while that brings more bytes a second, fewer when it does not or a server refuses.

`AdaptiveLimit` decides, without a clock or I/O; `StreamSlots` admits streams by what it decides.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from hfsvc.aio.clock import Clock

FIRST_STREAMS = 8
WINDOW_S = 0.5
GAIN = 1.05
LOSS = 0.8


class AdaptiveLimit:
    """Additive increase while goodput grows, multiplicative decrease when streams are refused.

    Args:
        most: Streams at once, ever.
        now: Monotonic seconds.
        first: Streams to begin with.

    Attributes:
        limit: Streams at once, now.
        most: Streams at once, ever.
    """

    def __init__(self, most: int, now: float, *, first: int = FIRST_STREAMS) -> None:
        self.limit = min(first, most)
        self.most = most
        self._window_began = now
        self._window_bytes = 0
        self._best = 0.0
        self._settled = False

    def received(self, count: int, now: float, *, saturated: bool) -> None:
        """Count bytes, and think again at the end of every window.

        Args:
            count: Bytes that came in.
            now: Monotonic seconds.
            saturated: Whether all allowed streams are in use; the line is not tested otherwise.
        """
        self._window_bytes += count
        span_s = now - self._window_began
        if span_s < WINDOW_S:
            return
        goodput = self._window_bytes / span_s
        self._window_began, self._window_bytes = now, 0
        if saturated:
            self._judge(goodput)

    def _judge(self, goodput: float) -> None:
        if goodput > self._best * GAIN and not self._settled:
            self._best = goodput
            self.limit = min(self.most, self.limit + 2)
        elif goodput < self._best * LOSS:
            # The line itself got slower, or the last streams were too many: look for the best number again.
            self._best = goodput
            self.limit = max(1, self.limit - 1)
            self._settled = False
        else:
            self._settled = True

    def refused(self) -> None:
        """A server refused a stream, or asked for patience."""
        self.limit = max(1, self.limit // 2)
        self._settled = True


class StreamSlots:
    """Admits as many streams at once as an `AdaptiveLimit` allows, in the order of asking: a stream holds it as a context."""

    def __init__(self, limit: AdaptiveLimit, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._extra = 0
        self._slots = anyio.CapacityLimiter(limit.limit)

    @property
    def used(self) -> int:
        """Streams that run now."""
        return self._slots.borrowed_tokens

    @property
    def allowed(self) -> int:
        """Streams that may run now."""
        return self._limit.limit

    @property
    def has_room(self) -> bool:
        """Whether there may be one more beside those that run, and those that are allowed."""
        return self.used + self._extra < self._limit.most

    @contextmanager
    def extra(self) -> Iterator[None]:
        """The context of a stream that runs beside the allowed ones."""
        self._extra += 1
        self._adapt()
        try:
            yield
        finally:
            self._extra -= 1
            self._adapt()

    async def __aenter__(self) -> None:
        try:
            # Without the way through the event loop that each wait costs, many small files are a tenth quicker.
            self._slots.acquire_nowait()
        except anyio.WouldBlock:
            await self._slots.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._slots.release()

    def received(self, count: int) -> None:
        """Bytes came in over some stream."""
        self._limit.received(count, self._clock.now(), saturated=self.used >= self.allowed)
        self._adapt()

    def refused(self) -> None:
        """A server refused a stream."""
        self._limit.refused()
        self._adapt()

    def _adapt(self) -> None:
        allowed = max(1, min(self.allowed, self._limit.most - self._extra))
        if self._slots.total_tokens != allowed:
            self._slots.total_tokens = allowed
