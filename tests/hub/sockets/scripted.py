"""Servers that answer as a test says, byte by byte, and tell what they saw of the connection."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Answer = Callable[["Visit"], Awaitable[None]]


class Visit:
    """One connection of a client.

    Attributes:
        number: Of the connection, from 1 on.
    """

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self._reader = reader
        self._writer = writer

    async def asked(self) -> bytes:
        """The next request's head."""
        return await self._reader.readuntil(b"\r\n\r\n")

    async def say(self, *pieces: bytes) -> None:
        """Send bytes, piece by piece."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    def half_close(self) -> None:
        """Say that nothing more comes, and go on listening."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Break the connection off."""
        self._writer.transport.abort()

    async def gone(self) -> None:
        """Return when the client has closed the connection."""
        with suppress(ConnectionError):
            while await self._reader.read(1 << 16):
                pass


class ScriptedServer:
    """Where it listens, and how many have come.

    Attributes:
        ended: Set when the script has gone to its end.
    """

    def __init__(self) -> None:
        self.port = 0
        self.visits = 0
        self.ended = asyncio.Event()

    def url(self, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}/x"


@asynccontextmanager
async def scripted(
    answer: Answer, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedServer]:
    """A server that plays `answer` for each connection, and closes it afterwards."""
    found = ScriptedServer()
    playing: set[asyncio.Task[None]] = set()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        playing.add(task)
        found.visits += 1
        try:
            await answer(Visit(found.visits, reader, writer))
            found.ended.set()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            playing.discard(task)
            writer.close()

    server = await asyncio.start_server(play, host, 0, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for task in playing:
            task.cancel()
        if playing:
            await asyncio.wait(playing)
