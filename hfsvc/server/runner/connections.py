"""Protocols of uvicorn with limits on what a peer may do to a connection: slow, silent, stalled, or too many of them.

A peer that connects and never finishes a request, one that asks and never reads, and one more than there is room for:
all are dropped. One that sends more than it reads is not listened to. Seen in uvicorn 0.54, whose timeouts cover idle
connections and unanswered pings, and which takes in what small frames there are.
"""

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from hfsvc.server.limits import ServerLimits
from hfsvc.server.middleware.access import Refusal
from hfsvc.server.middleware.guard import EVERY_RESPONSE, refusal_response

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from uvicorn._types import ASGIReceiveEvent
    from websockets.frames import Frame

# Less than that in a whole `stall_s` is no reading.
MIN_READ_BYTES = 1 << 16
# Of a socket at once: the smallest frames take six bytes, and fifty times as much once they are messages.
RECEIVE_BYTES = 1 << 12
# Of a message; empty ones count for nothing in its size.
MAX_FRAGMENTS = 1 << 12
TOO_LARGE = 1009


class WriteBacklog(NamedTuple):
    """Bytes that a peer has not read yet, and how often it had caught up before."""

    size: int
    caught_up: int


def has_stalled(before: WriteBacklog, now: WriteBacklog) -> bool:
    """Whether a peer has read next to nothing between two looks. Pure."""
    if before.size == 0 or now.size == 0 or now.caught_up > before.caught_up:
        return False
    return now.size > before.size - MIN_READ_BYTES


class StallDetector:
    """A timer that breaks a connection off when its peer no longer reads.

    Args:
        transport: Of the connection.
        stall_s: Seconds between two looks.

    Attributes:
        caught_up: How often the peer has read so much that writing could go on; who owns the connection counts it.
    """

    def __init__(self, transport: asyncio.Transport, stall_s: float) -> None:
        self.caught_up = 0
        self._transport = transport
        self._stall_s = stall_s
        self._before = WriteBacklog(0, 0)
        self._timer = self._again()

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _again(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._stall_s, self._look)

    def _look(self) -> None:
        now = WriteBacklog(self._transport.get_write_buffer_size(), self.caught_up)
        if has_stalled(self._before, now):
            self._transport.abort()
            return
        self._before = now
        self._timer = self._again()


class LimitedHttpProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, where requests must arrive in time, and responses must be read."""

    limits: ServerLimits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch = StallDetector(transport, self.limits.stall_s)
        self._deadline: asyncio.TimerHandle | None = None
        self._expect_request()
        if len(self.connections) > self.limits.connections:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clocks()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_protocol() is not self:
            return
        if self.conn.their_state in {h11.IDLE, h11.SEND_BODY}:
            self._expect_request()
        else:
            self._stop_expecting()

    def resume_writing(self) -> None:
        self._watch.caught_up += 1
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            # Another answer is under way.
            self.transport.abort()
            return
        headers, body = refusal_response(Refusal(400, "invalid_request", msg))
        answer = h11.Response(status_code=400, headers=[*headers, *EVERY_RESPONSE], reason=b"Bad Request")
        for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._stop_clocks()
        super().handle_websocket_upgrade(event)

    def _expect_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.limits.request_s, self.transport.abort)

    def _stop_expecting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_clocks(self) -> None:
        self._watch.stop()
        self._stop_expecting()


class LimitedWebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, where messages must be read; the next one waits until the one before is.

    Pings are answered at once, so a peer that does not read is not listened to either.
    """

    limits: ServerLimits

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.max_size = RECEIVE_BYTES
        self._watch = StallDetector(transport, self.limits.stall_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.stop()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self._watch.caught_up += 1
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    def handle_cont(self, event: "Frame") -> None:
        super().handle_cont(event)
        if len(self.frames) > MAX_FRAGMENTS and not self.close_sent:
            self.conn.fail(TOO_LARGE, "too many fragments")
            self.handle_parser_exception()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        # Closing would wait until everything is read, by a peer that is gone.
        self.transport.abort()

    async def receive(self) -> "ASGIReceiveEvent":
        # Would begin to read again.
        await self.writable.wait()
        return await super().receive()

    async def send(self, message: "MutableMapping[str, Any]") -> None:  # type: ignore[override]
        await super().send(message)  # type: ignore[arg-type]
        await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected


def limited_protocols(limits: ServerLimits) -> tuple[type[LimitedHttpProtocol], type[LimitedWebSocketProtocol]]:
    """Both protocols with these limits, as uvicorn takes them."""
    http = type("PatientHttp", (LimitedHttpProtocol,), {"limits": limits})
    return http, type("PatientSocket", (LimitedWebSocketProtocol,), {"limits": limits})
