"""Bodies of answers: decompressed piece by piece, so that none of them takes more memory than it may."""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from hfsvc.errors import HubUnavailable, NotAHub
from hfsvc.hub.bodies import read_capped, read_whole

from ..builders import KiB, MiB, noise

ASKED = httpx.Request("GET", "https://hub.example/api")
BOMB = gzip.compress(bytes(64 * MiB))


def answer(*blocks: bytes, coding: str = "gzip") -> httpx.Response:
    async def come() -> AsyncIterator[bytes]:
        for block in blocks:
            yield block

    return httpx.Response(200, headers={"content-encoding": coding}, content=come(), request=ASKED)


@pytest.mark.parametrize(
    ("coding", "compress"),
    [("gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)],
)
@pytest.mark.parametrize("content", [b"", b"{}", noise(3 * KiB), bytes(3 * MiB)], ids=["no", "short", "noise", "long"])
async def test_a_body_is_decompressed(coding: str, compress: Callable[[bytes], bytes], content: bytes) -> None:
    body = compress(content)
    assert await read_whole(answer(body[:5], body[5:100], body[100:], coding=coding)) == content


@pytest.mark.parametrize("most", [4 * KiB, 2 * MiB])
async def test_what_grows_without_end_is_left_in_time(most: int) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(NotAHub):
            await read_whole(answer(BOMB), most)
        assert await read_capped(answer(BOMB), most) == bytes(most)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MiB


async def test_what_is_not_compressed_as_it_says_is_refused() -> None:
    with pytest.raises(HubUnavailable, match="cannot be decoded"):
        await read_whole(answer(b"not gzip"))
