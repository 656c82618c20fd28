"""The schedule of a download: which range of which file goes next. No I/O, no clock.

Files are worked on in order, a large one over several connections at once, so that the first files are done first and
the last connections are never idle while something is left to fetch.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from hfsvc.models import ByteRange
from hfsvc.transfer.ranges import cut


class RangeJob(NamedTuple):
    """One range of one file to fetch.

    Attributes:
        file: By its index.
        wanted: None for the whole file in one stream without ranges.
        divided: Whether it was cut off from another job that is under way.
    """

    file: int
    wanted: ByteRange | None
    divided: bool = False


class _FileQueue:
    """One file's waiting ranges, and those that run."""

    def __init__(self, per_file: int) -> None:
        self.waiting: deque[ByteRange | None] = deque()
        self.running: set[RangeJob] = set()
        self.limit = per_file
        self.opened = False
        self.whole = False
        self.closed = False

    @property
    def ready(self) -> bool:
        return bool(self.waiting) and len(self.running) < self.limit and not self.closed

    @property
    def drained(self) -> bool:
        return self.opened and not self.closed and not self.waiting and not self.running


class Schedule:
    """Hands out ranges to workers, and files to open.

    A file is first opened by one worker (`take_file`), which finds out what is missing of it and says so with
    `add_ranges`; then its ranges go out one by one (`take`). Every job taken comes back through `done`, `again` or `drop`.

    Args:
        files: How many files there are; they are known by their index.
        per_file: Connections at once for one file.
        chunk_bytes: Longest range.
    """

    def __init__(self, files: int, *, per_file: int, chunk_bytes: int) -> None:
        self._queues = [_FileQueue(per_file) for _ in range(files)]
        self._unopened = deque(range(files))
        self._active: list[int] = []
        self._chunk_bytes = chunk_bytes
        self._lacks_room = False

    @property
    def finished(self) -> bool:
        """True when every file is closed, or will not be opened any more."""
        return not self._unopened and not self._active

    def take(self, admits: Callable[[int, ByteRange], bool] = lambda _file, _wanted: True) -> RangeJob | None:
        """The next range to fetch, of the first file that may have one more connection; None when there is none now.

        Args:
            admits: Whether there is room for a range of a file.
        """
        self._lacks_room = False
        for file in self._active:
            queue = self._queues[file]
            if queue.ready:
                if (wanted := queue.waiting[0]) and not admits(file, wanted):
                    self._lacks_room = True
                    continue
                job = RangeJob(file, queue.waiting.popleft())
                queue.running.add(job)
                return job
        return None

    def take_file(self) -> int | None:
        """The next file to open; None when all are, or when there was no room for a range of those that are."""
        if self._lacks_room or not self._unopened:
            return None
        file = self._unopened.popleft()
        self._active.append(file)
        return file

    def stop(self) -> int:
        """Open no further file, and give how many that leaves out; those that are open go on to their end."""
        left_out = len(self._unopened)
        self._unopened.clear()
        return left_out

    def add_ranges(self, file: int, ranges: Sequence[ByteRange]) -> None:
        """What is missing of an opened file."""
        queue = self._queues[file]
        queue.opened, queue.whole = True, False
        queue.waiting.extend(cut(ranges, self._chunk_bytes))

    def add_whole(self, file: int) -> None:
        """Fetch a file as one stream from its first byte, once the ranges that are still running have come back."""
        queue = self._queues[file]
        queue.whole = True
        queue.limit = 1
        queue.waiting = deque([None])

    def divide(self, file: int, rest: ByteRange) -> RangeJob | None:
        """A job for the end of a range that is under way, which comes over another stream from now on.

        None where the file needs no ranges any more.
        """
        queue = self._queues[file]
        if queue.closed or queue.whole:
            return None
        job = RangeJob(file, rest, divided=True)
        queue.running.add(job)
        return job

    def hold(self, file: int) -> RangeJob:
        """A job that keeps a file open while ranges of it come from elsewhere."""
        job = RangeJob(file, None, divided=True)
        self._queues[file].running.add(job)
        return job

    def has_waiting(self, file: int) -> bool:
        """True while some range of a file is not under way."""
        return bool(self._queues[file].waiting)

    def done(self, job: RangeJob) -> bool:
        """A job's bytes are there; True when it was the last one of its file."""
        queue = self._queues[job.file]
        queue.running.discard(job)
        return queue.drained

    def again(self, job: RangeJob, rest: ByteRange | None) -> None:
        """A job ended early: its rest goes first among the file's waiting ranges."""
        queue = self._queues[job.file]
        queue.running.discard(job)
        if rest is None or not queue.whole:
            queue.waiting.appendleft(rest)

    def drop(self, job: RangeJob) -> None:
        """A job that came back neither way: its file has failed. Does nothing for a job that did come back."""
        self._queues[job.file].running.discard(job)

    def is_over(self, file: int) -> bool:
        """True when a file is closed and no job of it is running any more."""
        queue = self._queues[file]
        return queue.closed and not queue.running

    def narrow(self, file: int) -> None:
        """One connection less for a file whose server refuses them."""
        queue = self._queues[file]
        queue.limit = max(1, min(queue.limit, len(queue.running)) - 1)

    def close(self, file: int) -> None:
        """A file is complete, or failed: no more jobs of it. May be said twice."""
        self._queues[file].closed = True
        self._queues[file].waiting.clear()
        if file in self._active:
            self._active.remove(file)
