"""A small HTTP/1.1 server: keep-alive, HEAD, bodies from files with back-pressure, and deliveries that go wrong.

It works on bare non-blocking sockets, because a fault must decide between FIN and RST at an exact byte.
"""

import os
import socket
import struct
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from http.client import responses as reasons
from typing import Protocol, Self, cast

import anyio
import anyio.to_thread
import h11

from hfsvc.testing.localhub.http_messages import Request, Response, Slice

PIECE_BYTES = 1024 * 1024
RECEIVE_BYTES = 64 * 1024
BACKLOG = 1024
PIECES_PER_S = 50
SENDFILE = hasattr(os, "sendfile")


class EndConnection(Exception):
    """Ends a connection, with RST where `reset` is set."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset


class App(Protocol):
    """The application behind the server: it gives a response to each request."""

    bytes_per_s: float | None

    def exchange(self, request: Request, connection: int) -> AbstractAsyncContextManager[Response]:
        """The answer to a request over a connection; the context lasts until it is delivered."""
        ...

    def connection(self) -> AbstractAsyncContextManager[int]:
        """Surrounds one client's connection, and gives its number."""
        ...

    async def stall(self) -> None:
        """Return when stalled answers may go on."""
        ...


class Wire:
    """A connected socket with the few verbs that the server needs."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock

    async def receive(self) -> bytes:
        """Some bytes; none when the client has gone."""
        while True:
            try:
                return self._sock.recv(RECEIVE_BYTES)
            except BlockingIOError:
                await anyio.wait_readable(self._sock)
            except OSError:
                return b""

    async def send(self, data: bytes) -> None:
        """All of the bytes.

        Raises:
            EndConnection: The client has gone.
        """
        left = memoryview(data)
        while left:
            try:
                left = left[self._sock.send(left) :]
            except BlockingIOError:
                await anyio.wait_writable(self._sock)
            except OSError:
                raise EndConnection from None

    async def send_file(self, descriptor: int, start: int, stop: int) -> None:
        """Bytes of an open file, without a copy through this process.

        Raises:
            EndConnection: The client has gone, or the file has become shorter.
        """
        while start < stop:
            try:
                sent = await anyio.to_thread.run_sync(os.sendfile, self._sock.fileno(), descriptor, start, stop - start)
            except BlockingIOError:
                await anyio.wait_writable(self._sock)
                continue
            except OSError:
                raise EndConnection from None
            if not sent:
                raise EndConnection
            start += sent

    def close(self, *, reset: bool = False) -> None:
        """End the connection: FIN, or RST at once with what is unsent thrown away."""
        if reset:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()


async def serve(listener: socket.socket, app: App) -> None:
    """Accept connections until cancelled, and end them all then."""
    listener.setblocking(False)
    async with anyio.create_task_group() as connections:
        while True:
            try:
                sock, _ = listener.accept()
            except BlockingIOError:
                await anyio.wait_readable(listener)
            else:
                connections.start_soon(_converse, Wire(sock), app)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 picks a free one."""
    return socket.create_server((host, port), backlog=BACKLOG)


async def _converse(wire: Wire, app: App) -> None:
    reset = False
    try:
        async with app.connection() as number:
            await _answer_all(wire, app, number)
    except EndConnection as hangup:
        reset = hangup.reset
    finally:
        wire.close(reset=reset)


async def _answer_all(wire: Wire, app: App, number: int) -> None:
    state = h11.Connection(h11.SERVER)
    while (request := await _read_request(wire, state)) is not None:
        async with app.exchange(request, number) as response:
            await _deliver(wire, state, app, request.method, response)
        if state.our_state is not h11.DONE:
            return
        state.start_next_cycle()


async def _read_request(wire: Wire, state: h11.Connection) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        try:
            event = state.next_event()
        except h11.RemoteProtocolError:
            await wire.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            return None
        if event is h11.NEED_DATA:
            state.receive_data(await wire.receive())
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _request(head, bytes(body))
        else:
            return None


def _request(head: h11.Request, body: bytes) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    return Request(head.method.decode("ascii"), head.target.decode("latin-1"), headers, body)


async def _deliver(wire: Wire, state: h11.Connection, app: App, method: str, response: Response) -> None:
    how = response.delivery
    if how.stalled and how.stall_after is None:
        await _stall(wire, app)
    if how.instead is not None:
        await wire.send(how.instead)
        raise EndConnection(reset=how.reset)
    await wire.send(state.send(_head(response)) or b"")
    if method != "HEAD" and response.status not in {204, 304}:
        await _send_body(wire, state, app, response)
    await wire.send(state.send(h11.EndOfMessage()) or b"")


def _head(response: Response) -> h11.Response:
    headers = [*response.headers]
    if not response.header("Content-Length") and not response.header("Transfer-Encoding"):
        headers.append(("Content-Length", str(len(response.body))))
    return h11.Response(status_code=response.status, headers=headers, reason=reasons.get(response.status, ""))


async def _send_body(wire: Wire, state: h11.Connection, app: App, response: Response) -> None:
    """The body, or as much of it as the delivery lets through."""
    how = response.delivery
    stop = len(response.body) if how.cut_after is None else min(how.cut_after, len(response.body))
    pause = None if how.stall_after is None else min(how.stall_after, stop)
    async with _Body(wire, state, app, response) as body:
        if pause is not None:
            await body.send_until(pause)
            await _stall(wire, app)
        await body.send_until(stop)
    if how.cut_after is not None:
        raise EndConnection(reset=how.reset)


async def _stall(wire: Wire, app: App) -> None:
    """Wait for the release, or for the client to go."""
    gone = True

    async def wait_for_release() -> None:
        nonlocal gone
        await app.stall()
        gone = False
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait_for_release)
        await wire.receive()
        tasks.cancel_scope.cancel()
    if gone:
        raise EndConnection


class _Body:
    """A body on its way: from memory or a file, at full speed or at the server's pace."""

    def __init__(self, wire: Wire, state: h11.Connection, app: App, response: Response) -> None:
        self._wire, self._state, self._response = wire, state, response
        self._pace = response.delivery.bytes_per_s or app.bytes_per_s
        self._descriptor: int | None = None
        self._sent = 0

    async def __aenter__(self) -> Self:
        if isinstance(self._response.body, Slice) and self._response.body.content.on_disk:
            self._descriptor = await anyio.to_thread.run_sync(self._response.body.content.open)
        self._began = anyio.current_time()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    async def send_until(self, stop: int) -> None:
        """What is left of the body before the offset `stop`."""
        piece = PIECE_BYTES if self._pace is None else max(1, min(PIECE_BYTES, int(self._pace / PIECES_PER_S)))
        while self._sent < stop:
            start, self._sent = self._sent, min(self._sent + piece, stop)
            self._response.on_bytes(self._sent - start)
            await self._send(start, self._sent)
            await self._keep_pace()

    async def _send(self, start: int, stop: int) -> None:
        data = cast("bytes", await self._piece(start, stop))
        parts = self._state.send_with_data_passthrough(h11.Data(data=data)) or []
        for part in cast("list[bytes | _Hole]", parts):
            if isinstance(part, _Hole):
                await self._wire.send_file(part.descriptor, part.start, part.stop)
            else:
                await self._wire.send(part)

    async def _piece(self, start: int, stop: int) -> "bytes | _Hole":
        body = self._response.body
        if isinstance(body, bytes):
            return body[start:stop]
        first, last = body.start + start, body.start + stop
        if self._descriptor is None:
            return body.content.read(None, first, last)
        if SENDFILE and not body.content.flips:
            return _Hole(self._descriptor, first, last)
        return await anyio.to_thread.run_sync(body.content.read, self._descriptor, first, last)

    async def _keep_pace(self) -> None:
        due = self._began + self._sent / self._pace if self._pace else 0
        await anyio.sleep(max(0, due - anyio.current_time()))


@dataclass(frozen=True, slots=True)
class _Hole:
    """Bytes of an open file that h11 must count, but that the kernel sends by itself."""

    descriptor: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start
