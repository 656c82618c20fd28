"""Datasets of JSON files, read as trajectories."""

import gzip
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from hfsvc import atif
from hfsvc.errors import BadParquet, BadRow, FileNotFound
from hfsvc.models import TrajectoryRow
from hfsvc.testing import FakeDatasetService
from hfsvc.trajectories.source import FileTrajectorySource
from tests.builders import REPO
from tests.trajectories.tables import numbers, open_source, parquet, row, rows, until

DATA = os.environ.get("HFSVC_TEST_DATA")


def lines(*made: object) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in made)


async def read(root: Path, files: Mapping[str, bytes]) -> list[TrajectoryRow]:
    return [each async for each in (await open_source(root, files)).stream_rows()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", lines(*rows(5))),
        ("a.ndjson.gz", gzip.compress(lines(*rows(5)))),
        ("a.json", json.dumps(rows(5), indent=1).encode()),
    ],
)
async def test_rows_are_the_same_in_any_form(root: Path, name: str, content: bytes) -> None:
    expected = await read(root / "parquet", {"a.parquet": parquet(rows(5))})
    found = await read(root / "json", {name: content})
    assert [each.trajectory for each in found] == [each.trajectory for each in expected]
    assert [(each.row, each.file) for each in found] == [(number, name) for number in range(5)]


async def test_rows_go_through_files_of_several_forms(root: Path) -> None:
    files = {
        "a.jsonl": lines(*rows(2)),
        "b.jsonl.gz": gzip.compress(lines(*rows(2, 2))),
        "c.ndjson": lines(*rows(2, 4)),
    }
    source = await open_source(root, {**files, "README.md": b"# words", "dataset_infos.json": b"{}"})
    assert await source.count() == 6
    assert await numbers(source, start=1, stop=5, shard=(1, 2)) == [3, 4]
    found = [each async for each in source.stream_rows(start=3, stop=5)]
    assert [(each.trajectory.extra or {})["task"] for each in found] == ["task_3", "task_4"]
    assert await numbers(source, cursor=found[0].cursor) == [4, 5]
    page = await source.list_summaries(1, 1, "task:task_3")
    assert (page.total, page.items) == (1, ())
    assert await source.find_rows("task_5") == (5,)
    again = await source.get_trajectory(4)
    assert again == found[1].trajectory


async def test_json_beside_parquet_is_not_read(root: Path) -> None:
    files = {"a.parquet": parquet(rows(2)), "b.jsonl": b"no JSON", "c.json": b"no JSON"}
    assert len(await read(root, files)) == 2


async def test_a_bad_line_is_a_bad_row_and_not_the_end(root: Path) -> None:
    content = lines(row(0)) + b'\n{"conversations": [\n' + lines(row(2), row(3, conversations="[]"), row(4))
    files = {"a.jsonl": content}
    seen, error = await until(BadRow, (await open_source(root / "raise", files)).stream_trajectories())
    assert len(seen) == 1
    assert (error.file, error.row, error.column) == ("a.jsonl", 1, None)
    assert str(error).startswith("Row 1 in a.jsonl cannot be read: line 3 is no JSON in UTF-8: Expecting value")
    source = await open_source(root / "skip", files, on_bad_row="skip")
    assert await source.count() == 5
    assert await numbers(source) == [0, 2, 4]
    assert source.skipped_rows == 2
    assert (await source.list_summaries(0, 9)).total == 5


async def test_a_file_that_breaks_off_is_named_before_any_row(root: Path) -> None:
    source = await open_source(root, {"a.jsonl.gz": gzip.compress(os.urandom(9999).hex().encode())[:-99]})
    with pytest.raises(BadParquet, match=r"a\.jsonl\.gz cannot be read as trajectories"):
        await source.count()


async def test_a_file_of_other_objects_says_what_was_looked_for(root: Path) -> None:
    source = await open_source(root, {"a.jsonl": lines({"question": "x", "answer": "y"})})
    with pytest.raises(BadParquet, match="question"):
        await source.count()


@pytest.mark.parametrize("name", ["a.parquet", "deep/a.ndjson.zst", "a.jsonl", "a.json.gz", "a.json"])
async def test_files_of_rows_are_downloaded_whatever_their_form(root: Path, name: str) -> None:
    datasets = FakeDatasetService(root, {REPO: {name: b"content", "README.md": b"# words"}})
    await FileTrajectorySource(REPO, datasets=datasets).ensure_downloaded()
    assert (await datasets.list_downloaded())[0].files == (name,)


async def test_no_more_is_downloaded_than_the_first_form(root: Path) -> None:
    datasets = FakeDatasetService(root, {REPO: {"a.jsonl": b"{}", "config.json": b"{}"}})
    await FileTrajectorySource(REPO, datasets=datasets).ensure_downloaded()
    assert (await datasets.list_downloaded())[0].files == ("a.jsonl",)


async def test_a_dataset_without_any_rows_cannot_be_downloaded(root: Path) -> None:
    datasets = FakeDatasetService(root, {REPO: {"README.md": b"# words"}})
    with pytest.raises(FileNotFound, match=r"It holds README\.md"):
        await FileTrajectorySource(REPO, datasets=datasets).ensure_downloaded()


@pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder with real rows")
@pytest.mark.parametrize("name", ["hub_layouts/swe-smith-trajectories", "sft_rows/openthoughts-agent-v1-sft.rows"])
async def test_real_rows_are_the_same_in_both_forms(root: Path, name: str) -> None:
    paths = {ending: Path(DATA or "", f"{name}{ending}") for ending in (".parquet", ".jsonl")}
    found = {ending: await read(root / ending, {f"a{ending}": path.read_bytes()}) for ending, path in paths.items()}
    documents = [[atif.encode(each.trajectory) for each in made] for made in found.values()]
    assert documents[0] == documents[1]
    assert documents[0]


TALK = '[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "score": NaN}]'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", f"{TALK}\n\n{TALK}\n"),
        ("a.json", f"[{TALK}, {TALK}]"),
        ("a.json", f'{{"data": [{TALK}, {TALK}]}}'.replace("NaN", "1")),
    ],
)
async def test_a_row_may_be_a_bare_list_of_messages(root: Path, name: str, content: str) -> None:
    found = await read(root, {name: content.encode()})
    assert [[step.message for step in row.trajectory.steps] for row in found] == [["q", "a"]] * 2


async def test_a_list_of_something_else_is_a_bad_row(root: Path) -> None:
    source = await open_source(root, {"a.jsonl": f"{TALK}\n[1, 2]\n[]\n".encode()}, on_bad_row="skip")
    assert await numbers(source) == [0]
    assert source.skipped_rows == 2


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "run/trajectory.json", "a.parquet", "a.arrow", "a.csv"])
async def test_a_pointer_is_told_from_the_file_that_it_stands_for(root: Path, name: str) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n"
    with pytest.raises(BadParquet, match="it is a pointer of Git LFS") as raised:
        await read(root, {name: pointer})
    assert "hfsvc verify" in (raised.value.hint or "")
