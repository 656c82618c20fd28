"""State of one file in transfer, and the stream of one range into its part."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager

import anyio

from hfsvc.aio.cancellation import stoppable
from hfsvc.aio.clock import Clock
from hfsvc.errors import ChecksumMismatch, HubUnavailable
from hfsvc.models import ByteRange, RemoteFile
from hfsvc.transfer.hedging import Pace, PaceMeter, RangeState
from hfsvc.transfer.interfaces import Part
from hfsvc.transfer.locations import FileLocation

WRITE_BYTES = 1 << 20
# More pieces than the system takes in one write (1,024 on Linux) come from servers that dribble.
WRITE_PIECES = 512
# On a slow line a killed process must not lose what took long to come.
WRITE_EVERY_S = 0.5


class FileTransfer:
    """State of one file in transfer, between its ranges. All of it belongs to the event loop.

    Args:
        file: What to fetch; its checksum is known.
        part: Where its bytes gather.
        location: Where they come from.
        copied: What of it is copied from another file, which nobody has verified.
        hedges: How many of its ranges may be asked for once more.
        now: On the clock of the run.

    Attributes:
        copied: As given, until it turned out wrong.
        refetched: Its content was wrong once and is fetched for the second time.
        progressed_at: When its last byte came (or it was opened), on the clock of the run.
        streams: Its ranges that are on their way.
        paces: Of its last streams that came to their end.
        hedges_left: How many more of its ranges may be asked for once more.
    """

    def __init__(
        self,
        file: RemoteFile,
        part: Part,
        location: FileLocation,
        *,
        copied: Sequence[ByteRange] = (),
        hedges: int,
        now: float,
    ) -> None:
        self.file = file
        self.copied = copied
        self.part = part
        self.location = location
        self.refetched = False
        self.progressed_at = now
        self.streams: list[RangeStream] = []
        self.paces: deque[Pace] = deque(maxlen=8)
        self.hedges_left = hedges
        self._failures: dict[int, int] = {}
        self._failing_since: dict[int, float] = {}
        self._reached: dict[int, int] = {}

    @contextmanager
    def streaming(self, stream: "RangeStream") -> Iterator[None]:
        """The context of a stream that is on its way: it may be cut meanwhile."""
        self.streams.append(stream)
        try:
            with stream.until_cut():
                yield
        finally:
            self.streams.remove(stream)
        if pace := stream.whole_pace():
            self.paces.append(pace)

    @property
    def is_racing(self) -> bool:
        """Whether another stream races one of them."""
        return any(stream.is_raced for stream in self.streams)

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

    async def lose(self) -> int:
        """Forget what came of it, and give how many bytes that was."""
        return await self._forget([self.span(None)])

    async def lose_copied(self) -> int:
        """Forget what was copied, and give how many bytes that was."""
        copied, self.copied = self.copied, ()
        return await self._forget(copied)

    async def _forget(self, ranges: Sequence[ByteRange]) -> int:
        before = self.part.received.total
        await self.part.forget(ranges)
        return before - self.part.received.total

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
        reached: The next byte that has not come.
        stop: The end of the range, which may be cut.
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
        self.position = self.reached = self._start = span.start
        self.stop = self._whole_stop = span.stop
        self._repo = repo
        self._transfer = transfer
        self._on_received = on_received
        self._clock = clock
        self._buffer: list[bytes] = []
        self._flushed_at = clock.now()
        self._meter = PaceMeter(span.start, clock.now())
        self._running: anyio.CancelScope | None = None
        self._race: anyio.CancelScope | None = None

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
        except HubUnavailable:
            # A connection may break after its last byte. The rest would be no range, and no server can send that.
            if self.reached < self.stop:
                raise
        finally:
            # Also when cancelled: these bytes need not be fetched again.
            await self._flush()
        if not self.is_complete:
            raise HubUnavailable(reason="the stream ended early")

    def _is_due(self) -> bool:
        full = self.reached - self.position >= WRITE_BYTES or len(self._buffer) >= WRITE_PIECES
        return full or self._clock.now() - self._flushed_at >= WRITE_EVERY_S

    def _put(self, chunk: bytes) -> bool:
        """Buffer what belongs to the range; False when the server sends more than that."""
        room = self.stop - self.reached
        if len(chunk) > room and self.stop == self._transfer.file.size:
            self._refuse_longer()
        own = chunk if len(chunk) <= room else chunk[:room]
        self._meter.came(self._clock.now())
        self._buffer.append(own)
        self.reached += len(own)
        return own is chunk

    def _refuse_longer(self) -> None:
        file = self._transfer.file
        actual = f"more than the {file.size} bytes listed"
        raise ChecksumMismatch(repo=self._repo, path=file.path, expected=file.checksum, actual=actual)

    async def _flush(self) -> None:
        if not self._buffer:
            return
        data, count = self._buffer, self.reached - self.position
        self._buffer = []
        self._flushed_at = self._clock.now()
        # What is taken out of the buffer is written, whoever ends the stream meanwhile.
        with anyio.CancelScope(shield=True):
            await self._transfer.part.write(self.position, data)
        self.position += count
        self._on_received(self._transfer, count)

    # ---- beside its siblings ----------------------------------------------------------------------------------------

    @property
    def is_complete(self) -> bool:
        """Whether all of it is written, or what is not is cut off."""
        return self.position >= self.stop

    def state(self, now: float) -> RangeState:
        """How far it is, and how fast."""
        pace = self._meter.pace(now, self.reached)
        return RangeState(self.position, self.reached, self.stop, self._meter.asked_s(now), pace)

    def whole_pace(self) -> Pace | None:
        """How fast it came, once all of it is there; None where it did not, or another stream brought the end."""
        came = self.stop == self._whole_stop == self.reached
        return self._meter.whole_pace(self._clock.now(), self.reached) if came else None

    @contextmanager
    def until_cut(self) -> Iterator[None]:
        """The context in which it streams: ends it where all that it still has to bring is cut off."""
        self._meter = PaceMeter(self._start, self._clock.now())
        try:
            with stoppable() as self._running:
                yield
        finally:
            self._running = None
            if self._race:
                self._race.cancel()

    @contextmanager
    def raced(self) -> Iterator[None]:
        """The context of another stream that races it: cancelled when this one ends before it is cut."""
        with stoppable() as scope:
            self._race = scope
            if self._running is None:
                # It has ended since it was found to lag.
                scope.cancel()
            try:
                yield
            finally:
                if self._race is scope:
                    self._race = None

    @property
    def is_raced(self) -> bool:
        """Whether another stream races it, and is not ahead."""
        return self._race is not None and not self._race.cancel_called

    def cut(self, stop: int) -> None:
        """Leave what comes from `stop` on to the stream that raced it. `stop` is not before `reached`."""
        self.stop, self._race = stop, None
        if self.reached >= stop and self._running:
            self._running.cancel()
