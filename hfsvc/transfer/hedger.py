"""The hedger: watches the ranges of a run, and lets another stream race one that lags behind its siblings."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing

import anyio
from anyio.abc import TaskGroup

from hfsvc.aio.clock import Clock
from hfsvc.errors import HfsvcError, HubUnavailable
from hfsvc.models import ByteRange
from hfsvc.transfer.concurrency import StreamSlots
from hfsvc.transfer.file_transfer import FileTransfer, RangeStream
from hfsvc.transfer.hedging import LOOK_EVERY_S, choose_hedge
from hfsvc.transfer.interfaces import ContentSource
from hfsvc.transfer.progress import Progress
from hfsvc.transfer.range_fetcher import RangeFetcher
from hfsvc.transfer.scheduler import RangeJob, Schedule

logger = logging.getLogger(__name__)


class Hedger:
    """Asks for the rest of a range that lags on one more connection, and drops the slower one.

    Until a hedge is ahead of the stream that lags, nothing of it is written, and whatever becomes of it is nobody's
    failure. Once it is ahead, the rest of the range is its own, and the other stream ends where it begins: every byte
    belongs to one stream, and is written once.

    Args:
        source: Where the bytes come from.
        transfers: The files that are open, by their number in the schedule.
        schedule: Told of ranges that are divided.
        slots: Hedges run beside the streams that have one, where there may be more.
        ranges: Receives what comes once a hedge is ahead.
        run_job: Awaits a range that is fetched as if a worker had taken it from the schedule.
        progress: Observes the run.
        clock: Of the run.
    """

    def __init__(
        self,
        source: ContentSource,
        transfers: Mapping[int, FileTransfer],
        schedule: Schedule,
        slots: StreamSlots,
        ranges: RangeFetcher,
        *,
        run_job: Callable[[RangeJob, Awaitable[bool]], Awaitable[None]],
        progress: Progress,
        clock: Clock,
    ) -> None:
        self._source = source
        self._transfers = transfers
        self._schedule = schedule
        self._slots = slots
        self._ranges = ranges
        self._run_job = run_job
        self._progress = progress
        self._clock = clock
        self._refused = False

    async def watch(self, group: TaskGroup) -> None:
        """Look at all files now and then, until cancelled or a server refuses a hedge.

        Args:
            group: For the hedges.
        """
        while not self._refused:
            for file, transfer in self._transfers.items():
                if found := self._find_lagging(file, transfer):
                    group.start_soon(self._race, file, transfer, *found)
            await anyio.sleep(LOOK_EVERY_S)

    def _find_lagging(self, file: int, transfer: FileTransfer) -> tuple[RangeStream, int] | None:
        now = self._clock.now()
        states = [stream.state(now) for stream in transfer.streams]
        if transfer.is_racing or not transfer.hedges_left or not self._slots.has_room:
            return None
        front, is_ending = transfer.part.received.prefix, not self._schedule.has_waiting(file)
        hedge = choose_hedge(states, transfer.paces, front=front, is_ending=is_ending)
        return (transfer.streams[hedge.which], hedge.start) if hedge else None

    async def _race(self, file: int, transfer: FileTransfer, slow: RangeStream, start: int) -> None:
        wanted = ByteRange(start=start, stop=slow.stop)
        described = transfer.file.path, slow.reached, wanted.start, wanted.stop
        logger.debug("%s: a range lags at byte %d, %d to %d are asked for once more", *described)
        self._progress.hedged()
        transfer.hedges_left -= 1
        try:
            with self._slots.extra(), slow.raced():
                await self._run(file, transfer, slow, wanted)
        except HfsvcError as error:
            # Once it is ahead, it ends as any other range does: what comes here then means the whole run.
            if slow.stop < wanted.stop:
                raise
            logger.debug("%s: what was asked for once more did not come: %s", transfer.file.path, error)
            # Any other answer than the range means that the server wants no more requests than those it has.
            if not isinstance(error, HubUnavailable) or error.status is not None:
                self._refused = True

    async def _run(self, file: int, transfer: FileTransfer, slow: RangeStream, wanted: ByteRange) -> None:
        location = await transfer.location.get()
        async with self._source.open(location, transfer.file, wanted) as chunks:
            first = await _first_ahead(slow, wanted.start, chunks)
            # The other one may have ended, or failed, in this same moment.
            if first is None or not slow.is_raced:
                return
            start, chunk = first
            if job := self._schedule.divide(file, ByteRange(start=start, stop=wanted.stop)):
                slow.cut(start)
                async with aclosing(_chain(chunk, chunks)) as own:
                    await self._run_job(job, self._ranges.receive(job, own))


async def _first_ahead(slow: RangeStream, position: int, chunks: AsyncIterator[bytes]) -> tuple[int, bytes] | None:
    """The first bytes that a stream brings before the slow one does, and where they belong; None where it never does."""
    async for chunk in chunks:
        behind = max(0, slow.reached - position)
        if behind < len(chunk):
            return position + behind, chunk[behind:]
        position += len(chunk)
    return None


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    yield first
    async for chunk in rest:
        yield chunk
