"""Rows without an event loop of one's own: equal to the stream, closed by a break, from any process."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from hfsvc import Settings, iter_rows, join_cursors, open_container
from hfsvc.errors import InvalidArgument, NotDownloaded

from ..trajectories.tables import parquet, rows


@pytest.fixture
def runs(tmp_path: Path) -> str:
    path = tmp_path / "runs.parquet"
    path.write_bytes(parquet(rows(300)))
    return str(path)


@pytest.fixture(autouse=True)
def store(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HFSVC_ROOT", str(root))


def threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if not each.name.startswith("AnyIO worker")}


async def test_rows_are_those_of_the_stream(runs: str, root: Path) -> None:
    async with open_container(Settings(root=root)) as container:
        streamed = [each async for each in container.source(runs, style="structured").stream_rows(where="task_1")]
    assert list(iter_rows(runs, style="structured", where="task_1")) == streamed


def test_a_cursor_goes_on(runs: str) -> None:
    with iter_rows(runs) as first:
        seen = [next(first) for _ in range(130)]
    rest = iter_rows(runs, cursor=seen[-1].cursor)
    assert [each.row for each in rest] == [*range(130, 300)]
    assert rest.record.left_out == {"cursor": 130}
    assert (rest.record.read, rest.record.written) == (300, 170)


def test_a_break_ends_the_thread(runs: str) -> None:
    before = threads()
    for row in iter_rows(runs):
        if row.row == 70:
            break
    assert threads() == before


def test_an_error_is_raised_at_the_first_row_and_ends_the_thread(runs: str) -> None:
    before = threads()
    with pytest.raises(NotDownloaded):
        next(iter_rows("acme/not-here"))
    with pytest.raises(InvalidArgument):
        next(iter_rows(runs, dedupe="nofield"))
    assert threads() == before


def test_the_root_may_be_text(tmp_path: Path) -> None:
    with pytest.raises(NotDownloaded):
        next(iter_rows("acme/not-here", root=str(tmp_path / "elsewhere")))


def part_of(asked: tuple[str, dict[str, Any]]) -> list[tuple[int, str]]:
    name, where = asked
    return [(each.row, each.cursor) for each in iter_rows(name, **where)]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_share_the_rows_and_fewer_go_on(runs: str, method: str) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        firsts = pool.map(part_of, [(runs, {"shard": (index, 4), "stripe": True, "limit": 9}) for index in range(4)])
        begun = list(firsts)
        whole = join_cursors([part[-1][1] for part in begun])
        rest = list(pool.map(part_of, [(runs, {"shard": (index, 2), "cursor": whole}) for index in range(2)]))
    assert sorted(row for part in [*begun, *rest] for row, _ in part) == [*range(300)]


def test_many_iterators_in_one_process_one_after_the_other(runs: str) -> None:
    code = f"from hfsvc import iter_rows\nfor _ in range(12): print(next(iter_rows({runs!r})).row)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, ["0"] * 12), done.stderr


@pytest.mark.parametrize("end", ["pass", "raise SystemExit(3)", "raise ValueError", "del rows"])
def test_a_program_ends_with_rows_that_nobody_asks_for_any_more(tmp_path: Path, end: str) -> None:
    # Of many rows: the thread has not come to their end.
    path = tmp_path / "long.parquet"
    path.write_bytes(parquet(rows(5000), row_group_size=500))
    code = f"from hfsvc import iter_rows\nrows = iter_rows({str(path)!r})\nprint(next(rows).row)\n{end}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert done.stdout == "0\n", done.stderr
    assert done.returncode == {"raise SystemExit(3)": 3, "raise ValueError": 1}.get(end, 0)


FORKED = """
import gc, os, sys
from hfsvc import iter_rows
from hfsvc.errors import OtherProcess
path, act = sys.argv[1:]
rows = iter_rows(path)
next(rows)
child = os.fork()
if child == 0:
    if act == "next":
        try:
            next(rows)
        except OtherProcess:
            print("refused", flush=True)
    elif act == "close":
        rows.close()
    elif act == "drop":
        del rows
        gc.collect()
    print(len(list(iter_rows(path, stop=70))), flush=True)
    os._exit(0) if act != "exit" else sys.exit(0)
os.waitpid(child, 0)
print(len(list(rows)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
@pytest.mark.parametrize("act", ["next", "close", "drop", "exit"])
def test_a_forked_process_leaves_the_rows_of_its_parent_alone(runs: str, act: str) -> None:
    done = subprocess.run([sys.executable, "-c", FORKED, runs, act], capture_output=True, text=True, timeout=50)
    said = ["refused"] if act == "next" else []
    assert (done.returncode, done.stdout.split()) == (0, [*said, "70", "299"]), done.stderr
