"""A batcher: small pieces of blocking work from many tasks, done together in one worker thread.

A thread for each of thousands costs more than the work itself, and takes turns with the event loop at every step.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import anyio
from anyio import lowlevel, to_thread

T = TypeVar("T")
R = TypeVar("R")


class _Call(Generic[T, R]):
    """An item, and what came of it: a result in a tuple of one, or an error."""

    def __init__(self, item: T) -> None:
        self.item = item
        self.result: tuple[R] | None = None
        self.error: Exception | None = None

    @property
    def is_open(self) -> bool:
        return self.result is None and self.error is None

    def run(self, work: Callable[[T], R]) -> None:
        try:
            self.result = (work(self.item),)
        except Exception as error:
            self.error = error


class ThreadBatcher(Generic[T, R]):
    """Does blocking work in batches: each takes everything that was submitted since the last one began.

    Args:
        work: Does one item. Called in a worker thread; what it raises is raised to whoever submitted that item.
        prepare: Called before, with all items of a batch; what it raises is raised to all who submitted them.
        at_once: Batches at a time. With two, one can be at work while the other one waits for the disk.
    """

    def __init__(
        self, work: Callable[[T], R], *, prepare: Callable[[Sequence[T]], None] | None = None, at_once: int = 2
    ) -> None:
        self._work = work
        self._prepare = prepare
        self._at_once = at_once
        self._waiting: list[_Call[T, R]] = []
        self._running = 0
        self._ended = anyio.Event()

    async def submit(self, item: T) -> R:
        """What came of `item`. Where it is cancelled before its batch begins, the item is not done at all."""
        call: _Call[T, R] = _Call(item)
        self._waiting.append(call)
        try:
            while call.is_open:
                may_lead = call in self._waiting and self._running < self._at_once
                await (self._run() if may_lead else self._ended.wait())
        finally:
            if call in self._waiting:
                self._waiting.remove(call)
        if call.error:
            raise call.error
        assert call.result is not None
        return call.result[0]

    async def _run(self) -> None:
        # Whoever comes first leads a batch for all who wait, also for those whose turn on the event loop comes next.
        calls: list[_Call[T, R]] = []
        self._running += 1
        try:
            await lowlevel.checkpoint()
            calls, self._waiting = self._waiting, []
            if calls:
                await to_thread.run_sync(self._run_all, calls)
        finally:
            # Where the leader was cancelled first, they are the next batch's.
            self._waiting[:0] = [call for call in calls if call.is_open]
            self._running -= 1
            self._ended.set()
            self._ended = anyio.Event()

    def _run_all(self, calls: Sequence[_Call[T, R]]) -> None:
        try:
            if self._prepare is not None:
                self._prepare([call.item for call in calls])
        except Exception as error:
            for call in calls:
                call.error = error
            return
        for call in calls:
            call.run(self._work)
