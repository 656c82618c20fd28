"""The events of a job as they are kept and told: a bounded log that watchers read at their own pace."""

from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

import anyio


class Told(NamedTuple):
    """An event that is kept. `number` counts from 1 over the job."""

    number: int
    name: str
    data: bytes


class EventLog:
    """Keeps the newest events of a job.

    Progress replaces the progress before it: what is lost first is what nobody needs.

    Args:
        kept: How many events are kept at most.

    Attributes:
        ended: True once nothing more is added.
        last: Number of the newest event; 0 before the first.
    """

    def __init__(self, kept: int) -> None:
        self.ended = False
        self.last = 0
        self._events: deque[Told] = deque(maxlen=kept)
        self._news = anyio.Event()

    def add(self, name: str, data: bytes, *, replaces: bool = False) -> None:
        """Add an event, and wake the watchers.

        Args:
            name: What kind of event it is.
            data: As JSON.
            replaces: Whether it stands for the newest one as well, if that is of the same kind.
        """
        if replaces and self._events and self._events[-1].name == name:
            self._events.pop()
        self.last += 1
        self._events.append(Told(self.last, name, data))
        self.wake()

    def end(self, name: str, data: bytes) -> None:
        """Add the last event."""
        self.ended = True
        self.add(name, data)

    def wake(self) -> None:
        """Let watchers look again."""
        self._news.set()
        self._news = anyio.Event()

    def since(self, number: int) -> list[Told]:
        """Kept events after one."""
        return [each for each in self._events if each.number > number]

    async def news(self, timeout_s: float) -> None:
        """Wait until there may be something new, but not for longer than a time."""
        with anyio.move_on_after(timeout_s):
            await self._news.wait()


def as_server_sent(told: Told) -> bytes:
    """An event as Server-Sent Events have it; its data is JSON, and so holds no line end. Pure."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (told.number, told.name.encode(), told.data)


async def watch(
    log: EventLog, after: int, *, closing: Callable[[], bool], beat_s: float
) -> AsyncGenerator[bytes, None]:
    """Kept events after one, then new ones as they come, to the last one.

    Args:
        log: Of a job.
        after: Number of the event that was seen last; 0 for none.
        closing: True when the server stops: then the stream ends, and the watcher may come back.
        beat_s: Seconds of silence after which a comment is sent, so that it is noticed when nobody reads any more.
    """
    yield b": hfsvc\n\n"
    while not closing():
        told = log.since(after)
        for each in told:
            yield as_server_sent(each)
            after = each.number
        if log.ended and after >= log.last:
            return
        if not told:
            await log.news(beat_s)
            if log.last <= after:
                yield b": still here\n\n"
