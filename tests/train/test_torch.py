"""The dataset of PyTorch: each row once over ranks and workers, and resumed where it stopped."""

from pathlib import Path
from typing import Any

import pytest

from hfsvc import join_cursors

from ..trajectories.tables import parquet, rows

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
# What PyTorch warns of is its own.
pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = 203


@pytest.fixture
def runs(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HFSVC_ROOT", str(root))
    path = tmp_path / "runs.parquet"
    path.write_bytes(parquet(rows(ROWS)))
    return str(path)


def number(row: Any) -> int:
    return int(row.row)


def dataset(name: str, **settings: Any) -> Any:
    from hfsvc.train.torch import TrajectoryIterableDataset

    return TrajectoryIterableDataset(name, map=number, **settings)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_each_row_comes_once_over_all_workers(runs: str, method: str) -> None:
    from torch.utils.data import DataLoader

    loader: Any = DataLoader(dataset(runs), batch_size=None, num_workers=3, multiprocessing_context=method)
    assert sorted(loader) == [*range(ROWS)]
    assert sorted(loader) == [*range(ROWS)]


def test_ranks_share_the_rows(runs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [[*dataset(runs, rank=rank, world_size=4)] for rank in range(4)]
    assert sorted(row for part in parts for row in part) == [*range(ROWS)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert [*dataset(runs)] == parts[1]


def test_a_saved_state_goes_on_and_the_next_epoch_begins_anew(runs: str) -> None:
    first = dataset(runs)
    rows = iter(first)
    seen = [next(rows) for _ in range(50)]
    again = dataset(runs)
    again.load_state_dict(first.state_dict())
    assert [*seen, *again] == [*range(ROWS)]
    assert [*again] == [*range(ROWS)]


@pytest.mark.parametrize("workers", [0, 2])
def test_what_was_only_looked_at_is_not_left_out(runs: str, workers: int) -> None:
    from torch.utils.data import DataLoader

    rows = dataset(runs)
    assert next(iter(rows)) == 0
    loader: Any = DataLoader(rows, batch_size=None, num_workers=workers)
    assert sorted(loader) == [*range(ROWS)]
    for _ in loader:
        break
    assert sorted(loader) == [*range(ROWS)]


def test_other_numbers_of_ranks_go_on(runs: str) -> None:
    seen: list[int] = []
    cursors: list[str | None] = []
    for rank in range(3):
        part = dataset(runs, rank=rank, world_size=3)
        rows = iter(part)
        seen += [next(rows) for _ in range(rank * 10)]
        cursors.append(part.state_dict()["cursor"])
    whole = join_cursors(cursors)
    for rank in range(2):
        part = dataset(runs, rank=rank, world_size=2)
        part.load_state_dict({"cursor": whole})
        seen += [*part]
    assert sorted(seen) == [*range(ROWS)]


def test_a_stateful_loader_resumes(runs: str) -> None:
    stateful = pytest.importorskip("torchdata.stateful_dataloader", reason="torchdata is not installed")

    def loader() -> Any:
        return stateful.StatefulDataLoader(dataset(runs), batch_size=7, num_workers=2)

    first = loader()
    batches = iter(first)
    seen = [next(batches) for _ in range(5)]
    state = first.state_dict()
    del batches
    second = loader()
    second.load_state_dict(state)
    rest = list(second)
    found = [int(row) for batch in [*seen, *rest] for row in batch]
    assert sorted(found) == [*range(ROWS)]
