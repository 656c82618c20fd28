"""Calls that are made once for all who wait for the same answer."""

import anyio
import pytest

from hfsvc.aio.coalesce import SharedCalls


class Question:
    """Counts how often it is asked, and answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False
        self.began = anyio.Event()
        self.go_on = anyio.Event()

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        self.began.set()
        await self.go_on.wait()
        if self.fails:
            raise LookupError("no")
        return number


async def test_those_who_ask_before_a_call_begins_share_it() -> None:
    calls, question, found = SharedCalls[int](), Question(), list[int]()

    async def ask() -> None:
        found.append(await calls.get("a", question))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await question.began.wait()
        for _ in range(10):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        question.go_on.set()
    # The first one's answer may be older than what the others asked for.
    assert sorted(found) == [1, *[2] * 10]


async def test_keys_are_asked_apart_and_nothing_is_kept() -> None:
    calls, question = SharedCalls[int](), Question()
    question.go_on.set()
    assert [await calls.get(key, question) for key in "aab"] == [1, 2, 3]


async def test_an_error_is_shared_each_its_own() -> None:
    calls, question, caught = SharedCalls[int](), Question(), list[Exception]()
    question.fails = True

    async def ask() -> None:
        with pytest.raises(LookupError) as failed:
            await calls.get("a", question)
        caught.append(failed.value)

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        question.go_on.set()
    assert question.asked == 1
    assert len({id(error) for error in caught}) == 10
    assert {str(error) for error in caught} == {"no"}


async def test_a_call_whose_maker_is_cancelled_is_made_by_the_next() -> None:
    calls, question, found = SharedCalls[int](), Question(), list[int]()

    async def ask(scope: anyio.CancelScope) -> None:
        with scope:
            found.append(await calls.get("a", question))

    scopes = [anyio.CancelScope() for _ in range(4)]
    async with anyio.create_task_group() as group:
        for scope in scopes:
            group.start_soon(ask, scope)
        await anyio.wait_all_tasks_blocked()
        scopes[0].cancel()
        await anyio.wait_all_tasks_blocked()
        scopes[1].cancel()
        await anyio.wait_all_tasks_blocked()
        question.go_on.set()
    assert found == [3, 3]
