"""One file on its way: what a downloader remembers of it between ranges, and the stream of one range into its part."""

import time
from collections.abc import AsyncIterator, Callable

import anyio
from anyio import to_thread

from hfsvc.aio.batching import Rounds
from hfsvc.aio.throttle import Throttle
from hfsvc.errors import ChecksumMismatch, HubUnavailable, TryLater
from hfsvc.models import ByteRange, Location, RemoteFile
from hfsvc.transfer.interfaces import Content
from hfsvc.transfer.part_file import Finished, Part

WRITE_BYTES = 1 << 20
# More pieces than the system takes in one write (1,024 on Linux) come from servers that dribble.
WRITE_PIECES = 512
# On a slow line a killed process must not lose what took long to come.
WRITE_EVERY_S = 0.5
HASH_BYTES = 4 << 20
SYNC_BYTES = 64 << 20


class FileTransfer:
    """State of one file. All of it belongs to the event loop.

    Attributes:
        file: What to fetch; its checksum is known once the file is open.
        part: Where its bytes gather.
        location: Where they come from; None until asked, and again after it was refused.
        locating: Held while somebody asks, so that one request serves all ranges.
        asked: How often somebody did.
        unanswered: Why the last one who was not answered was not.
        refetched: Its content was wrong once and is fetched for the second time.
        progressed_at: When its last byte landed (or it was opened), on the clock of the run.
    """

    def __init__(self, repo: str, file: RemoteFile, part: Part, now: float) -> None:
        self.repo = repo
        self.file = file
        self.part = part
        self.location: Location | None = None
        self.locating = anyio.Lock()
        self.asked = 0
        self.unanswered: TryLater | None = None
        self.refetched = False
        self.progressed_at = now
        self._hashing = anyio.Lock()
        self._syncing = anyio.Lock()
        self._synced = part.landed.total
        self._failures: dict[int, int] = {}
        self._failing_since: dict[int, float] = {}
        self._reached: dict[int, int] = {}

    async def ask(self, content: Content) -> None:
        """Find out the location.

        Raises:
            HfsvcError: As `Content.locate`.
        """
        self.asked += 1
        try:
            self.location = await content.locate(self.file)
        except TryLater as error:
            # Whoever waited for this answer has it: they need not ask one after the other.
            self.unanswered = error
            raise

    def span(self, wanted: ByteRange | None) -> ByteRange:
        """The bytes a job stands for."""
        return wanted or ByteRange(start=0, stop=self.file.size)

    def count_failure(self, span: ByteRange, position: int, now: float) -> tuple[int, float]:
        """Failures in a row of the range that ends where `span` ends, and when the first of them was.

        Progress up to `position` starts the row anew.

        Coming as far as an earlier try did is no progress: a stream without ranges begins at its first byte each time.
        """
        reached = self._reached.get(span.stop, span.start)
        before = 0 if position > reached else self._failures.get(span.stop, 0)
        self._reached[span.stop] = max(reached, position)
        self._failures[span.stop] = before + 1
        if not before:
            self._failing_since[span.stop] = now
        return before + 1, self._failing_since[span.stop]

    def fetch_again(self) -> None:
        """Begin anew: what came was wrong."""
        self.refetched, self.location = True, None
        self._failures.clear()
        self._reached.clear()

    async def sync_landed(self) -> None:
        """Let the disk catch up now and then, beside the transfer instead of at its end."""
        total = self.part.landed.total
        if total - self._synced >= SYNC_BYTES and not self._syncing.locked():
            async with self._syncing:
                self._synced = total
                await to_thread.run_sync(self.part.sync)

    async def hash_landed(self) -> None:
        """Hash what has landed in file order, unless somebody else is at it or it is not worth the while yet."""
        stop = self.part.landed.prefix
        if stop - self.part.hashed >= HASH_BYTES and not self._hashing.locked():
            async with self._hashing:
                await to_thread.run_sync(self.part.advance, stop)

    async def finish(self, small: Rounds[Part, Finished]) -> Finished:
        """The checksum of the complete part, and the whole file where it is the right one."""
        if self.part.in_memory:
            return await small.do(self.part)
        async with self._hashing, self._syncing:
            return await to_thread.run_sync(self.part.finish)


class RangeStream:
    """Takes the chunks of one range into a part.

    Attributes:
        position: The next byte that is not written yet.
    """

    def __init__(
        self,
        transfer: FileTransfer,
        span: ByteRange,
        *,
        throttle: Throttle,
        on_landed: Callable[[FileTransfer, int], None],
    ) -> None:
        self.position = span.start
        self._transfer = transfer
        self._span = span
        self._throttle = throttle
        self._on_landed = on_landed
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._flushed_at = time.monotonic()

    async def take(self, chunks: AsyncIterator[bytes]) -> None:
        """Write the whole range, a megabyte at a time, or what came in half a second.

        Raises:
            HubUnavailable: The stream ended or broke before the range did; what came is written.
            ChecksumMismatch: The stream is longer than the file.
        """
        try:
            # To the stream's own end, not only to the range's: a connection is used again only then.
            async for chunk in chunks:
                if not self._put(chunk):
                    break
                await self._throttle.passed(len(chunk))
                if self._is_due():
                    await self._flush()
                    await self._transfer.hash_landed()
                    await self._transfer.sync_landed()
        except HubUnavailable:
            # A connection may break after its last byte. The rest would be no range, and no server can send that.
            if self.position + self._buffered < self._span.stop:
                raise
        finally:
            # Also when cancelled: these bytes need not be fetched again.
            with anyio.CancelScope(shield=True):
                await self._flush()
        if self.position < self._span.stop:
            raise HubUnavailable(reason="the stream ended early")

    def _is_due(self) -> bool:
        full = self._buffered >= WRITE_BYTES or len(self._buffer) >= WRITE_PIECES
        return full or time.monotonic() - self._flushed_at >= WRITE_EVERY_S

    def _put(self, chunk: bytes) -> bool:
        """Buffer what belongs to the range; False when the server sends more than that."""
        room = self._span.stop - self.position - self._buffered
        if len(chunk) > room and self._span.stop == self._transfer.file.size:
            self._refuse_longer()
        self._buffer.append(chunk[:room])
        self._buffered += len(self._buffer[-1])
        return len(chunk) <= room

    def _refuse_longer(self) -> None:
        file = self._transfer.file
        actual = f"more than the {file.size} bytes listed"
        raise ChecksumMismatch(repo=self._transfer.repo, path=file.path, expected=file.checksum, actual=actual)

    async def _flush(self) -> None:
        if not self._buffer:
            return
        data, self._buffer, self._buffered = self._buffer, [], 0
        self._flushed_at = time.monotonic()
        part = self._transfer.part
        landed = part.write(self.position, data) if part.in_memory else await self._write(data)
        part.landed.add(landed)
        self.position = landed.stop
        self._on_landed(self._transfer, landed.length)

    async def _write(self, data: list[bytes]) -> ByteRange:
        return await to_thread.run_sync(self._transfer.part.write, self.position, data)
