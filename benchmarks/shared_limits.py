"""How long n machines take that share one account's rate limits: a simulation of hfsvc's own limiters on a clock of their own."""

import heapq
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from hfsvc.hub.rate_limit import Bucket, Limiter, told_wait_s
from hfsvc.testing.localhub.rate_limit import FixedWindow

PAGE_FILES: Final = 1000
"""Files on a page of the Hub's listing."""

FILES_AT_ONCE: Final = 16
"""How many files a machine asks for at once."""


class Work(NamedTuple):
    """A dataset: its files, all of one size, in bytes."""

    files: int
    file_bytes: int


class Machine(NamedTuple):
    """What one machine does in a second: bytes that it brings and verifies; and how long the Hub takes to answer it."""

    bytes_per_s: float
    answer_s: float = 0.1


class Outcome(NamedTuple):
    """How it went.

    Attributes:
        seconds: Until the last file was there.
        requests: By bucket, refused ones included.
        refused: Answered with 429.
        waited_s: What the machine that waited longest for windows waited in all.
    """

    seconds: float
    requests: Mapping[Bucket, int]
    refused: int
    waited_s: float


class _Client:
    """One machine: it asks for the pages of the listing one by one, then for many files at once, over one link."""

    def __init__(self, machine: Machine, pages: int, files: int, file_bytes: int) -> None:
        self.limiter = Limiter()
        self.answer_s = machine.answer_s
        self.file_s = file_bytes / machine.bytes_per_s
        self.pages = pages
        self.files = files
        self.waits_until = 0.0
        self.waited_s = 0.0
        self.done_at = 0.0

    @property
    def bucket(self) -> Bucket:
        """What its requests count in."""
        return "api" if self.pages else "resolvers"

    def delay_s(self, now: float) -> float:
        """Seconds until a request may go. Those that wait together are one wait."""
        delay_s = self.limiter.delay_s(self.bucket, now)
        self.waited_s += max(0.0, now + delay_s - max(now, self.waits_until))
        self.waits_until = max(self.waits_until, now + delay_s)
        return delay_s

    def begin(self) -> int:
        """How many requests begin the files once the listing is there."""
        return min(FILES_AT_ONCE, self.files)

    def bring(self, now: float) -> float:
        """A file's address is known; gives the moment at which the file is there."""
        self.done_at = max(self.done_at, now) + self.file_s
        return self.done_at


class _SharedHub:
    """The Hub's windows, which all clients share, and the clock that they have in common."""

    def __init__(self, quota: Mapping[Bucket, int], window_s: float) -> None:
        self.now = 0.0
        self.refused = 0
        self.requests: dict[Bucket, int] = dict.fromkeys(quota, 0)
        self._windows = {
            bucket: FixedWindow(bucket, quota[bucket], window_s, clock=lambda: self.now) for bucket in quota
        }
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Let something happen at a moment."""
        self._order += 1
        heapq.heappush(self._due, (moment, self._order, act))

    def run(self) -> None:
        """Let all happen that there is."""
        while self._due:
            self.now, _, act = heapq.heappop(self._due)
            act()

    def ask(self, client: _Client) -> None:
        """One request of a client, now or when its limiter lets it go."""
        bucket = client.bucket
        if delay_s := client.delay_s(self.now):
            self.at(self.now + delay_s, partial(self.ask, client))
            return
        client.limiter.spend(bucket, self.now)
        self.requests[bucket] += 1
        granted = self._windows[bucket].take()
        headers = {name.lower(): value for name, value in self._windows[bucket].headers().items()}
        self.at(self.now + client.answer_s, partial(self._answered, client, bucket, headers, granted))

    def _answered(self, client: _Client, bucket: Bucket, headers: Mapping[str, str], granted: bool) -> None:
        client.limiter.observe(headers, self.now)
        if not granted:
            self.refused += 1
            client.limiter.pause(bucket, told_wait_s(headers) or 0.0, self.now)
            self.ask(client)
        elif bucket == "api":
            client.pages -= 1
            for _ in range(1 if client.pages else client.begin()):
                self.ask(client)
        else:
            client.files -= 1
            there = client.bring(self.now)
            if client.files >= FILES_AT_ONCE:
                self.at(there, partial(self.ask, client))


def simulate(
    work: Work, machines: int, quota: Mapping[Bucket, int], machine: Machine, *, window_s: float = 300
) -> Outcome:
    """Bring a dataset by as many shards as there are machines, which begin at one moment.

    Args:
        work: What is brought; every machine lists all of it.
        machines: How many.
        quota: Requests a window, of all machines together.
        machine: What each can do.
        window_s: Of the Hub.
    """
    # One request for the commit, then the pages.
    pages = 1 + -(-work.files // PAGE_FILES)
    shares = [work.files // machines + (number < work.files % machines) for number in range(machines)]
    clients = [_Client(machine, pages, files, work.file_bytes) for files in shares]
    hub = _SharedHub(quota, window_s)
    for client in clients:
        hub.ask(client)
    hub.run()
    seconds = max(hub.now, *(each.done_at for each in clients))
    return Outcome(seconds, hub.requests, hub.refused, max(each.waited_s for each in clients))
