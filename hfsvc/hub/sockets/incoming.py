"""The body of an answer between its connection, which fills blocks, and its reader, who takes them."""

import asyncio
from collections import deque
from typing import Final, cast

import httpx

from hfsvc.hub.sockets.round_trip import UNTIL_CLOSE

BLOCK_BYTES: Final = 1 << 20
# Of a body of unknown length, which most often is short.
UNKNOWN_BYTES: Final = 128 << 10
# Nobody waits longer for a block to fill: each time that a reader wakes costs as much as receiving a fraction of a block.
HAND_OVER_S: Final = 0.05
# Received and not taken, beside the block that fills.
HELD_BYTES: Final = 1 << 20


class IncomingBody(httpx.AsyncByteStream):
    """A body that comes: blocks of up to a megabyte, of which each reader owns what it has taken.

    What is handed out is a `memoryview` of memory that nobody writes to again. Where the reader lags, the connection stops
    receiving.

    Args:
        transport: Of the connection; it is paused and, where the body is given up, cut off.
        length: Bytes that are to come; `UNTIL_CLOSE`, or None where somebody else knows the end.
        read_timeout: Seconds without a byte after which it fails; None for ever.
    """

    def __init__(self, transport: asyncio.Transport, length: float | None, read_timeout: float | None) -> None:
        self.left = UNTIL_CLOSE if length is None else length
        self.received = 0
        # None once nothing more comes.
        self._transport = transport if self.left else None
        self._loop = asyncio.get_running_loop()
        self._read_timeout = read_timeout
        self._block = memoryview(b"")
        # Of the block: handed over, and filled.
        self._given = self._filled = 0
        self._ready: deque[memoryview] = deque()
        self._held = 0
        self._hand_over_timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None

    @property
    def is_running(self) -> bool:
        """Whether more may come."""
        return self._transport is not None

    # ---- the connection's side --------------------------------------------------------------------------------------

    def room(self) -> memoryview:
        """Where the next bytes go; never more than are to come."""
        if self._filled == len(self._block):
            self._block = memoryview(bytearray(int(min(self.left, self._block_bytes()))))
            self._given = self._filled = 0
        return self._block[self._filled :]

    def _block_bytes(self) -> int:
        return UNKNOWN_BYTES if self.left == UNTIL_CLOSE and self.received < BLOCK_BYTES else BLOCK_BYTES

    def fill(self, count: int) -> None:
        """So many bytes of the room are there; at the end of a body of known length it ends itself."""
        self._filled += count
        self.received += count
        self.left -= count
        if not self.left:
            self.end()
        elif self._filled == len(self._block):
            self._hand_over()
        elif self._hand_over_timer is None:
            self._hand_over_timer = self._loop.call_later(HAND_OVER_S, self._hand_over)

    def put(self, data: bytes) -> int:
        """Copy what came elsewhere; gives how much of it belongs to the body."""
        rest = memoryview(data)
        while rest and self.left:
            room = self.room()
            count = min(len(room), len(rest))
            room[:count] = rest[:count]
            self.fill(count)
            rest = rest[count:]
        return len(data) - len(rest)

    def end(self) -> None:
        """It is complete."""
        self._transport = None
        self._hand_over()

    def fail(self, error: Exception) -> None:
        """Nothing more comes, and that is wrong; what came is read first."""
        if self._transport is not None:
            self._error = error
            self.end()

    def _hand_over(self) -> None:
        if self._hand_over_timer is not None:
            self._hand_over_timer.cancel()
            self._hand_over_timer = None
        if self._filled > self._given:
            self._ready.append(self._block[self._given : self._filled])
            self._held += self._filled - self._given
            self._given = self._filled
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        elif self._transport is not None and self._held >= HELD_BYTES:
            self._transport.pause_reading()

    # ---- the reader's side ------------------------------------------------------------------------------------------

    def __aiter__(self) -> "IncomingBody":
        return self

    async def __anext__(self) -> bytes:
        while not self._ready:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            if self._transport is None:
                raise StopAsyncIteration
            await self._wait()
        block = self._ready.popleft()
        self._held -= len(block)
        if self._transport is not None and self._held < HELD_BYTES:
            self._transport.resume_reading()
        # As it is: a copy of every byte would cost more than receiving it.
        return cast("bytes", block)

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        timer = None if self._read_timeout is None else self._loop.call_later(self._read_timeout, self._be_late)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _be_late(self) -> None:
        if self._filled > self._given:
            self._hand_over()
        elif self._transport is not None:
            transport = self._transport
            self.fail(httpx.ReadTimeout("no byte in time"))
            transport.abort()

    async def aclose(self) -> None:
        """Cut the connection off, unless the body is complete."""
        if self._transport is not None:
            transport = self._transport
            self.end()
            transport.abort()
        self._ready.clear()
