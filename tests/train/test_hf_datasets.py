"""Datasets of the library ``datasets``: every row once, over any number of readers."""

from pathlib import Path
from typing import Any

import pytest

from hfsvc.models import TrajectoryRow

from ..trajectories.tables import parquet, rows

datasets = pytest.importorskip("datasets", reason="datasets is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def runs(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HFSVC_ROOT", str(root))
    path = tmp_path / "runs.parquet"
    path.write_bytes(parquet(rows(100)))
    return str(path)


def example(row: TrajectoryRow) -> dict[str, Any]:
    return {
        "row": row.row,
        "messages": [{"role": each.source, "content": each.message} for each in row.trajectory.steps],
    }


def test_a_stream_of_examples_is_divided_among_nodes(runs: str) -> None:
    from datasets.distributed import split_dataset_by_node

    from hfsvc.train.hf_datasets import stream_dataset

    made = stream_dataset(runs, example, shards=4)
    assert sorted(each["row"] for each in made) == [*range(100)]
    parts = [[each["row"] for each in split_dataset_by_node(made, rank=rank, world_size=2)] for rank in range(2)]
    assert sorted(row for part in parts for row in part) == [*range(100)]
    assert all(parts)


def test_a_table_of_examples_lies_in_the_cache(runs: str, tmp_path: Path) -> None:
    from hfsvc.train.hf_datasets import build_dataset

    made = build_dataset(runs, example, where="task_1", cache_dir=str(tmp_path / "cache"))
    assert made["row"][:3] == [1, 10, 11]
    assert made[0]["messages"][0]["content"]
