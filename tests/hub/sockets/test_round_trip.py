"""What an answer is, by its bytes alone."""

import math

import h11
import httpx
import pytest

from hfsvc.hub.sockets.round_trip import MAX_HEAD, RoundTrip

URL = "http://h/x?a=b"


def taken(data: bytes, method: str = "GET") -> tuple[RoundTrip, bytes]:
    trip = RoundTrip(httpx.Request(method, URL))
    return trip, b"".join(trip.receive(data))


def test_a_request_is_written_as_httpx_writes_it() -> None:
    message = RoundTrip(httpx.Request("POST", URL, headers={"X-Team": "a"}, content=b"body")).message
    assert message == b"POST /x?a=b HTTP/1.1\r\nHost: h\r\nX-Team: a\r\nContent-Length: 4\r\n\r\nbody"


def test_a_header_that_no_request_may_hold_is_refused() -> None:
    with pytest.raises(httpx.LocalProtocolError, match="Illegal header value"):
        RoundTrip(httpx.Request("GET", URL, headers={"x-team": "one\ntwo"}))


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 5),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 5),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", 5),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 00\r\n\r\n", 0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", 10**20 - 1),
        (b"HTTP/1.1 200 OK\r\n\r\n", math.inf),
        (b"HTTP/1.0 200 OK\r\n\r\n", math.inf),
        (b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", 0),
        (b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", 0),
        (b"HTTP/1.1 103 Hint\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 5),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", None),
        # RFC 9112 §6.3: the coding counts.
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", None),
    ],
)
def test_a_head_says_how_long_the_body_is(head: bytes, length: float | None) -> None:
    trip, body = taken(head)
    assert trip.head is not None
    assert (trip.length, body) == (length, b"")


def test_a_head_that_answers_head_has_no_body() -> None:
    assert taken(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD")[0].length == 0


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Length: -1",
        b"Content-Length: +5",
        b"Content-Length: 5.0",
        b"Content-Length: 0x5",
        b"Content-Length:",
        b"Content-Length: " + b"9" * 21,
        b"Content-Length: 5, 6",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Transfer-Encoding: gzip",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"No Colon",
    ],
    ids=lambda field: field[:40].decode(),
)
def test_a_head_that_cannot_be_trusted_is_refused(field: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        taken(b"HTTP/1.1 200 OK\r\n" + field + b"\r\n\r\n")


def test_a_head_without_an_end_is_refused_when_it_is_too_large() -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        taken(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * MAX_HEAD)


def test_a_switch_of_protocols_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        taken(b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")


def test_chunks_are_taken_apart_and_what_follows_them_is_left() -> None:
    trip, body = taken(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\nmore")
    assert (body, trip.ended, trip.leftover) == (b"abcde", True, b"more")


def test_chunks_without_an_end_are_told_as_that() -> None:
    trip, body = taken(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    assert (body, trip.ended) == (b"abc", False)
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        list(trip.receive(b""))


def test_bytes_of_a_header_arrive_as_they_are() -> None:
    trip, _ = taken(b"HTTP/1.1 302 Found\r\nLocation: /caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n")
    assert isinstance(trip.head, h11.Response)
    assert (b"Location", b"/caf\xc3\xa9") in trip.head.headers.raw_items()


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive, Close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", False),
    ],
)
def test_a_connection_is_kept_where_both_sides_mean_it(head: bytes, kept: bool) -> None:
    assert taken(head)[0].keeps_alive is kept
