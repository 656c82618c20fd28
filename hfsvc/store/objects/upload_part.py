"""Files on their way into an object store: ranges gather in memory, are hashed in file order, and go up in parts."""

from collections import deque
from collections.abc import AsyncGenerator, Sequence

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from hfsvc.errors import HfsvcError
from hfsvc.files.checksum import Hasher, kind_of, make_hasher
from hfsvc.models import ByteRange
from hfsvc.store.objects.memory_window import MemoryWindow
from hfsvc.store.objects.object_bucket import ObjectBucket
from hfsvc.store.objects.uninterrupted import uninterrupted
from hfsvc.transfer.ranges import RangeSet

PART_BYTES = 8 << 20
MOST_PARTS = 10_000
PARTS_AT_ONCE = 4
BLOCK_BYTES = 4 << 20


class Abandoned(Exception):
    """A file was wrong, or is not wanted any more: what went up of it is not to be seen."""


def part_bytes(size: int) -> int:
    """Bytes of each part of a file: no store takes more than ten thousand. Pure."""
    least = -(-size // MOST_PARTS)
    return max(PART_BYTES, -(-least // (1 << 20)) << 20)


class FileUpload:
    """One upload of a file: takes its bytes in order, hashes them, and waits for the verdict before it is complete.

    A small file goes up in one request, after the verdict.

    Args:
        bucket: It goes there.
        key: Under this name.
        size: Bytes of the file.
        checksum: What it must have.
        tasks: Where it is at work.
    """

    def __init__(self, bucket: ObjectBucket, key: str, size: int, checksum: str, tasks: TaskGroup) -> None:
        self.key = key
        self.is_small = size <= PART_BYTES
        self._bucket = bucket
        self._size = size
        self._checksum = checksum
        self._tasks = tasks
        self._hasher: Hasher = make_hasher(kind_of(checksum), size)
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._hashed = 0
        self._verdict: bool | None = None
        self._failure: HfsvcError | None = None
        self._begun = self._ended = False
        self._changed = anyio.Event()

    async def put(self, data: Sequence[bytes]) -> None:
        """Take the bytes that come next; waits while the store is slower than they come.

        Raises:
            HfsvcError: The store takes none.
        """
        self._begin()
        self._waiting += data
        self._waiting_bytes += sum(map(len, data))
        self._tell()
        while not self.is_small and self._waiting_bytes > BLOCK_BYTES and not self._ended and self._verdict is None:
            await self._changed.wait()
        self._check()

    async def checksum(self) -> str:
        """The checksum of all bytes, once they have gone up.

        Raises:
            HfsvcError: As `put`.
        """
        self._begin()
        while self._hashed < self._size and not self._ended:
            await self._changed.wait()
        self._check()
        return f"{kind_of(self._checksum)}:{self._hasher.hexdigest()}"

    async def complete(self) -> None:
        """Let it be seen. Only for what has the right checksum.

        Raises:
            HfsvcError: As `put`.
        """
        self._verdict = True
        self._tell()
        while not self._ended:
            await self._changed.wait()
        self._check()

    async def abandon(self) -> None:
        """Let nothing of it be seen; waits until the store has forgotten its parts."""
        self.drop()
        while self._begun and not self._ended:
            await self._changed.wait()

    def drop(self) -> None:
        """As `abandon`, without waiting. Nothing after `complete`."""
        if self._verdict is None:
            self._verdict = False
            self._waiting.clear()
            self._tell()

    def _check(self) -> None:
        if self._failure:
            raise self._failure

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._tasks.start_soon(self._run)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def _run(self) -> None:
        try:
            await uninterrupted(self._once() if self.is_small else self._in_parts(), before_cancel=self.drop)
        except Abandoned:
            pass
        except HfsvcError as error:
            self._failure = error
        finally:
            self._ended = True
            self._tell()

    async def _in_parts(self) -> None:
        size, at_once = part_bytes(self._size), PARTS_AT_ONCE
        await self._bucket.upload(self.key, self._blocks(), self._checksum, part=size, at_once=at_once)

    async def _once(self) -> None:
        content = [block async for block in self._blocks()]
        await self._bucket.put(self.key, b"".join(content), self._checksum)

    async def _blocks(self) -> AsyncGenerator[bytes, None]:
        """The bytes in order; ends with the verdict."""
        while self._hashed < self._size and self._verdict is None:
            if not self._waiting:
                await self._changed.wait()
                continue
            block = self._take()
            await to_thread.run_sync(self._hasher.update, block)
            self._hashed += len(block)
            self._tell()
            yield block
        while self._verdict is None:
            await self._changed.wait()
        if not self._verdict:
            raise Abandoned

    def _take(self) -> bytes:
        pieces, length = [], 0
        while self._waiting and length < BLOCK_BYTES:
            pieces.append(self._waiting.popleft())
            length += len(pieces[-1])
        self._waiting_bytes -= length
        return b"".join(pieces)


class UploadPart:
    """A file in the making, whose bytes go up as soon as all before them are there.

    Args:
        bucket: As for `FileUpload`, like all but the last one.
        key: Under this name.
        size: Bytes of the file.
        checksum: What it must have.
        tasks: Where uploads are at work.
        window: Says how far ahead ranges may be fetched.
    """

    def __init__(
        self, bucket: ObjectBucket, key: str, size: int, checksum: str, tasks: TaskGroup, window: MemoryWindow
    ) -> None:
        self.received = RangeSet()
        self.claimed = 0
        self._new = bucket, key, size, checksum, tasks
        self._window = window
        self._ahead: dict[int, list[bytes]] = {}
        self._front = 0
        self._accepted = False
        self.upload = FileUpload(*self._new)
        window.enter(self)

    @property
    def front(self) -> int:
        return 0 if self.is_small else self._front

    @property
    def is_small(self) -> bool:
        return self.upload.is_small

    def admits(self, wanted: ByteRange) -> bool:
        return self._window.admits(self, wanted)

    async def write(self, offset: int, data: Sequence[bytes]) -> None:
        own = [bytes(each) for each in data]
        self.received.add(ByteRange(start=offset, stop=offset + sum(map(len, own))))
        self._ahead[offset] = own
        if ready := self._next_pieces():
            await self.upload.put(ready)

    def _next_pieces(self) -> list[bytes]:
        """What is there from the front on; the front is behind it then."""
        ready: list[bytes] = []
        while pieces := self._ahead.pop(self._front, None):
            ready += pieces
            self._front += sum(map(len, pieces))
        return ready

    async def finish(self) -> str:
        return await self.upload.checksum()

    async def forget(self, ranges: Sequence[ByteRange]) -> None:
        # What has gone up cannot be taken back in part.
        if ranges:
            await self.upload.abandon()
            self.upload = FileUpload(*self._new)
            self.received, self.claimed, self._front = RangeSet(), 0, 0
            self._ahead.clear()

    def accepted(self) -> None:
        """What went up is right, and stays."""
        self._accepted = True

    def close(self) -> None:
        self._window.leave(self)
        self._ahead.clear()
        if not self._accepted:
            self.upload.drop()
