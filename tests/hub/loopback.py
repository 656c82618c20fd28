"""Servers on the loopback device that answer by TLS, and a proxy that people have to pass."""

import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSListener

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
UNKNOWN = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


@asynccontextmanager
async def _listen(
    answer: Callable[[ByteStream], Awaitable[None]], context: ssl.SSLContext | None
) -> AsyncIterator[int]:
    async def handle(stream: ByteStream) -> None:
        async with stream:
            with suppress(*GONE):
                await answer(stream)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        port = listener.extra(SocketAttribute.local_port)
        served = TLSListener(listener, context, standard_compatible=False) if context else listener
        group.start_soon(served.serve, handle)
        yield port
        group.cancel_scope.cancel()


@asynccontextmanager
async def serve(context: ssl.SSLContext | None) -> AsyncIterator[int]:
    """The port of a server that answers everything with ``{}``."""

    async def answer(stream: ByteStream) -> None:
        await stream.receive()
        await stream.send(ANSWER)

    async with _listen(answer, context) as port:
        yield port


class LoopbackProxy:
    """A proxy that takes CONNECT and absolute addresses.

    Args:
        port: Where it listens.
        login: ``user:password`` that it wants; None for none.

    Attributes:
        asked: The first lines of what was asked.
    """

    def __init__(self, login: str | None = None) -> None:
        self.port = 0
        self.asked: list[str] = []
        self._wanted = b"basic " + base64.b64encode(login.encode()).lower() if login else b""

    async def answer(self, stream: ByteStream) -> None:
        head = await stream.receive()
        self.asked.append(head.partition(b"\r\n")[0].decode())
        if self._wanted not in head.lower():
            await stream.send(UNKNOWN)
        elif head.startswith(b"CONNECT "):
            host, _, port = head.split(b" ")[1].decode().rpartition(":")
            async with await anyio.connect_tcp(host, int(port)) as far:
                await stream.send(b"HTTP/1.1 200 Connected\r\n\r\n")
                async with anyio.create_task_group() as group:
                    group.start_soon(_pass, stream, far)
                    await _pass(far, stream)
                    group.cancel_scope.cancel()
        else:
            await stream.send(ANSWER)


@asynccontextmanager
async def proxy(login: str | None = None) -> AsyncIterator[LoopbackProxy]:
    """A running proxy."""
    found = LoopbackProxy(login)
    async with _listen(found.answer, None) as found.port:
        yield found


async def _pass(near: ByteStream, far: ByteStream) -> None:
    with suppress(*GONE):
        while True:
            await far.send(await near.receive())
