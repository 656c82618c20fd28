"""A connection to a server: a protocol of asyncio that receives into the blocks of whoever reads the answer."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

import h11
import httpx

from hfsvc.hub.sockets.incoming import IncomingBody
from hfsvc.hub.sockets.round_trip import UNTIL_CLOSE, RoundTrip

HEAD_BYTES: Final = 64 << 10
_INCOMPLETE: Final = "peer closed connection without sending complete message body (received {} bytes, expected {})"
# What httpx's own streams call it, and what asyncio does.
_FACTS: Final = {"client_addr": "sockname", "server_addr": "peername"}


class Connection(asyncio.BufferedProtocol):
    """A connection that carries one round trip at a time, by TLS or without.

    Args:
        on_free: Called when a round trip is over and another one may begin.
        on_lost: Called when its socket is closed, by whomever.

    Attributes:
        loop: The event loop that it belongs to.
        closed: Done when its socket is closed.
    """

    def __init__(self, on_free: Callable[["Connection"], None], on_lost: Callable[["Connection"], None]) -> None:
        self.loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self._on_free = on_free
        self._on_lost = on_lost
        self._small = memoryview(bytearray(HEAD_BYTES))
        self._trip: RoundTrip | None = None
        self._body: IncomingBody | None = None
        self._read_timeout: float | None = None
        self._waiter: asyncio.Future[IncomingBody | Exception] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._trips = 0
        self._heard = self._excess = False

    @property
    def is_usable(self) -> bool:
        """Whether a round trip may begin."""
        return self._trip is None and not self._transport.is_closing()

    @property
    def was_stale(self) -> bool:
        """Whether it was used again, and the server said nothing any more: it had hung up before it was asked."""
        return self._trips > 1 and not self._heard

    def get_extra_info(self, info: str) -> Any:
        """Facts of the socket, by the names that httpx's own streams have for them."""
        return self._transport.get_extra_info(_FACTS.get(info, info))

    async def ask(self, trip: RoundTrip, read_timeout: float | None) -> tuple[h11.Response, IncomingBody]:
        """Send a request, and wait for the head of its answer.

        Raises:
            httpx.ReadTimeout: Nothing came for so many seconds, or in as many more no whole head.
            httpx.ReadError: The connection broke.
            httpx.RemoteProtocolError: What came is no answer, or nothing did.
        """
        self._trip, self._read_timeout = trip, read_timeout
        self._heard = self._excess = False
        self._trips += 1
        self._waiter = waiter = self.loop.create_future()
        self._transport.write(trip.message)
        self._start_timer()
        try:
            found = await waiter
        except BaseException:
            # A short answer may be over by now, and the connection somebody else's.
            if self._trip is trip:
                self.close()
            raise
        if isinstance(found, Exception):
            raise found
        assert trip.head is not None
        return trip.head, found

    def close(self) -> None:
        """Close the socket at once. May be called twice."""
        self._transport.abort()

    # ---- what asyncio calls -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._small if self._body is None or self._is_taken_apart() else self._body.room()

    def buffer_updated(self, nbytes: int) -> None:
        if self._trip is None:
            # Nobody asked: whatever it is, it is no answer to what is asked next.
            self.close()
        elif self._body is None or self._is_taken_apart():
            self._take(self._trip, bytes(self._small[:nbytes]))
        else:
            self._body.fill(nbytes)
            self._finish_if_over(self._trip, self._body)

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)
        self._stop_timer()
        self._on_lost(self)
        if not self.closed.done():
            self.closed.set_result(None)

    # ---- an answer comes --------------------------------------------------------------------------------------------

    def _is_taken_apart(self) -> bool:
        return self._trip is None or self._trip.length is None

    def _take(self, trip: RoundTrip, data: bytes) -> None:
        try:
            for piece in trip.receive(data):
                self._excess = self._body_of(trip).put(piece) < len(piece)
        except httpx.RemoteProtocolError as error:
            self._fail(trip, error)
            return
        if trip.head is not None:
            self._finish_if_over(trip, self._body_of(trip))
        elif not self._heard:
            # From now on a whole head is waited for, not any byte: one that dribbles has no end.
            self._heard = True
            self._start_timer()

    def _body_of(self, trip: RoundTrip) -> IncomingBody:
        if self._body is None:
            self._heard = True
            self._body = IncomingBody(self._transport, trip.length, self._read_timeout)
            self._wake(self._body)
        return self._body

    def _finish_if_over(self, trip: RoundTrip, body: IncomingBody) -> None:
        if trip.ended:
            body.end()
            self._excess = bool(trip.leftover)
        if body.is_running:
            return
        self._trip = self._body = None
        unsent = self._transport.get_write_buffer_size()
        if trip.keeps_alive and not self._excess and not unsent:
            self._transport.resume_reading()
            self._on_free(self)
        else:
            self.close()

    # ---- nothing more comes -----------------------------------------------------------------------------------------

    def _end(self, error: Exception | None) -> None:
        """The server has ended the connection, or it broke; the answer may be complete by that."""
        trip, body = self._trip, self._body
        if trip is None:
            return
        if error is not None:
            self._fail(trip, httpx.ReadError(str(error)))
        elif body is None:
            self._fail(trip, httpx.RemoteProtocolError("Origin disconnected without sending a response."))
        elif trip.length == UNTIL_CLOSE:
            self._trip = self._body = None
            body.end()
        elif trip.length is None:
            # The parser knows what is missing.
            self._take(trip, b"")
        else:
            self._fail(trip, httpx.RemoteProtocolError(_INCOMPLETE.format(body.received, trip.length)))

    def _fail(self, trip: RoundTrip, error: Exception) -> None:
        if trip.head is None:
            self._wake(error)
        else:
            self._body_of(trip).fail(error)
        self._trip = self._body = None
        self.close()

    def _wake(self, found: IncomingBody | Exception) -> None:
        self._stop_timer()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(found)

    # ---- the time that a head takes ---------------------------------------------------------------------------------

    def _start_timer(self) -> None:
        self._stop_timer()
        if self._read_timeout is not None:
            self._timer = self.loop.call_later(self._read_timeout, self._be_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _be_late(self) -> None:
        if self._trip is not None:
            self._fail(self._trip, httpx.ReadTimeout("no answer in time"))
