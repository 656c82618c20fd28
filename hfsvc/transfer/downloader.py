"""The downloader: workers that take ranges from a schedule until all files are fetched and verified."""

import logging
from collections.abc import Awaitable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import anyio
import msgspec
from anyio.abc import TaskGroup

from hfsvc.aio.clock import MONOTONIC, Clock
from hfsvc.errors import (
    BadListing,
    ChecksumMismatch,
    Damaged,
    DownloadFailed,
    FileNotFound,
    HfsvcError,
    HubUnavailable,
    TransferStalled,
    TryLater,
)
from hfsvc.models import ByteRange, Delta, Location, RemoteFile
from hfsvc.settings import Settings
from hfsvc.transfer.concurrency import FIRST_STREAMS, AdaptiveLimit, StreamSlots
from hfsvc.transfer.file_transfer import FileTransfer
from hfsvc.transfer.hedger import Hedger
from hfsvc.transfer.hedging import most_hedges
from hfsvc.transfer.interfaces import ContentSource, Destination
from hfsvc.transfer.locations import FileLocation
from hfsvc.transfer.progress import ListenerFailed, Progress
from hfsvc.transfer.range_copier import RangeCopier
from hfsvc.transfer.range_fetcher import RangeFetcher
from hfsvc.transfer.ranges import cut
from hfsvc.transfer.retry import RetryPolicy
from hfsvc.transfer.retry_controller import RetryController
from hfsvc.transfer.scheduler import RangeJob, Schedule

logger = logging.getLogger(__name__)


class Downloader:
    """Fetches files from a `ContentSource` into a `Destination`; one run.

    Args:
        source: Where the bytes come from.
        destination: Where verified files go.
        files: All of different content.
        settings: Streams, ranges and times.
        progress: Observes the run.
        deltas: By path, what of a file is copied from another one.
        clock: Of the run.
    """

    def __init__(
        self,
        source: ContentSource,
        destination: Destination,
        files: Sequence[RemoteFile],
        *,
        settings: Settings,
        progress: Progress,
        deltas: Mapping[str, Delta] = MappingProxyType({}),
        clock: Clock = MONOTONIC,
    ) -> None:
        self._source = source
        self._deltas = deltas
        self._destination = destination
        self._files = files
        self._progress = progress
        self._clock = clock
        self._chunk_bytes = settings.chunk_bytes
        self._most_workers = min(3 * settings.max_connections, sum(1 + f.size // settings.chunk_bytes for f in files))
        # A few large files are held up by the line, many small ones by the way there and back.
        self._any_large = any(file.size > settings.chunk_bytes for file in files)
        first = FIRST_STREAMS if self._any_large else settings.max_connections
        slots = StreamSlots(AdaptiveLimit(settings.max_connections, clock.now(), first=first), clock)
        self._schedule = Schedule(len(files), per_file=settings.connections_per_file, chunk_bytes=settings.chunk_bytes)
        policy = RetryPolicy(settings.give_up_after_s)
        self._retries = RetryController(source.repo, policy, progress, on_silence=self._leave_rest, clock=clock)
        self._transfers: dict[int, FileTransfer] = {}
        self._failures: dict[int, HfsvcError] = {}
        self._untried = 0
        self._changed = anyio.Event()
        shared = source, self._transfers, self._schedule, slots
        self._ranges = RangeFetcher(*shared, self._retries, progress=progress, clock=clock)
        self._hedger = Hedger(*shared, self._ranges, run_job=self._run_job, progress=progress, clock=clock)

    async def run(self) -> None:
        """Fetch and verify every file.

        Raises:
            DownloadFailed: Several files failed; a single failure is raised as itself. The others are complete.
            HfsvcError: What ends the whole run: no access, a full disk, a network that is gone. What was fetched stays
                for a later run.
        """
        self._progress.began(self._files)
        try:
            async with anyio.create_task_group() as beside:
                if self._any_large:
                    beside.start_soon(self._hedger.watch, beside)
                await self._work_all(beside)
                beside.cancel_scope.cancel()
        except ExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            for transfer in self._transfers.values():
                transfer.part.close()
        if not self._schedule.finished:
            # A task that is cancelled by nobody ends all others, without a word.
            raise HubUnavailable(reason="a stream ended as if it had been cancelled")
        self._progress.emit_bytes()
        self._raise_failures()

    async def _work_all(self, beside: TaskGroup) -> None:
        # Three times as many workers as streams: while some stream, others ask for the next addresses or finish files.
        async with anyio.create_task_group() as workers:
            for _ in range(self._most_workers):
                workers.start_soon(self._work, beside)

    def _raise_failures(self) -> None:
        failures = list(self._failures.values())
        if len(failures) > 1:
            raise DownloadFailed(repo=self._source.repo, failures=failures, untried=self._untried)
        if failures:
            raise failures[0]

    async def _work(self, beside: TaskGroup) -> None:
        while not self._schedule.finished:
            changed = self._changed
            if job := self._schedule.take(self._admits):
                await self._run_job(job, self._ranges.fetch(job))
            elif (file := self._schedule.take_file()) is not None:
                await self._attempt(file, self._open(file, beside))
                self._let_go(file)
                self._wake_workers()
            else:
                await changed.wait()

    def _admits(self, file: int, wanted: ByteRange) -> bool:
        return self._transfers[file].part.admits(wanted)

    async def _run_job(self, job: RangeJob, step: Awaitable[bool]) -> None:
        """Await what a range does, and finish its file where it was the last one."""
        await self._attempt(job.file, self._finish_after(job.file, step))
        self._schedule.drop(job)
        self._let_go(job.file)
        self._wake_workers()

    def _wake_workers(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def _attempt(self, file: int, step: Awaitable[None]) -> None:
        """Await a step of a file: an error that concerns this file alone ends the file, any other the run."""
        try:
            await step
        except (Damaged, FileNotFound, TransferStalled) as error:
            logger.debug("%s failed: %s", self._files[file].path, error)
            # Of several ranges that fail alike, the first one tells.
            self._failures.setdefault(file, error)
            self._schedule.close(file)

    def _leave_rest(self) -> None:
        # Nothing comes any more: those that wait need not all find out.
        self._untried += self._schedule.stop()

    def _let_go(self, file: int) -> None:
        """Close the part of a file that ended, once none of its ranges is running any more."""
        if self._schedule.is_over(file) and (transfer := self._transfers.pop(file, None)):
            transfer.part.close()

    # ---- a file begins ----------------------------------------------------------------------------------------------

    async def _open(self, index: int, beside: TaskGroup) -> None:
        listed = file = self._files[index]
        if listed.fault:
            raise BadListing(repo=self._source.repo, path=listed.path, reason=listed.fault)
        location = None
        if listed.checksum is None:
            location = await self._first_location(listed)
            file = msgspec.structs.replace(listed, checksum=location.checksum)
            if file.checksum and await self._destination.contains(file):
                self._progress.started(file, file.size)
                self._end(index, file)
                return
        if file.checksum is None:
            raise ChecksumMismatch(repo=self._source.repo, path=file.path, expected=None, actual=None)
        part = await self._destination.open(listed, file.checksum, beside)
        if part is None:
            self._progress.started(file, file.size)
            await self._complete(index, file)
            return
        address = FileLocation(self._source, file, self._retries.cooldown, location)
        copying = RangeCopier(self._deltas.get(file.path), part, self._destination, self._progress)
        missing = copying.left_to_fetch(file.size)
        hedges = most_hedges(len(cut(missing, self._chunk_bytes)))
        now = self._clock.now()
        self._transfers[index] = FileTransfer(file, part, address, copied=copying.ranges, hedges=hedges, now=now)
        self._progress.started(file, part.received.total, copying.left)
        self._schedule.add_ranges(index, missing)
        if copying.left:
            await self._finish_after(index, self._copy(index, copying))
        elif not missing:
            await self._finish(index)

    async def _copy(self, index: int, copying: RangeCopier) -> bool:
        """Copy what a file shares with another one, beside the ranges that are fetched; True when nothing is left."""
        job = self._schedule.hold(index)
        self._wake_workers()
        try:
            for rest in cut(await copying.run(), self._chunk_bytes):
                self._schedule.again(job, rest)
            return self._schedule.done(job)
        finally:
            self._schedule.drop(job)

    async def _first_location(self, file: RemoteFile) -> Location:
        failures, since = 0, self._clock.now()
        while True:
            await self._retries.cooldown.wait()
            try:
                return await self._source.locate(file)
            except TryLater as error:
                failures += 1
                await self._retries.before_retry(file, error, failures, idle_since=since, failing_since=since)

    # ---- a file ends ------------------------------------------------------------------------------------------------

    async def _finish_after(self, index: int, step: Awaitable[bool]) -> None:
        if await step:
            await self._finish(index)

    async def _finish(self, index: int) -> None:
        transfer = self._transfers[index]
        found = await transfer.part.finish()
        if found == transfer.file.checksum:
            await self._complete(index, transfer.file)
        else:
            await self._fetch_again(index, found)

    async def _complete(self, index: int, file: RemoteFile) -> None:
        await self._destination.accept(file)
        self._end(index, file)

    def _end(self, index: int, file: RemoteFile) -> None:
        self._schedule.close(index)
        self._progress.verified(file)

    async def _fetch_again(self, index: int, found: str) -> None:
        transfer = self._transfers[index]
        file = transfer.file
        if transfer.copied:
            # What came from the source is not to blame before what nobody has verified.
            logger.debug("%s: what was copied is wrong", file.path)
            self._progress.lost(await transfer.lose_copied())
            self._progress.fetched_again(file.path)
            self._schedule.add_ranges(index, transfer.part.received.gaps(file.size))
            return
        self._progress.lost(await transfer.lose())
        # An empty file was never fetched: another try finds the same, and would have no range that ends it.
        if transfer.refetched or not file.size:
            raise ChecksumMismatch(repo=self._source.repo, path=file.path, expected=file.checksum, actual=found)
        transfer.fetch_again()
        self._progress.fetched_again(file.path)
        self._schedule.add_ranges(index, transfer.part.received.gaps(file.size))


def _first(errors: BaseExceptionGroup[Any]) -> BaseException:
    """The one to tell of several that ended a run together: the caller's own, else ours before strangers'."""
    flat: list[BaseException] = []
    for error in errors.exceptions:
        flat.append(_first(error) if isinstance(error, BaseExceptionGroup) else error)
    if listener := next((error for error in flat if isinstance(error, ListenerFailed)), None):
        return listener.error
    return next((error for error in flat if isinstance(error, HfsvcError)), flat[0])
