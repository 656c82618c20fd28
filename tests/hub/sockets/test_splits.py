"""Any answer, in any segments: the same bytes, or the same error after the same bytes, as over httpx's own transport."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any, NamedTuple

import httpcore
import httpx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hfsvc.hub.sockets.connection import Connection
from hfsvc.hub.sockets.round_trip import RoundTrip

# Quickly made, and not needed.
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
REQUEST = {"GET": httpx.Request("GET", "http://h/x"), "HEAD": httpx.Request("HEAD", "http://h/x")}


class Outcome(NamedTuple):
    """What somebody who asks gets to see."""

    status: int | None
    headers: list[tuple[bytes, bytes]]
    body: bytes
    error: str | None


async def outcome(asking: Any) -> Outcome:
    try:
        response = await asking
    except httpx.TransportError as error:
        return Outcome(None, [], b"", type(error).__name__)
    body = b""
    try:
        async for piece in response.stream:
            body += piece
    except httpx.TransportError as error:
        return Outcome(response.status_code, response.headers.raw, body, type(error).__name__)
    return Outcome(response.status_code, response.headers.raw, body, None)


class Wire(asyncio.Transport):
    """A transport that hands segments to a protocol, one a turn of the loop, and then ends."""

    def __init__(self, connection: Connection, segments: Sequence[bytes]) -> None:
        super().__init__()
        self._connection = connection
        self._segments = list(segments)
        self._closing = self._paused = False
        connection.connection_made(self)

    def write(self, data: Any) -> None:
        self._turn()

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        if self._closing:
            loop.call_soon(self._connection.connection_lost, None)
        elif self._paused:
            return
        elif self._segments:
            self._hand_over(self._segments.pop(0))
            loop.call_soon(self._turn)
        else:
            self._connection.eof_received()
            self._closing = True
            loop.call_soon(self._turn)

    def _hand_over(self, segment: bytes) -> None:
        buffer = self._connection.get_buffer(-1)
        count = min(len(buffer), len(segment))
        buffer[:count] = segment[:count]
        if rest := segment[count:]:
            self._segments.insert(0, rest)
        self._connection.buffer_updated(count)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            asyncio.get_running_loop().call_soon(self._turn)

    def abort(self) -> None:
        self._closing = True

    def is_closing(self) -> bool:
        return self._closing

    def get_write_buffer_size(self) -> int:
        return 0


async def over_ours(method: str, segments: Sequence[bytes]) -> Outcome:
    connection = Connection(on_free=lambda _: None, on_lost=lambda _: None)
    Wire(connection, segments)

    async def ask() -> httpx.Response:
        head, body = await connection.ask(RoundTrip(REQUEST[method]), 5.0)
        return httpx.Response(head.status_code, headers=head.headers.raw_items(), stream=body)

    return await outcome(ask())


async def over_httpx(method: str, segments: Sequence[bytes]) -> Outcome:
    transport = httpx.AsyncHTTPTransport(verify=NOBODY)
    transport._pool = httpcore.AsyncConnectionPool(network_backend=httpcore.AsyncMockBackend(list(segments)))
    async with transport:
        return await outcome(transport.handle_async_request(REQUEST[method]))


# ---- answers, most of them nearly right ------------------------------------------------------------------------------

STATUSES = [b"200 OK", b"206 Partial Content", b"302 Found", b"204 No Content", b"304 Not Modified", b"404", b"999 ?"]
VERSIONS = [b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b"ICY"]
FIELDS = [
    b"Connection: close",
    b"Connection: keep-alive",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: identity",
    b"Content-Length: 0",
    b"Content-Length: 5",
    b"Content-Length: 5, 5",
    b"Content-Length: -5",
    b"Content-Length: 18446744073709551617",
    b"Content-Encoding: identity",
    b"Location: /caf\xc3\xa9?a=\xff",
    b"X-Folded: a\r\n b",
    b"X-Empty:",
    b": nameless",
    b"X Y: z",
]
INTERIM = [b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"\r\n"]

bodies = st.binary(max_size=40)


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    pieces = draw(st.lists(st.binary(min_size=1, max_size=12), max_size=4))
    coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return coded + draw(st.sampled_from([b"0\r\n\r\n", b"0\r\nX-Trailer: a\r\n\r\n", b"0\r\n\r\nmore", b"", b"zz\r\n"]))


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    body = draw(st.one_of(bodies, chunked()))
    fields = draw(st.lists(st.sampled_from(FIELDS), max_size=3))
    if draw(st.booleans()):
        fields.append(b"Content-Length: %d" % len(body))
    start = draw(st.sampled_from(VERSIONS)) + b" " + draw(st.sampled_from(STATUSES))
    whole = draw(st.sampled_from(INTERIM)) + b"\r\n".join([start, *fields, b"", body])
    if draw(st.integers(0, 4)) or not whole:
        return whole
    # A byte of it is another one.
    place = draw(st.integers(0, len(whole) - 1))
    return whole[:place] + bytes([draw(st.integers(0, 255))]) + whole[place + 1 :]


@st.composite
def segments(draw: st.DrawFn) -> list[bytes]:
    whole = draw(answers())
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(whole) - 1)), max_size=6)))
    found = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    return [each for each in found if each]


@settings(max_examples=400)
@given(st.sampled_from(["GET", "GET", "GET", "HEAD"]), segments())
@example("GET", [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"])
@example("GET", [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef"])
@example("GET", [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3\r\nab", b"c\r\nq"])
@example("GET", [b"HTTP/1.1 200 OK\r\n\r\n"])
@example("GET", [])
def test_any_answer_in_any_segments_is_what_httpx_makes_of_it(method: str, segments: list[bytes]) -> None:
    assert asyncio.run(over_ours(method, segments)) == asyncio.run(over_httpx(method, segments))


@settings(max_examples=60)
@given(st.integers(0, 3 << 20), st.integers(1, 1 << 20), st.booleans())
def test_a_body_of_any_size_in_any_segments_comes_whole(size: int, step: int, told: bool) -> None:
    body = bytes(range(251)) * (size // 251 + 1)
    field = b"Content-Length: %d\r\n" % size if told else b""
    whole = b"HTTP/1.1 200 OK\r\n" + field + b"\r\n" + body[:size]
    step = max(step, len(whole) // 300)
    found = asyncio.run(over_ours("GET", [whole[start : start + step] for start in range(0, len(whole), step)]))
    assert (found.body == body[:size], found.error) == (True, None)
