"""The reader of ranges: fetches bytes of the files of one commit, each once, in parallel, with retries, in bounded memory."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import anyio

from hfsvc.aio.cancellation import only_error
from hfsvc.aio.clock import MONOTONIC, Clock
from hfsvc.errors import Damaged, FileNotFound
from hfsvc.metrics import MetricsRecorder
from hfsvc.models import ByteRange, RemoteFile
from hfsvc.remote.byte_cache import ByteCache
from hfsvc.remote.span_fetcher import SpanFetcher
from hfsvc.remote.spans import Bytes, Span, assembled, joined, uncovered
from hfsvc.settings import Settings
from hfsvc.transfer.interfaces import ContentSource
from hfsvc.transfer.ranges import cut

GAP_BYTES = 16 << 10
"""A request for what lies between two ranges costs more than so many bytes."""
PIECE_BYTES = 4 << 20
"""So that a long footer is one request, however small the ranges of downloads are."""
Keep = Callable[[RemoteFile, Bytes], Awaitable[None]]


class _Flight:
    """A range that is on its way; `piece` is None where it did not come."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.done = anyio.Event()
        self.piece: Bytes | None = None


class RangeReader:
    """Reads ranges of the files of one commit. It belongs to the event loop, and starts nothing of its own.

    Args:
        source: Where the bytes come from.
        settings: Streams at once, length of ranges, times, and how much is held.
        metrics: Told of bytes and retries.
        keep: Awaited with what came.
        clock: Of retries.

    Attributes:
        cache: What came and is held.
    """

    def __init__(
        self,
        source: ContentSource,
        settings: Settings,
        *,
        metrics: MetricsRecorder,
        keep: Keep | None = None,
        clock: Clock = MONOTONIC,
    ) -> None:
        self.cache = ByteCache(settings.remote_cache_bytes)
        self._keep = keep
        # A piece that is larger than what is held could not be held at all.
        self._piece_bytes = max(1, min(max(settings.chunk_bytes, PIECE_BYTES), settings.remote_cache_bytes // 4))
        self._fetcher = SpanFetcher(source, settings, metrics, clock)
        self._flights: defaultdict[str, list[_Flight]] = defaultdict(list)

    async def read(self, file: RemoteFile, spans: Sequence[Span]) -> list[bytes]:
        """The bytes of each range.

        Raises:
            HfsvcError: As `fetch`.
        """
        pieces = await self.fetch(file, spans)
        return [assembled(span, pieces) for span in spans]

    async def fetch_ends(self, files: Sequence[RemoteFile], length: int) -> None:
        """Have the last bytes of several files at hand. What is wrong with one of them is told to who reads it."""

        async def fetch(file: RemoteFile) -> None:
            with suppress(Damaged, FileNotFound):
                await self.fetch(file, [(max(0, file.size - length), file.size)])

        try:
            async with anyio.create_task_group() as group:
                for each in files:
                    group.start_soon(fetch, each)
        except BaseExceptionGroup as errors:
            raise only_error(errors) from None

    async def fetch(self, file: RemoteFile, spans: Sequence[Span], in_order: bool = False) -> list[Bytes]:
        """Pieces that hold all bytes of the ranges, and what lies between those that are near each other.

        What is held, or on its way already, is not asked for again. `in_order` as for `ByteCache.put`.

        Raises:
            FileNotFound: The file is listed, but has no content.
            DatasetChanged: The Hub has the commit no more.
            NoRanges: The server gives no ranges of it.
            HfsvcError: As downloads raise.
        """
        wanted = joined(spans, GAP_BYTES)
        pieces = self.cache.find(file.path, wanted)
        while missing := uncovered(wanted, map(_span, pieces)):
            flights = [each for each in self._flights[file.path] if _overlaps(each.span, missing)]
            mine = [*map(_Flight, self._pieces(uncovered(missing, (each.span for each in flights))))]
            await self._land(file, mine, flights, in_order)
            pieces += [each.piece for each in (*mine, *flights) if each.piece]
        return pieces

    def _pieces(self, spans: Sequence[Span]) -> list[Span]:
        ranges = (ByteRange(start=start, stop=stop) for start, stop in spans)
        return [(each.start, each.stop) for each in cut(ranges, self._piece_bytes)]

    async def _land(self, file: RemoteFile, mine: Sequence[_Flight], others: Sequence[_Flight], in_order: bool) -> None:
        self._flights[file.path] += mine
        try:
            async with anyio.create_task_group() as group:
                for each in mine:
                    group.start_soon(self._fly, file, each, in_order)
                for other in others:
                    await other.done.wait()
        except BaseExceptionGroup as errors:
            raise only_error(errors) from None
        finally:
            for each in mine:
                self._flights[file.path].remove(each)
                # Whoever waits for one that did not come fetches it.
                each.done.set()
            if not self._flights[file.path]:
                del self._flights[file.path]

    async def _fly(self, file: RemoteFile, flight: _Flight, in_order: bool) -> None:
        piece = await self._fetcher.fetch(file, flight.span)
        flight.piece = piece
        self.cache.put(file.path, piece, in_order=in_order)
        if self._keep:
            # What came is kept, whoever waits no longer for it.
            with anyio.CancelScope(shield=True):
                await self._keep(file, piece)
        flight.done.set()


def _span(piece: Bytes) -> Span:
    return piece.start, piece.stop


def _overlaps(span: Span, others: Sequence[Span]) -> bool:
    return any(span[0] < stop and start < span[1] for start, stop in others)
