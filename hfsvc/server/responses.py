"""ASGI responses that are large or long: sent piece by piece, no faster than they are read, never after the reader left."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NamedTuple

import anyio

from hfsvc.server.errors import Busy
from hfsvc.server.limits import ByteBudget, ServerLimits, Slots

# As loose as the specification, so that they fit those of every framework.
Scope = Any
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
PIECE_BYTES = 1 << 16
Chunks = AsyncGenerator[bytes, None]


class Payload(NamedTuple):
    """Body and further headers of a whole response."""

    body: bytes
    headers: Headers


class BudgetedResponse:
    """A JSON response that counts against a budget from before it is made until it is sent.

    Args:
        make: Makes it; what it raises becomes the response.
        budget: Where it counts.
        limits: How much it counts for at first, and how long all of it may take.
    """

    def __init__(self, make: Callable[[], Awaitable[Payload]], *, budget: ByteBudget, limits: ServerLimits) -> None:
        self._make = make
        self._budget = budget
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with anyio.fail_after(self._limits.answer_s):
                async with self._budget.reserve(self._limits.held_estimate_bytes) as reservation:
                    payload = await self._make()
                    reservation.resize(len(payload.body))
                    await _send_whole(payload, send)
        except TimeoutError:
            raise Busy(what="large answers") from None


class StreamedResponse:
    """A response without an end known beforehand. It stops making chunks when the reader leaves.

    Args:
        chunks: Makes them; what it raises before the first one becomes the response.
        media_type: Of the response.
        slots: How many of these there may be at once.
        error_trailer: What is sent when it fails on the way, before the connection is broken off.
        headers: More of them.
    """

    def __init__(
        self,
        chunks: Callable[[], Chunks],
        media_type: str,
        *,
        slots: Slots,
        error_trailer: Callable[[Exception], bytes] | None = None,
        headers: Headers | None = None,
    ) -> None:
        self._chunks = chunks
        self._headers = headers or []
        self._media_type = media_type
        self._slots = slots
        self._error_trailer = error_trailer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._slots.take():
            async with aclosing(self._chunks()) as chunks:
                first = await anext(chunks, b"")
                headers = [(b"content-type", self._media_type.encode()), *self._headers]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                async with anyio.create_task_group() as group:
                    group.start_soon(_cancel_on_disconnect, receive, group.cancel_scope)
                    await self._send_all(first, chunks, send)
                    group.cancel_scope.cancel()

    async def _send_all(self, first: bytes, chunks: Chunks, send: Send) -> None:
        await _send_pieces(first, send)
        try:
            async for chunk in chunks:
                await _send_pieces(chunk, send)
        except Exception as error:
            if self._error_trailer is not None:
                await _send_pieces(self._error_trailer(error), send)
            # Unended: a reader must not take what it has for all there is.
            raise
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_whole(payload: Payload, send: Send) -> None:
    length = (b"content-length", str(len(payload.body)).encode())
    headers = [(b"content-type", b"application/json"), length, *payload.headers]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await _send_pieces(payload.body, send)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_pieces(body: bytes, send: Send) -> None:
    # Servers wait for the reader between two pieces, never within one.
    for start in range(0, len(body), PIECE_BYTES):
        piece = body[start : start + PIECE_BYTES]
        await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _cancel_on_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
