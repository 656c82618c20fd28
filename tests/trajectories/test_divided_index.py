"""The first index of a dataset, made by several processes: what it answers is what one process's answers."""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from hfsvc.errors import WorkerLost
from hfsvc.models import SummaryPage
from hfsvc.trajectories import divided_reading
from hfsvc.trajectories.source import FileTrajectorySource

from ..processes.children import children_of, needs_proc
from .tables import numbers, open_source, parquet, row, rows

ROWS = [
    row(n, conversations=[] if n % 50 == 3 else row(n % 90)["conversations"], result=str(n % 3)) for n in range(2500)
]
FILES = {
    "a.parquet": parquet(ROWS, row_group_size=300),
    "b.parquet": parquet(rows(90, 400)),
    "c.jsonl": b"".join(json.dumps(row(n)).encode() + b"\n" for n in range(30)),
    "d.parquet": parquet(rows(7, 900), row_group_size=2),
}
QUERY = "run_id:run-1 task_1"


@pytest.fixture(autouse=True)
def _many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divided_reading, "LEAST_BYTES", 20_000)


def sidecars(root: Path) -> dict[str, bytes]:
    found = sorted(root.rglob("*.summaries")) + sorted(root.rglob("*.digests"))
    return {path.name: path.read_bytes() for path in found}


async def answers(source: FileTrajectorySource) -> tuple[SummaryPage, int, Any]:
    page = await source.list_summaries(5, 900, QUERY)
    return page, await source.count(where=QUERY), await source.count_values("result", QUERY)


async def test_lists_and_counts_are_the_same(tmp_path: Path) -> None:
    alone = await open_source(tmp_path / "1", FILES)
    together = await open_source(tmp_path / "2", FILES)
    told = list[tuple[int, int]]()
    together.use_workers(2)
    together.watch(lambda done, total: told.append((done, total)))
    page, *others = await answers(together)
    assert (page, *others) == await answers(alone)
    assert page.total > 500
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) > 3
    assert told[-1] == (2627, 2627)
    assert len(sidecars(tmp_path / "2")) == 4


async def test_choices_are_the_same(tmp_path: Path) -> None:
    choice: dict[str, Any] = {"dedupe": "exact", "prefer": "best", "result": "success", "on_bad_row": "skip"}
    alone = await open_source(tmp_path / "1", FILES, **choice)
    together = await open_source(tmp_path / "2", FILES, **choice)
    together.use_workers(2)
    assert await numbers(together) == await numbers(alone)
    assert len(sidecars(tmp_path / "2")) == 8


async def test_what_is_written_down_already_is_not_made_again(tmp_path: Path) -> None:
    first = await open_source(tmp_path, FILES)
    await first.count(where=QUERY)
    before = sidecars(tmp_path)
    lost = next(iter(before))
    next(tmp_path.rglob(lost)).unlink()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.summaries")}
    again = await open_source(tmp_path, FILES)
    again.use_workers(2)
    assert await again.count(where=QUERY) == await first.count(where=QUERY)
    assert sidecars(tmp_path).keys() == before.keys()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


@needs_proc
async def test_rows_that_kill_workers_are_named_and_nothing_is_left(tmp_path: Path) -> None:
    source = await open_source(tmp_path, FILES)
    source.use_workers(2)

    def kill(_done: int, _total: int) -> None:
        raise AssertionError("no row is done")

    source.watch(kill)
    killer = _KillsChildren()
    with killer, pytest.raises(WorkerLost, match=r"rows 0 to \d+ of a\.parquet"):
        await source.count(where=QUERY)
    assert children_of(os.getpid()) == set()
    assert sidecars(tmp_path) == {}


class _KillsChildren:
    """Kills every child of this process as soon as there is one, in a thread."""

    def __enter__(self) -> None:
        self._ended = Event()
        self._thread = Thread(target=self._kill)
        self._thread.start()

    def _kill(self) -> None:
        while not self._ended.is_set():
            for each in children_of(os.getpid()):
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
