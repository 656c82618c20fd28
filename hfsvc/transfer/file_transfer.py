"""State of one file in transfer, and the stream of one range into its part."""

from collections.abc import AsyncIterator, Callable

import anyio

from hfsvc.aio.clock import Clock
from hfsvc.errors import ChecksumMismatch, HubUnavailable
from hfsvc.models import ByteRange, RemoteFile
from hfsvc.transfer.interfaces import Part
from hfsvc.transfer.locations import FileLocation

WRITE_BYTES = 1 << 20
# More pieces than the system takes in one write (1,024 on Linux) come from servers that dribble.
WRITE_PIECES = 512
# On a slow line a killed process must not lose what took long to come.
WRITE_EVERY_S = 0.5


class FileTransfer:
    """State of one file in transfer, between its ranges. All of it belongs to the event loop.

    Attributes:
        file: What to fetch; its checksum is known.
        part: Where its bytes gather.
        location: Where they come from.
        refetched: Its content was wrong once and is fetched for the second time.
        progressed_at: When its last byte came (or it was opened), on the clock of the run.
    """

    def __init__(self, file: RemoteFile, part: Part, location: FileLocation, now: float) -> None:
        self.file = file
        self.part = part
        self.location = location
        self.refetched = False
        self.progressed_at = now
        self._failures: dict[int, int] = {}
        self._failing_since: dict[int, float] = {}
        self._reached: dict[int, int] = {}

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
        self.refetched = True
        self.location.refused()
        self._failures.clear()
        self._reached.clear()


class RangeStream:
    """Takes the chunks of one range into a part.

    Args:
        repo: The dataset's id.
        transfer: The file.
        span: The range.
        on_received: Called after each write, with the bytes that came.
        clock: Of the run.

    Attributes:
        position: The next byte that is not written yet.
    """

    def __init__(
        self,
        repo: str,
        transfer: FileTransfer,
        span: ByteRange,
        *,
        on_received: Callable[[FileTransfer, int], None],
        clock: Clock,
    ) -> None:
        self.position = span.start
        self._repo = repo
        self._transfer = transfer
        self._span = span
        self._on_received = on_received
        self._clock = clock
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._flushed_at = clock.now()

    async def write(self, chunks: AsyncIterator[bytes]) -> None:
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
                if self._is_due():
                    await self._flush()
                    await self._transfer.part.catch_up()
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
        return full or self._clock.now() - self._flushed_at >= WRITE_EVERY_S

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
        raise ChecksumMismatch(repo=self._repo, path=file.path, expected=file.checksum, actual=actual)

    async def _flush(self) -> None:
        if not self._buffer:
            return
        data, count = self._buffer, self._buffered
        self._buffer, self._buffered = [], 0
        self._flushed_at = self._clock.now()
        await self._transfer.part.write(self.position, data)
        self.position += count
        self._on_received(self._transfer, count)
