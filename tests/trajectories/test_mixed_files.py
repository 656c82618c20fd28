"""Datasets of several kinds of files: those that hold trajectories are read, and the others told."""

import io
import json
import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv, feather

from hfsvc.errors import BadParquet
from hfsvc.models import DatasetRequest, FileLayout, ReadOptions
from hfsvc.testing import FakeDatasetService
from hfsvc.trajectories.judged_files import judge_files
from hfsvc.trajectories.source import FileTrajectorySource

from ..builders import REPO
from .tables import parquet

TABLE = pa.table({"task": ["t0", "t1"], "reward": [1.0, 0.0]})
ROWS = [
    {"messages": [{"role": "user", "content": f"q{row}"}, {"role": "assistant", "content": "a"}]} for row in range(3)
]
DOCUMENT = {
    "schema_version": "ATIF-v1.4",
    "session_id": "s",
    "agent": {"name": "a", "version": "1"},
    "steps": [{"step_id": 1, "source": "user", "message": "q"}],
}


def arrow(table: pa.Table) -> bytes:
    written = io.BytesIO()
    feather.write_feather(table, written, "uncompressed")
    return written.getvalue()


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def comma_separated(table: pa.Table) -> bytes:
    written = io.BytesIO()
    csv.write_csv(table, written)
    return written.getvalue()


STRAY = {
    "index.parquet": parquet(TABLE),
    "metadata.parquet": parquet(TABLE),
    "index.arrow": arrow(TABLE),
    "runs-index.jsonl": lines(TABLE.to_pylist()),
    "metadata.csv": comma_separated(TABLE),
    "tasks.json": json.dumps(TABLE.to_pylist()).encode(),
}
DATA = {
    "runs.parquet": (parquet(pa.Table.from_pylist(ROWS)), 3),
    "runs.arrow": (arrow(pa.Table.from_pylist(ROWS)), 3),
    "runs.jsonl": (lines(ROWS), 3),
    "runs.json": (json.dumps(ROWS).encode(), 3),
    "runs.csv": (comma_separated(pa.table({"messages": [json.dumps(row["messages"]) for row in ROWS]})), 3),
    "job/t/trajectory.json": (json.dumps(DOCUMENT).encode(), 1),
}


async def downloaded(root: Path, files: dict[str, bytes], **request: Any) -> FileTrajectorySource:
    datasets = FakeDatasetService(root, {REPO: files})
    await datasets.download(DatasetRequest(repo=REPO, **request))
    return FileTrajectorySource(REPO, datasets=datasets)


@pytest.mark.parametrize("include", [None, ("**",)], ids=["default", "all"])
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("stray", STRAY)
async def test_a_stray_file_of_any_kind_hides_no_data(
    root: Path, caplog: pytest.LogCaptureFixture, stray: str, data: str, include: tuple[str, ...] | None
) -> None:
    content, rows = DATA[data]
    source = await downloaded(root, {stray: STRAY[stray], data: content}, include=include)
    with caplog.at_level(logging.WARNING, logger="hfsvc"):
        assert await source.count() == rows
    told = [each.file for each in (await source.statistics()).left_out]
    assert told in ([], [stray])
    assert told or include is None or (data, stray) in {("job/t/trajectory.json", "runs-index.jsonl")}
    assert [each for each in told if each not in caplog.text] == []


async def test_files_of_several_kinds_that_hold_trajectories_are_all_read(root: Path) -> None:
    source = await downloaded(root, {"a.parquet": DATA["runs.parquet"][0], "b.jsonl": DATA["runs.jsonl"][0]})
    assert (await source.count(), source.left_out) == (6, ())


async def test_of_copies_in_two_kinds_one_is_read(root: Path) -> None:
    source = await downloaded(root, {"a.parquet": DATA["runs.parquet"][0], "a.jsonl": DATA["runs.jsonl"][0]})
    assert await source.count() == 3
    assert [(each.file, each.reason) for each in source.left_out] == [
        ("a.jsonl", "it is a copy of a.parquet, as its name says")
    ]


async def test_a_sample_in_another_kind_is_not_read_again(root: Path) -> None:
    files = {"x/full_sft.jsonl": DATA["runs.jsonl"][0], "x/sample_sft.json": DATA["runs.json"][0]}
    source = await downloaded(root, files)
    assert await source.count() == 3
    assert [(each.file, each.reason) for each in source.left_out] == [
        ("x/sample_sft.json", "it is a sample of the others, as its name says")
    ]


async def test_a_sample_alone_is_read(root: Path) -> None:
    source = await downloaded(root, {"sample.json": DATA["runs.json"][0], "index.parquet": STRAY["index.parquet"]})
    assert await source.count() == 3


async def test_a_log_beside_documents_of_runs_is_left_alone_wherever_it_lies(root: Path) -> None:
    session = lines([
        {"type": "session", "harness": "pi", "id": "x"},
        {"type": "message", "message": ROWS[0]["messages"][0]},
    ])
    source = await downloaded(
        root, {"logs/x.jsonl": session, "job/t/trajectory.json": DATA["job/t/trajectory.json"][0]}
    )
    assert await source.count() == 1
    assert [(each.file, each.reason) for each in source.left_out] == [
        ("logs/x.jsonl", "it is a log beside documents of runs")
    ]


async def test_a_table_of_the_same_name_is_no_copy(root: Path) -> None:
    source = await downloaded(root, {"runs.parquet": STRAY["index.parquet"], "runs.jsonl": DATA["runs.jsonl"][0]})
    assert await source.count() == 3
    assert [each.file for each in source.left_out] == ["runs.parquet"]


async def test_a_table_that_is_called_like_the_data_does_not_hide_it(root: Path) -> None:
    files = {"data/train-00000-of-00001.parquet": parquet(TABLE), "runs.jsonl": DATA["runs.jsonl"][0]}
    source = await downloaded(root, files, include="**")
    assert await source.count() == 3


async def test_where_names_say_it_the_other_kinds_are_not_opened(root: Path) -> None:
    source = await downloaded(root, {"train.parquet": DATA["runs.parquet"][0], "b.jsonl": b"\xff"}, include="**")
    assert await source.count() == 3
    (told,) = source.left_out
    assert (told.file, told.rows) == ("b.jsonl", None)
    assert told.reason == "the rows of this dataset are in other files, of the kind parquet"


async def test_a_stray_file_that_is_damaged_is_told(root: Path) -> None:
    source = await downloaded(root, {"index.parquet": b"PAR1", "runs.jsonl": DATA["runs.jsonl"][0]})
    assert await source.count() == 3
    assert [each.file for each in source.left_out] == ["index.parquet"]


async def test_a_damaged_file_of_the_kind_that_holds_the_data_refuses_it(root: Path) -> None:
    source = await downloaded(root, {"a.parquet": b"PAR1", "b.parquet": DATA["runs.parquet"][0]})
    with pytest.raises(BadParquet, match=r"a\.parquet"):
        await source.count()


async def test_a_table_of_the_same_kind_is_told(root: Path) -> None:
    files = {"runs.jsonl": DATA["runs.jsonl"][0], "tasks.jsonl": lines(TABLE.to_pylist()), "empty.jsonl": b""}
    source = await downloaded(root, files)
    assert await source.count() == 3
    (told,) = source.left_out
    assert (told.file, told.rows, told.reason) == ("tasks.jsonl", 2, "no layout fits")


async def test_all_files_are_told_of(root: Path) -> None:
    datasets = FakeDatasetService(root, {REPO: {**STRAY, "runs.jsonl": DATA["runs.jsonl"][0]}})
    dataset = await datasets.download(DatasetRequest(repo=REPO, include="**"))
    told: dict[str, FileLayout] = {each.told.file: each.told for each in judge_files(dataset, ReadOptions())}
    assert told.keys() == {*STRAY, "runs.jsonl"}
    assert [name for name, each in told.items() if each.layout] == ["runs.jsonl"]
