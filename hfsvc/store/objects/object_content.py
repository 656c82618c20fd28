"""Where the bytes of a dataset in an object store come from: its `ContentSource`, for readers by ranges."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import anyio

from hfsvc.errors import DatasetChanged, FileNotFound, HubUnavailable
from hfsvc.models import ByteRange, Location, RemoteFile
from hfsvc.store.objects.object_bucket import ObjectBucket


class ObjectContent:
    """The files of one dataset, at the commit that is recorded.

    Args:
        bucket: Holds them.
        repo: The dataset.
        stall_s: Seconds without a byte after which a stream is given up.
    """

    def __init__(self, bucket: ObjectBucket, repo: str, *, stall_s: float) -> None:
        self.repo = repo
        self._bucket = bucket
        self._stall_s = stall_s

    async def locate(self, file: RemoteFile) -> Location:
        return Location(url=self._bucket.where(f"{self.repo}/{file.path}"), checksum=file.checksum)

    @asynccontextmanager
    async def open(
        self, location: Location, file: RemoteFile, wanted: ByteRange | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """As `ContentSource.open`.

        Raises:
            DatasetChanged: Another commit's file is there by now.
        """
        start, stop = (wanted.start, wanted.stop) if wanted else (0, file.size)
        async with aclosing(self._chunks(file, start, stop)) as chunks:
            yield chunks

    async def _chunks(self, file: RemoteFile, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        if start == stop:
            return
        try:
            found, chunks = await self._bucket.open(f"{self.repo}/{file.path}", start, stop)
        except FileNotFoundError:
            raise FileNotFound(repo=self.repo, path=file.path) from None
        if found.size != file.size or (found.checksum and found.checksum != file.checksum):
            raise DatasetChanged(repo=self.repo)
        while (chunk := await self._next(chunks)) is not None:
            yield chunk

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        try:
            with anyio.fail_after(self._stall_s):
                return await anext(chunks)
        except StopAsyncIteration:
            return None
        except TimeoutError:
            raise HubUnavailable(reason="the object store sent nothing", stalled=True) from None
