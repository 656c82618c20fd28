"""A content source that is read no faster than a throttle allows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hfsvc.aio.throttle import Throttle
from hfsvc.models import ByteRange, Location, RemoteFile
from hfsvc.transfer.interfaces import ContentSource


class ThrottledSource:
    """`ContentSource` that waits after each chunk of another one.

    Args:
        source: Where the bytes come from.
        throttle: Shared by all streams that count together.
    """

    def __init__(self, source: ContentSource, throttle: Throttle) -> None:
        self._source = source
        self._throttle = throttle

    @property
    def repo(self) -> str:
        return self._source.repo

    async def locate(self, file: RemoteFile) -> Location:
        return await self._source.locate(file)

    @asynccontextmanager
    async def open(
        self, location: Location, file: RemoteFile, wanted: ByteRange | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._source.open(location, file, wanted) as chunks:
            yield self._slowed(chunks)

    async def _slowed(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            yield chunk
            await self._throttle.passed(len(chunk))
