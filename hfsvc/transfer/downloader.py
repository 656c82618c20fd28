"""Bytes from the Hub to verified files: workers that take ranges from a schedule until all files are done."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import msgspec
from anyio import from_thread, to_thread

from hfsvc.aio.batching import Rounds
from hfsvc.aio.throttle import Throttle
from hfsvc.disk import disk_error
from hfsvc.errors import BadListing, ChecksumMismatch, Damaged, FileNotFound, HfsvcError, TransferStalled, TryLater
from hfsvc.metrics import Metrics
from hfsvc.models import ByteRange, Location, OnEvent, RemoteDataset, RemoteFile
from hfsvc.settings import Settings
from hfsvc.transfer.concurrency import FIRST_STREAMS, Pace
from hfsvc.transfer.file_transfer import FileTransfer, RangeStream
from hfsvc.transfer.interfaces import Content, IsHere, OnVerified
from hfsvc.transfer.part_file import Finished, Part, is_small, open_part
from hfsvc.transfer.part_paths import Places, adopt_whole, left_behind, part_name
from hfsvc.transfer.progress import ListenerFailed, Progress
from hfsvc.transfer.retry import Action, means_too_many
from hfsvc.transfer.retry_controller import Tries
from hfsvc.transfer.scheduler import Job, Schedule
from hfsvc.transfer.stream_limit import Turns

logger = logging.getLogger(__name__)


class Downloader:
    """One run over a list of files.

    Args:
        dataset: What the files belong to.
        files: All of different content.
        content: Where their bytes come from.
        folder: The parts folder of the dataset; exists, and nobody else uses it now.
        digests_folder: Where the journals of finished files stay; exists.
        settings: Connections, ranges and times.
        throttle: Shared by all runs of the process.
        metrics: Told of bytes and retries.
        is_here: Saves what need not be fetched; not asked about files that the plan could judge.
        on_verified: Awaited for every file as it is verified; what it raises ends the run.
        on_event: Told what happens, on the event loop.
        clock: Monotonic seconds.

    Attributes:
        untried: Files that were left alone, because nothing came any more.
    """

    def __init__(
        self,
        dataset: RemoteDataset,
        files: Sequence[RemoteFile],
        content: Content,
        *,
        folder: Path,
        digests_folder: Path,
        settings: Settings,
        throttle: Throttle,
        metrics: Metrics,
        is_here: IsHere,
        on_verified: OnVerified,
        on_event: OnEvent,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.untried = 0
        self._dataset = dataset
        self._files = files
        self._content = content
        self._folder = folder
        self._digests_folder = digests_folder
        self._settings = settings
        self._throttle = throttle
        self._is_here = is_here
        self._on_verified = on_verified
        self._clock = clock
        self._pace = Pace(settings.max_connections, clock(), first=self._first_streams())
        self._turns = Turns(self._pace)
        self._progress = Progress(files, self._pace, on_event=on_event, metrics=metrics, clock=clock)
        self._schedule = Schedule(len(files), per_file=settings.connections_per_file, chunk_bytes=settings.chunk_bytes)
        self._transfers: dict[int, FileTransfer] = {}
        self._failures: dict[int, HfsvcError] = {}
        self._left_behind: frozenset[str] = frozenset()
        self._changed = anyio.Event()
        self._tries = Tries(
            dataset.repo, settings.give_up_after_s, self._progress, on_silence=self._leave_rest, clock=clock
        )
        self._patience = self._tries.patience
        self._small: Rounds[Part, Finished] = Rounds(lambda part: part.finish())

    async def run(self) -> list[HfsvcError]:
        """Fetch and verify every file; give the errors of those that failed, the others are complete.

        Raises:
            HfsvcError: What ends the whole run: no access, a full disk, a network that is gone. What was fetched stays
                for a later run.
        """
        self._left_behind = await to_thread.run_sync(left_behind, self._folder)
        # Three times as many workers as streams: while some stream, others ask the Hub for the next addresses or finish files.
        try:
            async with anyio.create_task_group() as group:
                for _ in range(min(3 * self._settings.max_connections, self._most_jobs())):
                    group.start_soon(self._work)
        except ExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            for transfer in self._transfers.values():
                transfer.part.close()
        self._progress.tell_bytes()
        return list(self._failures.values())

    def _first_streams(self) -> int:
        # A few large files are held up by the line, many small ones by the way there and back.
        any_large = any(file.size > self._settings.chunk_bytes for file in self._files)
        return FIRST_STREAMS if any_large else self._settings.max_connections

    def _most_jobs(self) -> int:
        return sum(1 + file.size // self._settings.chunk_bytes for file in self._files)

    async def _work(self) -> None:
        while not self._schedule.finished:
            changed = self._changed
            if job := self._schedule.take():
                await self._guard(job.file, self._fetch(job))
                self._schedule.drop(job)
                self._let_go(job.file)
            elif (file := self._schedule.take_file()) is not None:
                await self._guard(file, self._open(file))
                self._let_go(file)
            else:
                await changed.wait()
                continue
            self._wake_workers()

    def _wake_workers(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def _guard(self, file: int, step: Awaitable[None]) -> None:
        """Await a step of a file: an error that concerns this file alone ends the file, any other the run."""
        path = self._files[file].path
        try:
            await step
        except OSError as error:
            landed = self._transfers[file].part.landed.total if file in self._transfers else 0
            raise disk_error(error, self._folder, self._files[file].size - landed) from error
        except (Damaged, FileNotFound, TransferStalled) as error:
            logger.debug("%s failed: %s", path, error)
            # Of several ranges that fail alike, the first one tells.
            self._failures.setdefault(file, error)
            self._schedule.close(file)

    def _leave_rest(self) -> None:
        # Nothing comes any more: those that wait need not all find out.
        self.untried += self._schedule.stop()

    def _let_go(self, file: int) -> None:
        """Close the part of a file that ended, once none of its ranges is running any more."""
        if self._schedule.is_over(file) and (transfer := self._transfers.pop(file, None)):
            transfer.part.close()

    # ---- a file begins ----------------------------------------------------------------------------------------------

    async def _open(self, index: int) -> None:
        file = self._files[index]
        if file.fault:
            raise BadListing(repo=self._dataset.repo, path=file.path, reason=file.fault)
        places = self._places(file)
        location = None
        if file.checksum is None:
            location = await self._first_location(file)
            file = msgspec.structs.replace(file, checksum=location.checksum)
            if file.checksum and await self._is_here(file):
                self._progress.started(file, file.size)
                self._end(index, file)
                return
        if file.checksum is None:
            raise ChecksumMismatch(repo=self._dataset.repo, path=file.path, expected=None, actual=None)
        if whole := await self._adopt(places, file.checksum):
            self._progress.started(file, file.size)
            await self._complete(index, file, whole)
            return
        part = await self._open_part(places, file.size, file.checksum)
        transfer = self._transfers[index] = FileTransfer(self._dataset.repo, file, part, self._clock())
        transfer.location = location
        self._progress.started(file, part.landed.total)
        missing = part.landed.gaps(file.size)
        self._schedule.add_ranges(index, missing)
        if not missing:
            await self._finish(index)

    def _places(self, file: RemoteFile) -> Places:
        name = part_name(self._dataset.repo, self._dataset.commit, file.path, file.checksum)
        return Places(self._folder, self._digests_folder, name)

    async def _adopt(self, places: Places, checksum: str) -> Path | None:
        # Most names are new, and a thread for each of thousands of small files costs more than their bytes.
        if places.name not in self._left_behind:
            return None
        return await to_thread.run_sync(adopt_whole, places, checksum, from_thread.check_cancelled)

    async def _open_part(self, places: Places, size: int, checksum: str) -> Part:
        if is_small(size):
            return open_part(places, size, checksum, lambda: None)
        return await to_thread.run_sync(open_part, places, size, checksum, from_thread.check_cancelled)

    async def _first_location(self, file: RemoteFile) -> Location:
        failures, since = 0, self._clock()
        while True:
            await self._patience.wait()
            try:
                return await self._content.locate(file)
            except TryLater as error:
                failures += 1
                await self._tries.wait_out(file, error, failures, idle_s=self._clock() - since, since=since)

    # ---- a range ----------------------------------------------------------------------------------------------------

    async def _fetch(self, job: Job) -> None:
        transfer = self._transfers[job.file]
        span = transfer.span(job.wanted)
        stream = RangeStream(transfer, span, throttle=self._throttle, on_landed=self._landed)
        location = transfer.location
        try:
            location = await self._locate(job.file, transfer)
            await self._stream(transfer, stream, location, job)
        except TryLater as error:
            await self._recover(job, error, span, stream.position, location)
        else:
            if self._schedule.done(job):
                await self._finish(job.file)

    async def _locate(self, index: int, transfer: FileTransfer) -> Location:
        asked = transfer.asked
        async with transfer.locating:
            if failure := self._failures.get(index):
                raise failure
            if transfer.location is None:
                if transfer.asked > asked and transfer.unanswered:
                    raise transfer.unanswered
                await self._patience.wait()
                await transfer.ask(self._content)
            assert transfer.location
            self._check_hash(transfer.file, transfer.location)
            return transfer.location

    def _check_hash(self, file: RemoteFile, location: Location) -> None:
        # Before the first byte: a listing that contradicts the Hub's own answer cannot come out right.
        if location.checksum and location.checksum != file.checksum:
            raise ChecksumMismatch(
                repo=self._dataset.repo, path=file.path, expected=file.checksum, actual=location.checksum
            )

    async def _stream(self, transfer: FileTransfer, stream: RangeStream, location: Location, job: Job) -> None:
        if job.wanted is None:
            await self._lose(transfer)
        elif location.content is not None:
            await stream.take(_one(location.content[job.wanted.start : job.wanted.stop]))
            return
        async with self._turns.take():
            await self._patience.wait()
            story = transfer.file.path, stream.position, transfer.span(job.wanted).stop, self._turns.taken
            logger.debug("%s: bytes %d to %d begin, stream %d of %d", *story, self._pace.limit)
            async with self._content.open(location, transfer.file, job.wanted) as chunks:
                await stream.take(chunks)
            logger.debug("%s: bytes %d to %d are there", *story[:3])

    def _landed(self, transfer: FileTransfer, count: int) -> None:
        self._progress.landed(count, saturated=self._turns.are_all_taken)
        transfer.progressed_at = self._progress.progressed_at
        self._patience.progressed()

    async def _recover(
        self, job: Job, error: TryLater, span: ByteRange, position: int, location: Location | None
    ) -> None:
        transfer = self._transfers[job.file]
        failures, since = transfer.count_failure(span, position, self._clock())
        logger.debug("%s: bytes %d to %d stopped at %d", transfer.file.path, span.start, span.stop, position)
        if means_too_many(error, failures, overtaken=self._progress.progressed_at > since):
            self._schedule.narrow(job.file)
            self._pace.refused()
        action = await self._tries.wait_out(
            transfer.file,
            error,
            failures,
            idle_s=self._clock() - transfer.progressed_at,
            since=since,
            landed=transfer.part.landed.total,
            in_ranges=job.wanted is not None,
        )
        if action is Action.RELOCATE and transfer.location is location:
            transfer.location = None
        if action is Action.ONE_STREAM:
            self._schedule.add_whole(job.file)
        rest = None if job.wanted is None else ByteRange(start=position, stop=span.stop)
        self._schedule.again(job, rest)

    # ---- a file ends ------------------------------------------------------------------------------------------------

    async def _finish(self, index: int) -> None:
        transfer = self._transfers[index]
        found, whole = await transfer.finish(self._small)
        if whole is None:
            await self._fetch_again(index, found)
        else:
            await self._complete(index, transfer.file, whole)

    async def _complete(self, index: int, file: RemoteFile, whole: Path) -> None:
        await self._on_verified(file, whole)
        self._end(index, file)

    def _end(self, index: int, file: RemoteFile) -> None:
        self._schedule.close(index)
        self._progress.verified(file)

    async def _fetch_again(self, index: int, found: str) -> None:
        transfer = self._transfers[index]
        file = transfer.file
        await self._lose(transfer)
        # An empty file was never fetched: another try finds the same, and would have no range that ends it.
        if transfer.refetched or not file.size:
            raise ChecksumMismatch(repo=self._dataset.repo, path=file.path, expected=file.checksum, actual=found)
        transfer.fetch_again()
        self._progress.fetched_again(file.path)
        self._schedule.add_ranges(index, transfer.part.landed.gaps(file.size))

    async def _lose(self, transfer: FileTransfer) -> None:
        """Forget what came of a file."""
        self._progress.lost(transfer.part.landed.total)
        await to_thread.run_sync(transfer.part.reset)


def _first(errors: BaseExceptionGroup[Any]) -> BaseException:
    """The one to tell of several that ended a run together: the caller's own, else ours before strangers'."""
    flat: list[BaseException] = []
    for error in errors.exceptions:
        flat.append(_first(error) if isinstance(error, BaseExceptionGroup) else error)
    if listener := next((error for error in flat if isinstance(error, ListenerFailed)), None):
        return listener.error
    return next((error for error in flat if isinstance(error, HfsvcError)), flat[0])


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content
