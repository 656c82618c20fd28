"""An Arrow reader without an event loop of one's own."""

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from hfsvc import open_reader
from hfsvc.errors import InvalidArgument, NotDownloaded

from ..trajectories.tables import parquet, rows


@pytest.fixture(autouse=True)
def store(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HFSVC_ROOT", str(root))


@pytest.fixture
def runs(tmp_path: Path) -> str:
    path = tmp_path / "runs.parquet"
    path.write_bytes(parquet(rows(90), row_group_size=20))
    return str(path)


def test_it_reads_what_is_asked_for(runs: str) -> None:
    table = open_reader(runs, columns="task", cursor_column="at", where="task_1", limit=3).read_all()
    assert table["task"].to_pylist() == ["task_1", "task_10", "task_11"]
    cursor = table["at"].to_pylist()[-1]
    rest = open_reader(runs, form="atif", columns="row", where="task_1", cursor=cursor).read_all()
    assert rest["row"].to_pylist() == [*range(12, 20)]


async def test_it_opens_under_a_running_loop_too(runs: str) -> None:
    assert open_reader(runs, columns="task").read_all().num_rows == 90


def test_what_is_not_there_is_told(runs: str, root: Path) -> None:
    with pytest.raises(InvalidArgument):
        open_reader(runs, columns="nope")
    with pytest.raises(NotDownloaded):
        open_reader("acme/nothing", root=root)


def tasks_of(runs: str, index: int) -> list[str]:
    found: list[str] = open_reader(runs, columns="task", shard=(index, 3)).read_all()["task"].to_pylist()
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="no process is forked there")
@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_workers_share_the_rows(runs: str, how: str) -> None:
    with ProcessPoolExecutor(3, mp_context=get_context(how)) as pool:
        found = [*pool.map(tasks_of, [runs] * 3, range(3))]
    assert [task for part in found for task in part] == [f"task_{n}" for n in range(90)]
