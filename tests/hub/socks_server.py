"""A SOCKS5 proxy on the loopback device, as far as clients need it: CONNECT, with a login or without one."""

import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream

GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.IncompleteRead, OSError)
NO_LOGIN, LOGIN, NONE_OF_THEM = 0, 2, 0xFF
IPV4, NAME, IPV6 = 1, 3, 4
DONE, REFUSED = 0, 5


class SocksServer:
    """What a SOCKS5 proxy answers.

    Args:
        login: ``user:password`` that it wants; None for none.
        names: ``{host: address on this machine}``, for names that only the proxy knows.

    Attributes:
        port: Where it listens.
        asked: ``host:port`` of every CONNECT, as the client sent it.
    """

    def __init__(self, login: str | None, names: Mapping[str, str]) -> None:
        self.port = 0
        self.asked: list[str] = []
        self._login = login
        self._names = names

    async def answer(self, stream: ByteStream) -> None:
        async with stream:
            with suppress(*GONE):
                await self._answer(stream, BufferedByteReceiveStream(stream))

    async def _answer(self, stream: ByteStream, incoming: BufferedByteReceiveStream) -> None:
        _, count = await incoming.receive_exactly(2)
        offered = await incoming.receive_exactly(count)
        method = LOGIN if self._login else NO_LOGIN
        await stream.send(bytes([5, method if method in offered else NONE_OF_THEM]))
        if self._login and not await self._is_let_in(stream, incoming):
            return
        host, port = await _wanted(incoming)
        self.asked.append(f"{host}:{port}")
        try:
            far = await anyio.connect_tcp(self._names.get(host, host), port)
        except OSError:
            await stream.send(bytes([5, REFUSED, 0, IPV4]) + bytes(6))
            return
        async with far, anyio.create_task_group() as group:
            await stream.send(bytes([5, DONE, 0, IPV4]) + bytes(6))
            group.start_soon(_pass, incoming, far)
            await _pass(far, stream)
            group.cancel_scope.cancel()

    async def _is_let_in(self, stream: ByteStream, incoming: BufferedByteReceiveStream) -> bool:
        _, length = await incoming.receive_exactly(2)
        user = await incoming.receive_exactly(length)
        (length,) = await incoming.receive_exactly(1)
        told = user + b":" + await incoming.receive_exactly(length)
        is_right = told.decode() == self._login
        await stream.send(bytes([1, not is_right]))
        return is_right


async def _wanted(incoming: BufferedByteReceiveStream) -> tuple[str, int]:
    _, _, _, kind = await incoming.receive_exactly(4)
    if kind == NAME:
        (length,) = await incoming.receive_exactly(1)
        host = (await incoming.receive_exactly(length)).decode()
    else:
        packed = await incoming.receive_exactly(4 if kind == IPV4 else 16)
        host = ".".join(map(str, packed)) if kind == IPV4 else packed.hex(":", 2)
    (port,) = struct.unpack("!H", await incoming.receive_exactly(2))
    return host, port


async def _pass(near: ByteStream | BufferedByteReceiveStream, far: ByteStream) -> None:
    with suppress(*GONE):
        while True:
            await far.send(await near.receive())


@asynccontextmanager
async def socks_server(login: str | None = None, names: Mapping[str, str] | None = None) -> AsyncIterator[SocksServer]:
    """A running one."""
    found = SocksServer(login, names or {})
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        found.port = listener.extra(SocketAttribute.local_port)
        group.start_soon(listener.serve, found.answer)
        yield found
        group.cancel_scope.cancel()
