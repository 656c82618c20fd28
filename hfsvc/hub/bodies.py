"""Bodies of answers: read whole, read up to a cap, or handed on chunk by chunk, and always ended by whoever began.

Source: httpx 0.28 and httpcore 1.0 nest half a dozen generators around a body and close the outermost only.
"""

import zlib
from collections.abc import AsyncGenerator
from contextlib import suppress
from types import AsyncGeneratorType
from typing import Final, cast

import anyio
import httpx

from hfsvc.errors import HfsvcError, NotAHub
from hfsvc.hub.transport_errors import error_from_transport
from hfsvc.hub.urls import without_query

MAX_ERROR_BODY: Final = 64 << 10
MAX_ERROR_BODY_S: Final = 10.0
MAX_ANSWER: Final = 64 << 20
# More than are left in any buffer; only a stream that never waits has so many.
_LEFT_OVER: Final = 1 << 14
# A compressed block may hold a thousand times its length.
INFLATED_BYTES: Final = 1 << 20
_COMPRESSED: Final = {"gzip", "x-gzip", "deflate"}
# Of gzip or zlib, as the first bytes say.
_EITHER: Final = 32 + zlib.MAX_WBITS


def chunks_of(response: httpx.Response, *, decoded: bool) -> AsyncGeneratorType[bytes, None]:
    """The body as it comes, or decompressed. Pass it to `finish` in the end, however that came."""
    # What a mock holds, or a hook of the client's owner has read, is there in its decoded form only.
    if is_read(response):
        chunks = response.aiter_bytes()
    elif decoded and response.headers.get("content-encoding", "").strip().lower() in _COMPRESSED:
        chunks = _inflated(response)
    else:
        chunks = response.aiter_raw()
    return cast("AsyncGeneratorType[bytes, None]", chunks)


async def _inflated(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    # httpx inflates each block as a whole, however long it gets.
    inflater = zlib.decompressobj(_EITHER)
    try:
        async for block in response.aiter_raw():
            piece = inflater.decompress(block, INFLATED_BYTES)
            while piece and not response.is_closed:
                yield piece
                piece = inflater.decompress(inflater.unconsumed_tail, INFLATED_BYTES)
    except zlib.error:
        raise httpx.DecodingError("it is not compressed as it says") from None


async def finish(response: httpx.Response, chunks: AsyncGeneratorType[bytes, None]) -> None:
    """End a body that may not have been read to its end, with all generators below it."""
    if chunks.ag_frame is None:
        await response.aclose()
        return
    with anyio.CancelScope(shield=True) as scope:
        await response.aclose()
        # An error ends every one of them; to close the outermost would leave the others to the collector.
        scope.cancel()
        # Not every transport hands the scope's own cancellation back.
        with suppress(Exception, anyio.get_cancelled_exc_class()):
            for _ in range(_LEFT_OVER):
                await anext(chunks)
    await chunks.aclose()


def is_read(response: httpx.Response) -> bool:
    """True where the body is in memory already."""
    try:
        return response.content is not None
    except httpx.ResponseNotRead:
        return False


async def read_whole(response: httpx.Response, most: int = MAX_ANSWER) -> bytes:
    """A whole body, unless it is longer than `most`, by default than any answer of a Hub."""
    body = bytearray()
    chunks = chunks_of(response, decoded=True)
    try:
        async for chunk in chunks:
            body += chunk
            if len(body) > most:
                raise NotAHub(url=without_query(str(response.request.url)), reason="its answer has no end")
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise broken(error, response) from None
    finally:
        await finish(response, chunks)
    return bytes(body)


def broken(error: Exception, response: httpx.Response) -> HfsvcError:
    """The error of a body that broke."""
    return error_from_transport(error, str(response.request.url), response.request.headers.get("x-request-id"))


async def read_capped(
    response: httpx.Response, cap: int = MAX_ERROR_BODY, *, within_s: float | None = MAX_ERROR_BODY_S
) -> bytes:
    """The first bytes of a body that does not matter much, and the end of its response.

    A body read to its end leaves the connection usable; a longer or broken one is cut off.
    """
    body = bytearray()
    chunks = chunks_of(response, decoded=True)
    try:
        # One that dribbles would hold up the wait that it is about.
        with anyio.move_on_after(within_s):
            async for chunk in chunks:
                body += chunk
                if len(body) >= cap:
                    break
    except (httpx.HTTPError, httpx.StreamError):
        pass
    finally:
        await finish(response, chunks)
    return bytes(body[:cap])
