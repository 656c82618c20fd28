"""Work that gathers while a round runs. The first item waits for the test, so every order is the one written here."""

import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio import to_thread, wait_all_tasks_blocked
from anyio.abc import TaskGroup

from hfsvc.aio.batching import ThreadBatcher

FIRST = 1


class Doubling:
    """Doubles numbers; the first one only once the test lets it."""

    def __init__(self, *, at_once: int = 1) -> None:
        self.begun: list[int] = []
        self.results: dict[int, int | str] = {}
        self.at_work = threading.Event()
        self.may_end = threading.Event()
        self.rounds = ThreadBatcher(self._double, at_once=at_once)

    def _double(self, number: int) -> int:
        self.begun.append(number)
        if number == FIRST:
            self.at_work.set()
            assert self.may_end.wait(timeout=10)
        if number < 0:
            raise ValueError(number)
        return 2 * number

    async def ask(self, number: int) -> None:
        try:
            self.results[number] = await self.rounds.submit(number)
        except ValueError as error:
            self.results[number] = f"refused {error}"

    async def ask_in(self, scope: anyio.CancelScope, number: int) -> None:
        with scope:
            await self.ask(number)

    @asynccontextmanager
    async def first_at_work(self, scope: anyio.CancelScope) -> AsyncIterator[TaskGroup]:
        """The first item keeps a round busy; it is let go at the end, when everyone else waits."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self.ask_in, scope, FIRST)
                await to_thread.run_sync(self.at_work.wait, 10)
                yield group
                await wait_all_tasks_blocked()
                self.may_end.set()
        finally:
            self.may_end.set()


async def test_what_comes_while_a_round_runs_waits_for_its_end() -> None:
    work = Doubling()
    async with work.first_at_work(anyio.CancelScope()) as group:
        group.start_soon(work.ask, 2)
        group.start_soon(work.ask, 3)
        await wait_all_tasks_blocked()
        assert work.begun == [FIRST]
    assert work.results == {FIRST: 2, 2: 4, 3: 6}


async def test_a_second_round_need_not_wait_for_the_first() -> None:
    work = Doubling(at_once=2)
    async with work.first_at_work(anyio.CancelScope()):
        with anyio.fail_after(10):
            await work.ask(2)
        assert work.results == {2: 4}
    assert work.results == {FIRST: 2, 2: 4}


async def test_an_error_is_told_only_to_who_asked() -> None:
    work = Doubling()
    async with work.first_at_work(anyio.CancelScope()) as group:
        for number in (2, -3, 4):
            group.start_soon(work.ask, number)
    assert work.results == {FIRST: 2, 2: 4, -3: "refused -3", 4: 8}


async def test_a_caller_cancelled_before_its_round_takes_its_item_back() -> None:
    work, given_up = Doubling(), anyio.CancelScope()
    async with work.first_at_work(anyio.CancelScope()) as group:
        group.start_soon(work.ask_in, given_up, 2)
        group.start_soon(work.ask, 3)
        await wait_all_tasks_blocked()
        given_up.cancel()
    assert work.begun == [FIRST, 3]
    assert work.results == {FIRST: 2, 3: 6}


async def test_a_caller_cancelled_in_its_round_waits_for_it_and_the_next_one_goes_on() -> None:
    work, given_up = Doubling(), anyio.CancelScope()
    async with work.first_at_work(given_up) as group:
        group.start_soon(work.ask, 2)
        await wait_all_tasks_blocked()
        given_up.cancel()
        await wait_all_tasks_blocked()
        assert work.begun == [FIRST]
    assert work.begun == [FIRST, 2]
    assert work.results[2] == 4


async def test_a_leader_cancelled_before_its_round_leaves_it_to_the_next() -> None:
    work, given_up = Doubling(), anyio.CancelScope()
    work.may_end.set()
    given_up.cancel()
    async with anyio.create_task_group() as group:
        group.start_soon(work.ask_in, given_up, 2)
        group.start_soon(work.ask, 3)
    assert work.begun == [3]
    assert work.results == {3: 6}


async def test_what_a_batch_needs_is_done_once_before_it() -> None:
    order: list[Sequence[int] | int] = []

    def prepare(items: Sequence[int]) -> None:
        order.append(items)

    rounds: ThreadBatcher[int, None] = ThreadBatcher(order.append, prepare=prepare)
    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(rounds.submit, number)
    assert order == [[0, 1, 2], 0, 1, 2]


async def test_a_batch_that_lacks_what_it_needs_is_refused_to_all() -> None:
    def refuse(_: object) -> None:
        raise OSError("no place")

    done: list[int] = []
    rounds = ThreadBatcher(done.append, prepare=refuse)

    async def ask(number: int) -> None:
        with pytest.raises(OSError, match="no place"):
            await rounds.submit(number)

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(ask, number)
    assert not done
