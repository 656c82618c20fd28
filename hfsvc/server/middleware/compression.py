"""ASGI middleware that compresses text, whole answers and streams, for clients that take it."""

import re
import zlib
from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa
from anyio.lowlevel import checkpoint

from hfsvc.server.responses import App, Headers, Message, Receive, Scope, Send

SMALLEST_BYTES = 1024
GZIP_LEVEL = 4
_TEXT = re.compile(rb"text/|application/([\w.-]+\+)?(json|xml)|application/(x-ndjson|javascript)|image/svg\+xml")


class Compressor(Protocol):
    """Compresses a body piece by piece, so that what went in can be read of what came out."""

    def piece(self, data: bytes, *, last: bool) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.compressobj(GZIP_LEVEL, wbits=zlib.MAX_WBITS | 16)

    def piece(self, data: bytes, *, last: bool) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)


class _Written:
    """A file that only keeps what is written to it, until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


class _Zstd:
    def __init__(self) -> None:
        self._written = _Written()
        self._stream = pa.CompressedOutputStream(pa.PythonFile(self._written, mode="w"), "zstd")

    def piece(self, data: bytes, *, last: bool) -> bytes:
        self._stream.write(data)
        if last:
            self._stream.close()
        else:
            self._stream.flush()
        return self._written.take()


# The better one first.
CODINGS: Mapping[str, type[_Zstd] | type[_Gzip]] = {"zstd": _Zstd, "gzip": _Gzip}


def choose_coding(accepted: str) -> str | None:
    """The best coding of an ``Accept-Encoding`` header; None for none. Pure."""
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, _, rest = part.partition(";")
        weights[name.strip()] = _weight(rest)
    ranked = [(weights.get(name, weights.get("*", 0.0)), name) for name in CODINGS]
    weight, best = max(ranked, key=lambda each: each[0])
    return best if weight > 0 else None


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


class Compression:
    """Compresses texts of more than a kilobyte, and streams of texts, on their way out of an app."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        accepted = b",".join(value for name, value in scope["headers"] if name.lower() == b"accept-encoding")
        await self._app(scope, receive, _Outgoing(choose_coding(accepted.decode("latin-1")), send).tell)


class _Outgoing:
    """One response on its way out. Its head waits for the first piece of its body, which tells how long it is."""

    def __init__(self, coding: str | None, send: Send) -> None:
        self._coding = coding
        self._send = send
        self._head: Message | None = None
        self._compressor: Compressor | None = None

    async def tell(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
        elif message["type"] == "http.response.body":
            await self._send_body(message.get("body", b""), last=not message.get("more_body", False))
        else:
            await self._send(message)

    async def _send_body(self, body: bytes, *, last: bool) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            await self._send(self._begun(head, None if not last else len(body)))
        if self._compressor:
            # A large answer takes as long as all others would have to wait.
            await checkpoint()
            body = self._compressor.piece(body, last=last)
        if body or last:
            await self._send({"type": "http.response.body", "body": body, "more_body": not last})

    def _begun(self, head: Message, whole: int | None) -> Message:
        headers: Headers = [(name.lower(), value) for name, value in head["headers"]]
        told = dict(headers)
        if not _TEXT.match(told.get(b"content-type", b"")) or b"content-encoding" in told:
            return head
        headers.append((b"vary", b"Accept-Encoding"))
        length = int(told[b"content-length"]) if b"content-length" in told else whole
        if self._coding and head["status"] == 200 and (length is None or length > SMALLEST_BYTES):
            self._compressor = CODINGS[self._coding]()
            headers = [(name, _weak(value) if name == b"etag" else value) for name, value in headers]
            headers = [each for each in headers if each[0] != b"content-length"]
            headers.append((b"content-encoding", self._coding.encode()))
        return {**head, "headers": headers}


def _weak(tag: bytes) -> bytes:
    # The bytes are others; what they say is the same.
    return tag if tag.startswith(b"W/") else b"W/" + tag
