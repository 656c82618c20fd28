"""``--workers`` of the real command: workers that are killed, and Ctrl-C."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from ..processes.children import LOOK_EVERY_S, children_of, needs_proc, until_found
from ..trajectories.tables import parquet, row
from .command import ALIAS, RUN, Command, finish

pytestmark = needs_proc
NAME = "runs"


@cache
def content() -> bytes:
    """A file that takes a moment to export."""
    said = [{"role": "user" if turn % 2 == 0 else "assistant", "content": f"turn {turn} " * 60} for turn in range(40)]
    return parquet([row(each, conversations=said) for each in range(400)], row_group_size=100, use_dictionary=False)


@pytest.fixture
def runs(work: Path) -> Path:
    """Files of one's own."""
    (work / NAME).mkdir()
    for number in range(3):
        (work / NAME / f"{number}.parquet").write_bytes(content())
    return work / NAME


def kill_all(processes: set[int]) -> None:
    for each in processes:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def alive(processes: set[int]) -> set[int]:
    return {each for each in processes if Path(f"/proc/{each}").exists()}


def test_a_worker_that_is_killed_costs_nothing_but_time(hfsvc: Command, work: Path, runs: Path) -> None:
    hfsvc.succeeds("export", f"./{NAME}", "-o", "alone.jsonl", "-q")
    with hfsvc.start("export", f"./{NAME}", "-o", "a.jsonl", "--workers", "2", "-q") as process:
        kill_all({min(until_found(lambda: children_of(process.pid)))})
        ended = finish(process)
    assert (ended.code, ended.out, ended.err) == (0, "a.jsonl\n", "")
    assert (work / "a.jsonl").read_bytes() == (work / "alone.jsonl").read_bytes()


def test_rows_over_which_two_workers_die_are_named(hfsvc: Command, work: Path, runs: Path) -> None:
    with hfsvc.start("export", f"./{NAME}", "-o", "a.jsonl", "--workers", "2") as process:
        while process.poll() is None:
            kill_all(children_of(process.pid))
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_EVERY_S)
        ended = finish(process)
    assert ended.code == 7
    assert ended.sentence.startswith("Two worker processes died one after the other over rows 0 to ")
    assert " of 0.parquet, the last one of signal 9:" in ended.sentence
    assert sorted(each.name for each in work.iterdir()) == [NAME]


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Terminated")]
)
def test_an_export_that_is_stopped_leaves_no_process_and_no_file(
    hfsvc: Command, work: Path, runs: Path, number: signal.Signals, code: int, word: str
) -> None:
    with hfsvc.start("export", f"./{NAME}", "-o", "a.jsonl", "--workers", "2") as process:
        workers = until_found(lambda: children_of(process.pid))
        process.send_signal(number)
        ended = finish(process)
    assert ended.code == code
    assert ended.err.strip().startswith(f"{word}; nothing is kept of a.jsonl.")
    assert not alive(workers)
    assert sorted(each.name for each in work.iterdir()) == [NAME]


def test_a_reader_that_leaves_ends_a_stream_and_its_workers(hfsvc: Command, runs: Path) -> None:
    with hfsvc.start("export", f"./{NAME}", "-o", "-", "--workers", "2", "-q") as process:
        assert process.stdout is not None
        workers = until_found(lambda: children_of(process.pid))
        assert process.stdout.read(1) == b"{"
        process.stdout.close()
        assert process.wait() == 0
        assert process.stderr is not None
        assert not process.stderr.read()
    assert not alive(workers)


def test_workers_and_ray_are_not_given_together(downloaded: Command) -> None:
    ended = downloaded("export", ALIAS, "-o", "a.jsonl", "--engine", "ray", "--workers", "2")
    assert ended.code == 2
    assert "--engine or --workers" in ended.sentence


def test_ctrl_c_at_a_terminal_reaches_the_command_alone(hfsvc: Command, work: Path, runs: Path) -> None:
    # All processes of a terminal's session get it.
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "export", f"./{NAME}", "-o", "a.jsonl", "--workers", "2"],
        env=hfsvc.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        workers = until_found(lambda: children_of(process.pid))
        os.killpg(process.pid, signal.SIGINT)
        ended = finish(process)
    assert ended.code == 130
    assert ended.err.strip() == "Interrupted; nothing is kept of a.jsonl."
    assert not alive(workers)


def test_workers_of_a_command_that_is_killed_end_and_the_next_one_clears_up(
    hfsvc: Command, work: Path, runs: Path
) -> None:
    with hfsvc.start("export", f"./{NAME}", "-o", "a.jsonl", "--workers", "2") as process:
        workers = until_found(lambda: children_of(process.pid))
        # The folder of what they make, beside the file in the making.
        until_found(lambda: [each for each in work.glob(".a.jsonl.*.part") if each.is_dir()])
        process.kill()
        process.wait()
    until_found(lambda: not alive(workers))
    assert not (work / "a.jsonl").exists()
    hfsvc.succeeds("export", f"./{NAME}", "-o", "a.jsonl", "--stop", "3", "-q")
    assert sorted(each.name for each in work.iterdir() if each.name != ".openagents") == ["a.jsonl", NAME]
