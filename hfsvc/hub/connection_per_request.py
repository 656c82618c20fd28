"""httpx's own transport with a pool of its own for every connection.

Source: httpcore 1.0 asks, at the beginning and at the end of each request, every idle connection of its pool for the state
of its socket, and at each of these counts all others. Among some dozen connections that is four fifths of a small file's
processor time.
"""

import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple, cast

import httpx

# As long as httpx keeps an idle connection.
KEEP_S = 5.0


class _Idle(NamedTuple):
    transport: httpx.AsyncBaseTransport
    since: float


class ConnectionPerRequest(httpx.AsyncBaseTransport):
    """Gives each request a transport that no other request uses, the one that was used last for the same server.

    Args:
        open_transport: Makes one more.
        clock: Monotonic seconds.
    """

    def __init__(
        self, open_transport: Callable[[], httpx.AsyncBaseTransport], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open_transport = open_transport
        self._clock = clock
        self._idle: defaultdict[tuple[str, str, int | None], deque[_Idle]] = defaultdict(deque)
        self._all: set[httpx.AsyncBaseTransport] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._close_old()
        idle = self._idle[request.url.scheme, request.url.host, request.url.port]
        transport = idle.pop().transport if idle else self._open_one()
        try:
            response = await transport.handle_async_request(request)
        except BaseException:
            idle.append(_Idle(transport, self._clock()))
            raise
        stream = cast("httpx.AsyncByteStream", response.stream)
        response.stream = _Stream(stream, lambda: idle.append(_Idle(transport, self._clock())))
        return response

    def _open_one(self) -> httpx.AsyncBaseTransport:
        transport = self._open_transport()
        self._all.add(transport)
        return transport

    async def _close_old(self) -> None:
        """Close what nobody used for a while: the transport used last is used first, so the others grow old."""
        for idle in list(self._idle.values()):
            while idle and self._clock() - idle[0].since > KEEP_S:
                transport = idle.popleft().transport
                self._all.discard(transport)
                await transport.aclose()

    async def aclose(self) -> None:
        self._idle.clear()
        while self._all:
            await self._all.pop().aclose()


class _Stream(httpx.AsyncByteStream):
    """A body, at whose end its transport is free."""

    def __init__(self, stream: httpx.AsyncByteStream, free: Callable[[], None]) -> None:
        self._stream = stream
        self._free: Callable[[], None] | None = free

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            if self._free is not None:
                free, self._free = self._free, None
                free()
