"""One look for all who ask at about the same time."""

import threading
from collections.abc import Callable

import anyio
from anyio.abc import TaskGroup

from hfsvc.aio.coalesce import CoalescedCall


class Looks:
    """Counts looks; each one waits until it may end."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = threading.Semaphore(0)

    def __call__(self) -> int:
        self.begun += 1
        self.may_end.acquire()
        return self.begun


class Asking:
    """Asks, and keeps what came of it."""

    def __init__(self, look: Callable[[], int]) -> None:
        self.found: list[int] = []
        self.errors: list[OSError] = []
        self._shared = CoalescedCall(look)

    async def __call__(self) -> None:
        try:
            self.found.append(await self._shared())
        except OSError as error:
            self.errors.append(error)


async def begin(group: TaskGroup, ask: Asking, looks: Looks, *, others: int = 0) -> None:
    """Have a first one ask, and others while its look is under way."""
    group.start_soon(ask)
    while not looks.begun:
        await anyio.lowlevel.checkpoint()
    for _ in range(others):
        group.start_soon(ask)
    await anyio.wait_all_tasks_blocked()


async def test_who_asks_during_a_look_shares_the_next_one() -> None:
    looks = Looks()
    ask = Asking(looks)
    async with anyio.create_task_group() as group:
        await begin(group, ask, looks, others=5)
        looks.may_end.release(2)
    assert ask.found == [1, 2, 2, 2, 2, 2]


async def test_each_look_is_a_new_one() -> None:
    looks = Looks()
    looks.may_end.release(2)
    shared = CoalescedCall(looks)
    assert [await shared(), await shared()] == [1, 2]


async def test_who_shares_a_look_that_fails_looks_again() -> None:
    looks, failures = Looks(), [OSError("gone")]

    def look() -> int:
        number = looks()
        if number == 2 and failures:
            raise failures.pop()
        return number

    ask = Asking(look)
    async with anyio.create_task_group() as group:
        await begin(group, ask, looks, others=3)
        looks.may_end.release(3)
    assert (ask.found, len(ask.errors)) == ([1, 3, 3], 1)


async def test_who_leaves_before_the_look_begins_takes_it_from_nobody() -> None:
    looks = Looks()
    ask = Asking(looks)
    async with anyio.create_task_group() as group:
        await begin(group, ask, looks)
        async with anyio.create_task_group() as leaving:
            leaving.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            leaving.cancel_scope.cancel()
        looks.may_end.release(2)
    assert ask.found == [1, 2]
