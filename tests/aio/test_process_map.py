"""Jobs in worker processes: results in order, deaths, errors, logs, and nothing left running."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import anyio
import pytest

from hfsvc.aio.process_map import AHEAD, JobLost, ordered_results, processes_of

from ..processes.children import children_of, needs_proc
from . import jobs
from .jobs import Killing, Unportable

J = TypeVar("J")
R = TypeVar("R")


async def results(work: Callable[[J], R], found: Iterable[J], workers: int = 2) -> list[R]:
    async with ordered_results(work, found, workers=workers) as made:
        return [result async for _, result in made]


async def test_results_come_in_the_order_of_jobs() -> None:
    assert await results(jobs.double, range(30)) == [*range(0, 60, 2)]
    assert await results(jobs.double, []) == []


async def test_a_result_waits_for_the_one_before_it(tmp_path: Path) -> None:
    names = ["late", "makelate"]
    assert await results(jobs.after, [tmp_path / name for name in names]) == names


async def test_jobs_are_taken_as_there_is_room() -> None:
    taken = most = 0

    def counted() -> Iterator[int]:
        nonlocal taken
        for number in range(40):
            taken += 1
            yield number

    async with ordered_results(jobs.double, counted(), workers=2) as made:
        done = 0
        async for _ in made:
            done += 1
            most = max(most, taken - done)
    assert done == 40
    assert most <= 2 * (1 + AHEAD)


async def test_an_error_is_raised_at_its_turn_with_the_workers_trace() -> None:
    found = list[tuple[int, float]]()

    async def take() -> None:
        async with ordered_results(jobs.divide, [1, 2, 0, 4], workers=2) as made:
            async for each in made:
                found.append(each)

    with pytest.raises(ZeroDivisionError) as raised:
        await take()
    assert found == [(1, 1.0), (2, 0.5)]
    assert "in divide" in raised.value.__notes__[0]


async def test_an_error_that_cannot_cross_is_told_in_words() -> None:
    with pytest.raises(RuntimeError, match="Unportable"):
        await results(jobs.fail_unportably, [1])
    with pytest.raises(TypeError):
        raise Unportable("only one")  # type: ignore[call-arg]


async def test_a_job_whose_worker_dies_is_done_once_more(tmp_path: Path) -> None:
    assert await results(jobs.kill, [Killing(tmp_path, 1)] * 3) == ["done"] * 3


async def test_a_job_that_kills_two_workers_is_named(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    found = [Killing(tmp_path, 0), Killing(tmp_path / "two", 2), Killing(tmp_path, 0)]
    with pytest.raises(JobLost) as lost:
        await results(jobs.kill, found)
    assert (lost.value.job, lost.value.code) == (found[1], -9)


@needs_proc
async def test_no_process_is_left_however_it_ends(tmp_path: Path) -> None:
    before = children_of(os.getpid())
    async with ordered_results(jobs.double, range(100), workers=2) as made:
        await anext(aiter(made))
        assert children_of(os.getpid()) - before
    assert children_of(os.getpid()) == before
    with anyio.CancelScope() as scope:
        async with ordered_results(jobs.forever, [tmp_path / "1", tmp_path / "2"], workers=2):
            while len(list(tmp_path.iterdir())) < 2:
                await anyio.lowlevel.checkpoint()
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert children_of(os.getpid()) == before


async def test_what_a_worker_logs_is_logged_here_and_what_it_prints_harms_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await results(jobs.say, ["this", "that"], workers=1) == ["this", "that"]
    told = [record.getMessage() for record in caplog.records if record.name == jobs.__name__]
    assert told == ["this was said", "that was said"]
    assert sum("this again" in record.getMessage() for record in caplog.records) == 1
    caplog.clear()
    logging.getLogger(jobs.__name__).setLevel(logging.ERROR)
    try:
        await results(jobs.say, ["nothing"], workers=1)
    finally:
        logging.getLogger(jobs.__name__).setLevel(logging.NOTSET)
    assert "nothing was said" not in caplog.text


async def test_a_worker_hears_no_interrupt() -> None:
    assert await results(jobs.interrupted, [1], workers=1) == ["it goes on"]


async def test_a_worker_loads_what_it_is_asked_to_call_and_no_more() -> None:
    (loaded,) = await results(jobs.modules_loaded, [1], workers=1)
    assert not loaded & {"pyarrow", "httpx", "click", "pytest", "dependency_injector"}


SCRIPT = """
import asyncio
from hfsvc.aio.process_map import ordered_results
from tests.aio.jobs import double

async def main():
    async with ordered_results(double, range(3), workers=2) as made:
        print([result async for _, result in made])

asyncio.run(main())
"""


def test_a_script_needs_no_guard_and_may_have_closed_its_outputs(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert (done.stdout, done.stderr) == ("[0, 2, 4]\n", "")
    closed = subprocess.run(["sh", "-c", 'exec "$@" 2>&-', "sh", *command], stdout=subprocess.PIPE, text=True, env=env)
    assert closed.stdout == "[0, 2, 4]\n"


def test_zero_workers_are_one_for_each_core() -> None:
    assert processes_of(3) == 3
    assert processes_of(0) >= 1
