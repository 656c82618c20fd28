"""Text is compressed for those who take it, whole answers and streams, as zstd or gzip."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from hfsvc.server.middleware.compression import choose_coding
from hfsvc.testing import FakeTrajectorySource
from tests.builders import in_own_task
from tests.server.worlds import World, open_served_world, open_world, trajectory

LONG = [trajectory(f"task {number} " + "word " * 30) for number in range(20)]


@pytest.fixture
async def long_world(root: Path) -> AsyncIterator[World]:
    async with in_own_task(open_world(root, source=FakeTrajectorySource(LONG))) as world:
        yield world


def decompressed(coding: str, body: bytes) -> bytes:
    if coding == "gzip":
        return gzip.decompress(body)
    return pa.CompressedInputStream(pa.BufferReader(body), coding).read()  # type: ignore[no-any-return]


async def fetch(client: httpx.AsyncClient, path: str, accepted: str | None) -> tuple[httpx.Headers, bytes]:
    """Headers and body as they came, without what a client undoes by itself."""
    request = client.build_request("GET", path)
    del request.headers["accept-encoding"]
    if accepted is not None:
        request.headers["accept-encoding"] = accepted
    answer = await client.send(request, stream=True)
    body = b"".join([piece async for piece in answer.aiter_raw()])
    await answer.aclose()
    assert answer.status_code == 200
    return answer.headers, body


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate", "gzip"),
        ("GZIP", "gzip"),
        ("zstd;q=0.5, gzip", "gzip"),
        ("zstd;q=0, gzip;q=0.1", "gzip"),
        ("*", "zstd"),
        ("zstd;q=0, *;q=0.5", "gzip"),
        ("identity", None),
        ("br", None),
        ("gzip;q=0", None),
        ("gzip;q=x", None),
        ("", None),
    ],
)
def test_the_best_coding_that_is_taken_is_chosen(accepted: str, coding: str | None) -> None:
    assert choose_coding(accepted) == coding


@pytest.mark.parametrize("coding", ["zstd", "gzip"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/trajectories",
        "/api/trajectories.jsonl",
        "/api/facets",
        "/api/openapi.json",
        "/static/app.js",
    ],
)
async def test_text_is_compressed(long_world: World, path: str, coding: str) -> None:
    plain_headers, plain = await fetch(long_world.client, path, None)
    headers, body = await fetch(long_world.client, path, coding)
    assert "content-encoding" not in plain_headers
    assert headers["content-encoding"] == coding
    assert decompressed(coding, body) == plain
    assert len(body) < len(plain) / 2
    for told in (plain_headers, headers):
        assert "Accept-Encoding" in told["vary"]
    assert headers.get("content-length", str(len(body))) == str(len(body))


async def test_what_is_short_or_no_text_stays_as_it_is(long_world: World) -> None:
    for path in ("/healthz", "/api/jobs", "/api/trajectories/0"):
        headers, _ = await fetch(long_world.client, path, "zstd, gzip")
        assert "content-encoding" not in headers


@pytest.mark.parametrize("coding", ["zstd", "gzip"])
async def test_a_stream_is_read_while_it_is_made(root: Path, coding: str) -> None:
    async with open_served_world(root, source=FakeTrajectorySource([*LONG, None])) as world:
        found = bytearray()

        async def read() -> None:
            headers = {"accept-encoding": coding}
            async with world.client.stream("GET", "/api/trajectories.jsonl", headers=headers) as answer:
                assert answer.headers["content-encoding"] == coding
                async for piece in answer.aiter_raw():
                    found.extend(piece)

        with pytest.raises(httpx.RemoteProtocolError):
            await read()
        # It is broken off after a bad row, and yet all that was sent can be read.
        lines = _decompressed_so_far(coding, bytes(found)).splitlines()
    assert len(lines) == 21
    assert json.loads(lines[-1])["error"]["code"] == "bad_row"


def _decompressed_so_far(coding: str, body: bytes) -> bytes:
    if coding == "gzip":
        return zlib.decompressobj(wbits=31).decompress(body)
    stream = pa.CompressedInputStream(pa.BufferReader(body), "zstd")
    found = b""
    try:
        while piece := stream.read(1):
            found += piece
    except OSError:
        pass
    return found


async def test_head_tells_no_body(long_world: World) -> None:
    answer = await long_world.client.head("/api/trajectories", headers={"accept-encoding": "gzip"})
    assert (answer.status_code, answer.content) == (200, b"")
