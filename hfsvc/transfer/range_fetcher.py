"""The fetcher of ranges: streams one range of a file into its part, and says how it goes on where that fails."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

from hfsvc.aio.clock import Clock
from hfsvc.errors import TryLater
from hfsvc.models import ByteRange, Location
from hfsvc.transfer.concurrency import StreamSlots
from hfsvc.transfer.file_transfer import FileTransfer, RangeStream
from hfsvc.transfer.interfaces import ContentSource
from hfsvc.transfer.progress import Progress
from hfsvc.transfer.retry import Action, means_too_many
from hfsvc.transfer.retry_controller import RetryController
from hfsvc.transfer.scheduler import RangeJob, Schedule

logger = logging.getLogger(__name__)


class RangeFetcher:
    """Fetches the ranges of one run, each with its retries, under the limits that all share.

    Args:
        source: Where the bytes come from.
        transfers: The files that are open, by their number in the schedule.
        schedule: Told what came of each range.
        slots: How many streams run at once.
        retries: Waits between tries.
        progress: Observes the run.
        clock: Of the run.
    """

    def __init__(
        self,
        source: ContentSource,
        transfers: Mapping[int, FileTransfer],
        schedule: Schedule,
        slots: StreamSlots,
        retries: RetryController,
        *,
        progress: Progress,
        clock: Clock,
    ) -> None:
        self._source = source
        self._transfers = transfers
        self._schedule = schedule
        self._slots = slots
        self._retries = retries
        self._progress = progress
        self._clock = clock

    async def fetch(self, job: RangeJob) -> bool:
        """Fetch a range; True when it was the last of its file. One that fails goes back to the schedule.

        Raises:
            HfsvcError: The file is given up.
        """
        transfer, stream, location = self._transfers[job.file], self._begin(job), None
        try:
            location = await transfer.location.get()
            await self._stream(transfer, stream, location, job)
        except TryLater as error:
            if not stream.is_complete:
                await self._retry(job, error, stream, location)
                return False
        return self._schedule.done(job)

    async def receive(self, job: RangeJob, chunks: AsyncIterator[bytes]) -> bool:
        """As `fetch`, for a range whose stream is open already."""
        transfer, stream = self._transfers[job.file], self._begin(job)
        try:
            with transfer.streaming(stream):
                await stream.write(chunks)
        except TryLater as error:
            if not stream.is_complete:
                await self._retry(job, error, stream, None)
                return False
        return self._schedule.done(job)

    def _begin(self, job: RangeJob) -> RangeStream:
        transfer = self._transfers[job.file]
        span = transfer.span(job.wanted)
        return RangeStream(self._source.repo, transfer, span, on_received=self._received, clock=self._clock)

    async def _stream(self, transfer: FileTransfer, stream: RangeStream, location: Location, job: RangeJob) -> None:
        if job.wanted is None:
            # Who gives no ranges gives none of them twice.
            transfer.hedges_left = 0
            self._progress.lost(await transfer.lose())
        elif location.content is not None:
            async with aclosing(_one(location.content[job.wanted.start : job.wanted.stop])) as chunks:
                await stream.write(chunks)
            return
        async with self._slots:
            await self._retries.cooldown.wait()
            described = transfer.file.path, stream.position, stream.stop
            counts = self._slots.used, self._slots.allowed
            logger.debug("%s: bytes %d to %d begin, stream %d of %d", *described, *counts)
            with transfer.streaming(stream):
                async with self._source.open(location, transfer.file, job.wanted) as chunks:
                    await stream.write(chunks)
            logger.debug("%s: bytes %d to %d are there", *described)

    def _received(self, transfer: FileTransfer, count: int) -> None:
        self._progress.received(count)
        self._slots.received(count)
        self._retries.progressed()
        transfer.progressed_at = self._retries.progressed_at

    async def _retry(self, job: RangeJob, error: TryLater, stream: RangeStream, location: Location | None) -> None:
        transfer = self._transfers[job.file]
        span = ByteRange(start=transfer.span(job.wanted).start, stop=stream.stop)
        failures, since = transfer.count_failure(span, stream.position, self._clock.now())
        logger.debug("%s: bytes %d to %d stopped at %d", transfer.file.path, span.start, span.stop, stream.position)
        if means_too_many(error, failures, overtaken=self._retries.progressed_at > since):
            self._schedule.narrow(job.file)
            self._slots.refused()
        action = await self._retries.before_retry(
            transfer.file,
            error,
            failures,
            idle_since=transfer.progressed_at,
            failing_since=since,
            received=transfer.part.received.total,
            in_ranges=job.wanted is not None,
        )
        if action is Action.RELOCATE and location is not None:
            transfer.location.refused(location)
        if action is Action.ONE_STREAM:
            self._schedule.add_whole(job.file)
        rest = None if job.wanted is None else ByteRange(start=stream.position, stop=span.stop)
        self._schedule.again(job, rest)


async def _one(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content
