"""Splits of an export: a file each, no value in two of them; and the record of what was written."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from hfsvc.errors import InvalidArgument
from hfsvc.export import ExportRequest, export_splits, export_trajectories, shares_of
from hfsvc.models import SplitShare
from hfsvc.protocols import TrajectorySource

from ..trajectories.tables import open_source, parquet, row

ROWS = [row(number, task=f"t{number % 25}") for number in range(100)]


async def open_share(root: Path, share: SplitShare | None = None) -> TrajectorySource:
    return await open_source(root, {"a.parquet": parquet(ROWS)}, share=share)


async def test_each_split_is_a_file_and_no_task_is_in_two(root: Path, tmp_path: Path) -> None:
    shares = shares_of({"train": 0.7, "test": 0.3}, by="task", seed=7)
    sources = {share: await open_share(root, share) for share in shares.values()}
    done = await export_splits(sources.__getitem__, ExportRequest(path=tmp_path / "runs.jsonl"), shares)
    assert {name: each.path for name, each in done.items()} == {
        "train": tmp_path / "runs-train.jsonl",
        "test": tmp_path / "runs-test.jsonl",
    }
    tasks = [
        {json.loads(line)["extra"]["task"] for line in each.path.read_text().splitlines()}
        for each in done.values()
        if each.path
    ]
    assert tasks[0]
    assert tasks[1]
    assert not tasks[0] & tasks[1]
    assert sum(each.rows for each in done.values()) == 100
    assert all(each.record.left_out == {"split": 100 - each.rows} for each in done.values())


@pytest.mark.parametrize("splits", [{"a": 0.0}, {"a": -1.0}, {"a": 1.5}, {"a": 0.6, "b": 0.6}, {"a": float("nan")}])
def test_fractions_that_are_none_are_refused(splits: Mapping[str, float]) -> None:
    with pytest.raises(InvalidArgument, match="fractions"):
        shares_of(splits, by="task", seed=1)


def test_thirds_are_whole() -> None:
    shares = shares_of({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, by="task", seed=1)
    assert [each.stop for each in shares.values()][-1] == 1.0


async def test_the_record_tells_what_became_of_every_row(root: Path, tmp_path: Path) -> None:
    source = await open_share(root)
    done = await export_trajectories(source, ExportRequest(path=tmp_path / "a.jsonl", where="task:t1", limit=5))
    assert (done.rows, done.record.read, done.record.written) == (5, 100, 5)
    assert done.record.left_out == {"query": 100 - 44, "limit": 39}
