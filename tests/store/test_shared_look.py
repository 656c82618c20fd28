"""One look for all who ask at about the same time."""

import threading

import anyio
import pytest

from hfsvc.store.shared_look import SharedLook

pytestmark = pytest.mark.anyio


class Looks:
    """Counts looks; each one waits until it may end."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = threading.Semaphore(0)

    def __call__(self) -> int:
        self.begun += 1
        self.may_end.acquire()
        return self.begun


async def begun(looks: Looks, number: int) -> None:
    while looks.begun < number:
        await anyio.lowlevel.checkpoint()


async def test_who_asks_during_a_look_shares_the_next_one() -> None:
    looks, found = Looks(), list[int]()
    shared = SharedLook(looks)

    async def ask() -> None:
        found.append(await shared())

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await begun(looks, 1)
        for _ in range(5):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        looks.may_end.release(2)
    assert found == [1, 2, 2, 2, 2, 2]


async def test_each_look_is_a_new_one() -> None:
    looks = Looks()
    looks.may_end.release(2)
    shared = SharedLook(looks)
    assert [await shared(), await shared()] == [1, 2]


async def test_who_shares_a_look_that_is_given_up_or_fails_looks_again() -> None:
    looks, found, failures = Looks(), list[int](), [OSError("gone")]

    def look() -> int:
        number = looks()
        if number == 2 and failures:
            raise failures.pop()
        return number

    shared, errors = SharedLook(look), list[OSError]()

    async def ask() -> None:
        try:
            found.append(await shared())
        except OSError as error:
            errors.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await begun(looks, 1)
        for _ in range(3):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        looks.may_end.release(3)
    assert (found, len(errors)) == ([1, 3, 3], 1)


async def test_who_shares_a_look_whose_first_asker_leaves_looks_again() -> None:
    looks, found = Looks(), list[int]()
    shared = SharedLook(looks)

    async def ask() -> None:
        found.append(await shared())

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await begun(looks, 1)
        async with anyio.create_task_group() as leaving:
            leaving.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            leaving.cancel_scope.cancel()
        looks.may_end.release(2)
    assert found == [1, 2]
