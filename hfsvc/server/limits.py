"""Limits of a server: how much it takes on at once, how long it waits for others, and who counts against them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio
import msgspec

from hfsvc.arguments import check_fields
from hfsvc.errors import InvalidArgument
from hfsvc.server.errors import Busy

KiB = 1 << 10
MiB = 1 << 20

PAGE_ROWS = 1000
"""Longest page of summaries, steps or trajectories."""


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a server: sizes, counts and times.

    Attributes:
        body_bytes: Of a request.
        path_bytes: Of a request's path, percent-encoded.
        query_bytes: Of a request's query, as sent.
        frame_bytes: Of a message on the socket.
        answer_bytes: Of an answer on the socket; a larger one is an error instead.
        held_bytes: Answers with trajectories in them that are being made or sent, all together; others wait.
        held_estimate_bytes: What one of them counts for while it is made.
        held_wait_s: Seconds that one waits for its turn before it is refused.
        answer_s: Seconds for making and sending one of them, after which the connection is dropped.
        lists: Pages of summaries that are read, and facets that are counted, at once; others wait.
        threads: Worker threads that read, where the process is the server's own. More are no quicker, and each keeps
            memory to itself.
        sockets: Open at once.
        requests: Under way at once, streams included.
        exports: Streams of ``trajectories.jsonl`` at once.
        watchers: Streams of events at once.
        jobs: Unfinished at once.
        kept_jobs: Finished ones that are still listed.
        events: Kept of a job, for watchers that come late or come back.
        connections: TCP connections at once; more are closed unheard. Fewer, where the system lets the process open
            fewer files.
        request_s: Seconds within which a request must have arrived, from its first byte or the connection on.
        stall_s: Seconds without progress after which a connection that does not read is dropped.
        keep_alive_s: Seconds that a connection may stay without a request.
        stop_s: Seconds that answers under way are given when the server stops.
    """

    body_bytes: int = 64 * KiB
    path_bytes: int = 4 * KiB
    query_bytes: int = 4 * KiB
    frame_bytes: int = 64 * KiB
    answer_bytes: int = 32 * MiB
    held_bytes: int = 128 * MiB
    held_estimate_bytes: int = 16 * MiB
    held_wait_s: float = 10.0
    answer_s: float = 60.0
    lists: int = 4
    threads: int = 8
    sockets: int = 512
    requests: int = 512
    exports: int = 8
    watchers: int = 64
    jobs: int = 16
    kept_jobs: int = 100
    events: int = 1000
    connections: int = 2048
    request_s: float = 10.0
    stall_s: float = 10.0
    keep_alive_s: int = 10
    stop_s: int = 3

    def __post_init__(self) -> None:
        check_fields(self)
        for name in self.__struct_fields__:
            if not (value := getattr(self, name)) >= 0:
                raise InvalidArgument(name=name, given=repr(value), reason="it must be at least 0")


class Slots:
    """A limit on how many of a kind there are at once; whoever comes too late is refused."""

    def __init__(self, total: int, what: str) -> None:
        self._total = total
        self._what = what
        self.taken = 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """One of them for as long as the context lasts.

        Raises:
            Busy: None is left.
        """
        if self.taken >= self._total:
            raise Busy(what=self._what)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Reservation:
    """Bytes of a budget that one response holds. `size` is in bytes."""

    def __init__(self, budget: "ByteBudget", size: int) -> None:
        self._budget = budget
        self.size = size

    def resize(self, size: int) -> None:
        """Hold as much as the answer has turned out to be; never waits."""
        self._budget.release(self.size - size)
        self.size = size


class ByteBudget:
    """A limit on the bytes held at once by all responses; those who wait are served in turn.

    Args:
        total: Of all that is held, as far as it was known when it was asked for.
        wait_s: Seconds after which somebody who waits is sent away.
    """

    def __init__(self, total: int, *, wait_s: float) -> None:
        self._free = total
        self._wait_s = wait_s
        self._turn = anyio.Lock()
        self._more = anyio.Event()

    @asynccontextmanager
    async def reserve(self, size: int) -> AsyncIterator[Reservation]:
        """Hold `size` bytes for as long as the context lasts; nothing waits for no bytes.

        Raises:
            Busy: There was no room in time.
        """
        if size:
            await self._take(size)
        reservation = Reservation(self, size)
        try:
            yield reservation
        finally:
            reservation.resize(0)

    def release(self, size: int) -> None:
        """Return bytes, or take more where `size` is negative."""
        self._free += size
        self._more.set()

    async def _take(self, size: int) -> None:
        if self._free >= size and not self._turn.locked():
            self._free -= size
            return
        with anyio.move_on_after(self._wait_s):
            async with self._turn:
                while self._free < size:
                    self._more = anyio.Event()
                    await self._more.wait()
                self._free -= size
                return
        raise Busy(what="large answers")
