"""The bare loop that a verified download is told against: ``python -m benchmarks.floor URL SIZE SHA256 OUT``.

Eight connections, ranges of 8 MiB, each received into one buffer and written from it, sha256 in file order
in another thread: what Python cannot do without. No retries, no journal, no sync, no HTTP but what nginx answers. It imports
what ``hfsvc download`` imports, so that whole commands compare.

By TLS the bytes come through asyncio's `BufferedProtocol`, for sockets that are wrapped know no ``sock_recv_into``.
"""

import argparse
import asyncio
import hashlib
import importlib
import os
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

CONNECTIONS = 8
RANGE_BYTES = 8 << 20
BUFFER_BYTES = 1 << 20
WRITE_BYTES = 256 << 10
HEAD_BYTES = 64 << 10
IMPORTED = ("hfsvc.cli.main", "hfsvc.cli.download", "hfsvc.containers", "hfsvc.hub.transport")


class PlainConnection:
    """A socket that is received from with ``sock_recv_into``."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    @classmethod
    async def open(cls, host: str, port: int) -> "PlainConnection":
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
        return cls(sock)

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def receive_into(self, buffer: memoryview) -> int:
        return await asyncio.get_running_loop().sock_recv_into(self._socket, buffer)

    def close(self) -> None:
        self._socket.close()


class TlsConnection(asyncio.BufferedProtocol):
    """A connection of asyncio's own by TLS, which receives into whatever buffer it was given last."""

    def __init__(self) -> None:
        self._buffer = memoryview(b"")
        self._received: asyncio.Future[int] | None = None

    @classmethod
    async def open(cls, host: str, port: int, context: ssl.SSLContext) -> "TlsConnection":
        _, found = await asyncio.get_running_loop().create_connection(cls, host, port, ssl=context)
        return found

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.pause_reading()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._transport.pause_reading()
        if self._received is not None:
            self._received.set_result(nbytes)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._received is not None and not self._received.done():
            self._received.set_result(0)

    async def send(self, data: bytes) -> None:
        self._transport.write(data)

    async def receive_into(self, buffer: memoryview) -> int:
        self._buffer, self._received = buffer, asyncio.get_running_loop().create_future()
        self._transport.resume_reading()
        return await self._received

    def close(self) -> None:
        self._transport.abort()


Connection = PlainConnection | TlsConnection


async def open_connection(url: SplitResult, context: ssl.SSLContext | None) -> Connection:
    host, port = url.hostname or "", url.port or (443 if context else 80)
    return await TlsConnection.open(host, port, context) if context else await PlainConnection.open(host, port)


class Landed:
    """Which ranges are there, for the thread that hashes them in file order."""

    def __init__(self, count: int) -> None:
        self._events = [threading.Event() for _ in range(count)]

    def add(self, number: int) -> None:
        self._events[number].set()

    def wait(self, number: int) -> None:
        self._events[number].wait()


async def fetch(url: str, size: int, out: int, context: ssl.SSLContext | None, landed: Landed) -> None:
    """Fetch all ranges over some connections."""
    parts, numbers = urlsplit(url), iter(range(-(-size // RANGE_BYTES)))

    async def work() -> None:
        connection, buffer = await open_connection(parts, context), memoryview(bytearray(BUFFER_BYTES))
        for number in numbers:
            start = number * RANGE_BYTES
            await fetch_range(connection, parts, start, min(start + RANGE_BYTES, size), buffer, out)
            landed.add(number)
        connection.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(work())


async def fetch_range(
    connection: Connection, url: SplitResult, start: int, stop: int, buffer: memoryview, out: int
) -> None:
    """Ask for one range, and write it a buffer at a time."""
    head = f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nRange: bytes={start}-{stop - 1}\r\n\r\n"
    await connection.send(head.encode())
    position, filled = start, await receive_body(connection, buffer)
    while position + filled < stop:
        if filled == len(buffer):
            position, filled = position + write(out, buffer, position), 0
        received = await connection.receive_into(buffer[filled : filled + stop - position - filled])
        if not received:
            raise SystemExit("the server hung up")
        filled += received
    write(out, buffer[:filled], position)


def write(out: int, data: memoryview, position: int) -> int:
    """Write bytes a piece at a time: larger ones are dear where memory is in pieces. Gives how many."""
    for start in range(0, len(data), WRITE_BYTES):
        os.pwrite(out, data[start : start + WRITE_BYTES], position + start)
    return len(data)


async def receive_body(connection: Connection, buffer: memoryview) -> int:
    """Receive a head, and move what has come of the body to the buffer's beginning; gives its length."""
    filled = 0
    while (end := bytes(buffer[:filled]).find(b"\r\n\r\n")) < 0:
        received = await connection.receive_into(buffer[filled:HEAD_BYTES])
        filled += received
        if not received:
            raise SystemExit("that is no head of an answer")
    if not bytes(buffer[:12]).endswith(b" 206"):
        raise SystemExit(f"no range: {bytes(buffer[:end])!r}")
    rest = bytes(buffer[end + 4 : filled])
    buffer[: len(rest)] = rest
    return len(rest)


def hash_in_order(size: int, out: int, landed: Landed, tell: Callable[[str], None]) -> None:
    """Hash a file as far as it has landed, range by range."""
    hasher = hashlib.sha256()
    for number, start in enumerate(range(0, size, RANGE_BYTES)):
        landed.wait(number)
        for offset in range(start, min(start + RANGE_BYTES, size), BUFFER_BYTES):
            hasher.update(os.pread(out, min(BUFFER_BYTES, size - offset), offset))
    tell(hasher.hexdigest())


def download(url: str, size: int, sha256: str, target: Path) -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    # It trusts what SSL_CERT_FILE names.
    context = ssl.create_default_context() if url.startswith("https:") else None
    landed, found = Landed(-(-size // RANGE_BYTES)), list[str]()
    out = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    # A daemon: where the download fails, nobody waits for the rest of the file.
    hashing = threading.Thread(target=hash_in_order, args=(size, out, landed, found.append), daemon=True)
    hashing.start()
    asyncio.run(fetch(url, size, out, context, landed))
    hashing.join()
    if found != [sha256]:
        raise SystemExit(f"sha256 is {found}, not {sha256}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description=__doc__)
    parser.add_argument("url", help="of a server that gives ranges")
    parser.add_argument("size", type=int, help="of the file, in bytes")
    parser.add_argument("sha256")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    download(given.url, given.size, given.sha256, given.out)


if __name__ == "__main__":
    main()
