"""The fetcher of single ranges, for who reads files without downloading them: it finds the address, retries, and goes on at the byte."""

from collections import defaultdict

import anyio
import msgspec

from hfsvc.aio.clock import Clock
from hfsvc.errors import (
    BadListing,
    DatasetChanged,
    HubUnavailable,
    NoRanges,
    RangeRefused,
    RevisionNotFound,
    TransferStalled,
    TryLater,
)
from hfsvc.metrics import MetricsRecorder
from hfsvc.models import ByteRange, Location, RemoteFile
from hfsvc.remote.spans import Bytes, Span
from hfsvc.settings import Settings
from hfsvc.transfer.concurrency import AdaptiveLimit, StreamSlots
from hfsvc.transfer.interfaces import ContentSource
from hfsvc.transfer.locations import FileLocation
from hfsvc.transfer.progress import Progress
from hfsvc.transfer.retry import Action, RetryPolicy
from hfsvc.transfer.retry_controller import RetryController


class _Coming:
    """A range as far as it has come, and how often it has failed since its last byte."""

    def __init__(self, span: Span, now: float) -> None:
        self.start, self.stop = span
        self.position = self.start
        self.failures = 0
        self.progressed_at = self.failing_since = now
        self._chunks: list[bytes] = []

    @property
    def is_complete(self) -> bool:
        return self.position >= self.stop

    def take(self, chunk: bytes, now: float) -> None:
        own = chunk[: self.stop - self.position]
        self._chunks.append(own)
        self.position += len(own)
        self.progressed_at = now
        self.failures = 0

    def failed(self, now: float) -> None:
        if not self.failures:
            self.failing_since = now
        self.failures += 1

    def whole(self) -> Bytes:
        return Bytes(self.start, b"".join(self._chunks))


class SpanFetcher:
    """Fetches ranges of the files of one commit, under the limits and with the patience of downloads.

    Args:
        source: Where the bytes come from.
        settings: Streams at once, and times.
        metrics: Told of bytes and retries.
        clock: Of retries.
    """

    def __init__(self, source: ContentSource, settings: Settings, metrics: MetricsRecorder, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._progress = Progress(lambda _: None, metrics, clock=clock)
        most = settings.max_connections
        self._slots = StreamSlots(AdaptiveLimit(most, clock.now(), first=most), clock)
        policy = RetryPolicy(settings.give_up_after_s)
        self._retries = RetryController(source.repo, policy, self._progress, on_silence=lambda: None, clock=clock)
        self._located: dict[str, tuple[RemoteFile, FileLocation]] = {}
        self._locating: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)

    async def fetch(self, listed: RemoteFile, span: Span) -> Bytes:
        """The bytes of a range; of a small file that the Hub hands out with its address, all of it.

        Raises:
            FileNotFound: The file is listed, but has no content.
            DatasetChanged: The Hub has the commit no more.
            NoRanges: The server gives no ranges of it.
            HfsvcError: As downloads raise.
        """
        coming = _Coming(span, self._clock.now())
        while not coming.is_complete:
            location: Location | None = None
            try:
                file, address = await self._locate(listed)
                location = await address.get()
                if location.content is not None:
                    self._received(len(location.content))
                    return Bytes(0, location.content)
                await self._stream(location, file, coming)
            except RevisionNotFound as error:
                hint = (
                    f"The Hub has no commit {error.revision[:12]} any more: open the source again for what it has now."
                )
                raise DatasetChanged(repo=self._source.repo, hint=hint) from error
            except TryLater as error:
                if not coming.is_complete:
                    await self._retry(listed, error, coming, location)
        return coming.whole()

    async def _stream(self, location: Location, file: RemoteFile, coming: _Coming) -> None:
        async with self._slots:
            await self._retries.cooldown.wait()
            before = coming.position
            wanted = ByteRange(start=coming.position, stop=coming.stop)
            async with self._source.open(location, file, wanted) as chunks:
                async for chunk in chunks:
                    coming.take(chunk, self._clock.now())
                    self._received(len(chunk))
        if coming.position == before:
            # Less than was asked for is a server's right; nothing is none.
            raise HubUnavailable(reason="the stream ended early")

    def _received(self, count: int) -> None:
        self._progress.received(count)
        self._slots.received(count)
        self._retries.progressed()

    async def _retry(self, file: RemoteFile, error: TryLater, coming: _Coming, location: Location | None) -> None:
        if isinstance(error, RangeRefused):
            # All of it would be as much as a download, and nobody would keep it.
            raise NoRanges(repo=self._source.repo, path=file.path, reason=error.reason) from error
        coming.failed(self._clock.now())
        try:
            action = await self._retries.before_retry(
                file,
                error,
                coming.failures,
                idle_since=coming.progressed_at,
                failing_since=coming.failing_since,
                received=coming.position,
                in_ranges=True,
            )
        except TransferStalled as stalled:
            # A download would go on from there; who reads begins his range anew.
            stalled.goes_on = False
            raise
        if action is Action.RELOCATE and location is not None and file.path in self._located:
            self._located[file.path][1].refused(location)

    async def _locate(self, listed: RemoteFile) -> tuple[RemoteFile, FileLocation]:
        """The file with its checksum, and its address, which is asked for when it is needed."""
        if listed.fault:
            raise BadListing(repo=self._source.repo, path=listed.path, reason=listed.fault)
        async with self._locating[listed.path]:
            if listed.path not in self._located:
                known = None if listed.checksum else await self._source.locate(listed)
                file = msgspec.structs.replace(listed, checksum=known.checksum) if known else listed
                address = FileLocation(self._source, file, self._retries.cooldown, known)
                self._located[listed.path] = file, address
            return self._located[listed.path]
