"""What goes along with rows: in lines and in tables alike, in documents under ``extra``."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from hfsvc import atif
from hfsvc.errors import InvalidExport
from hfsvc.export import ExportRequest, Format, export_trajectories
from hfsvc.export.formats import choose_target
from hfsvc.export.writers import open_writer
from hfsvc.models import TrajectoryRow

from ..trajectories.tables import open_source, parquet, row

ROWS = [row(0, reward=0.5, tags=["a"], done=True), row(1, reward=None, tags=[], done=False), row(2, reward=1.0)]
KEPT = ("task", "row", "reward", "done", "result", "dataset")


async def write(root: Path, path: Path, format: Format | None = None, keep: tuple[str, ...] = KEPT) -> None:
    source = await open_source(root, {"a.parquet": parquet(ROWS)}, keep=keep)
    await export_trajectories(source, ExportRequest(path=path, format=format))


@pytest.mark.parametrize("format", ["openai", "sharegpt"])
async def test_lines_and_tables_hold_the_same(root: Path, tmp_path: Path, format: Format) -> None:
    await write(root, tmp_path / "a.jsonl", format)
    await write(root, tmp_path / "a.parquet", format)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    table = pq.read_table(tmp_path / "a.parquet")
    expected = {"task": "task_1", "row": 1, "reward": None, "done": False, "result": None, "dataset": "acme/notes"}
    assert {name: lines[1][name] for name in KEPT} == expected
    assert [{name: each[name] for name in KEPT} for each in table.to_pylist()] == [
        {name: each[name] for name in KEPT} for each in lines
    ]
    assert [str(table.schema.field(name).type) for name in ("row", "reward", "done")] == ["int64", "double", "bool"]


async def test_documents_hold_it_in_their_extra(root: Path, tmp_path: Path) -> None:
    await write(root, tmp_path / "a.jsonl")
    extras = [atif.decode(line).extra or {} for line in (tmp_path / "a.jsonl").read_bytes().splitlines()]
    assert [(each["row"], each["reward"], each["done"]) for each in extras] == [
        (0, 0.5, True),
        (1, None, False),
        (2, 1.0, None),
    ]


async def test_each_step_of_a_table_has_what_its_row_has(root: Path, tmp_path: Path) -> None:
    await write(root, tmp_path / "a.parquet", "steps", keep=("task", "reward"))
    found = pq.read_table(tmp_path / "a.parquet", columns=["row", "task", "reward"]).to_pylist()
    assert found[2:4] == [{"row": 1, "task": "task_1", "reward": None}] * 2


async def test_each_answer_has_what_its_row_has(root: Path, tmp_path: Path) -> None:
    await write(root, tmp_path / "a.parquet", "prompt-completion", keep=("task",))
    await write(root, tmp_path / "a.jsonl", "prompt-completion", keep=("task",))
    lines = [json.loads(line)["task"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert pq.read_table(tmp_path / "a.parquet")["task"].to_pylist() == lines
    assert set(lines) == {"task_0", "task_1", "task_2"}


async def test_lists_are_json_in_tables(root: Path, tmp_path: Path) -> None:
    await write(root, tmp_path / "a.parquet", "openai", keep=("tags",))
    assert pq.read_table(tmp_path / "a.parquet")["tags"].to_pylist() == ['["a"]', "[]", None]


async def test_a_table_of_no_rows_has_the_columns_of_its_format(root: Path, tmp_path: Path) -> None:
    source = await open_source(root, {"a.parquet": parquet(ROWS)}, keep=KEPT, where="nothing")
    await export_trajectories(source, ExportRequest(path=tmp_path / "a.parquet", format="openai"))
    assert pq.read_schema(tmp_path / "a.parquet").names == ["messages", "tools"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
async def test_a_name_that_the_format_has_is_refused_and_nothing_written(root: Path, tmp_path: Path, name: str) -> None:
    held: list[dict[str, Any]] = [row(0, messages="text")]
    source = await open_source(root, {"a.parquet": parquet(held)}, keep=("messages",), layout="harbor")
    with pytest.raises(InvalidExport, match="messages"):
        await export_trajectories(source, ExportRequest(path=tmp_path / name, format="openai"))
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("format", [None, "steps"])
async def test_the_number_that_a_table_has_by_itself_may_be_kept(root: Path, tmp_path: Path, format: Format) -> None:
    await write(root, tmp_path / "a.parquet", format, keep=("row", "reward"))
    table = pq.read_table(tmp_path / "a.parquet", columns=["row", "reward"])
    assert {(each["row"], each["reward"]) for each in table.to_pylist()} == {(0, 0.5), (1, None), (2, 1.0)}
    assert pq.read_schema(tmp_path / "a.parquet").names.count("row") == 1


async def test_folders_hold_it_too(root: Path, tmp_path: Path) -> None:
    await write(root, tmp_path / "jobs", "atif-dir", keep=("row", "reward"))
    await write(root, tmp_path / "sessions", "sts", keep=("row", "reward"))
    documents = [atif.decode(each.read_bytes()) for each in sorted(tmp_path.glob("jobs/*/*/agent/trajectory.json"))]
    assert [((each.extra or {})["row"], (each.extra or {})["reward"]) for each in documents] == [
        (0, 0.5),
        (1, None),
        (2, 1.0),
    ]
    headers = [json.loads(each.read_text().splitlines()[0]) for each in sorted(tmp_path.glob("sessions/*"))]
    assert sorted((each["row"], each["reward"]) for each in headers if each["reward"]) == [(0, 0.5), (2, 1.0)]


async def test_rows_of_which_less_is_kept_than_of_the_first_have_nothing_there(root: Path, tmp_path: Path) -> None:
    first, none = await rows(root / "1", ("reward", "row")), await rows(root / "2", ())
    write_chunks(tmp_path / "a.parquet", None, [*first[:1], *none[:1]], none, first)
    table = pq.read_table(tmp_path / "a.parquet", columns=["reward"])
    assert table["reward"].to_pylist() == [0.5, None, None, None, None, 0.5, None, 1.0]


@pytest.mark.parametrize(
    ("name", "said"), [("task", "first rows had nothing"), ("messages", "has a field of this name already")]
)
async def test_what_only_later_rows_have_is_refused_in_a_table(
    root: Path, tmp_path: Path, name: str, said: str
) -> None:
    first = await rows(root, ("reward",))
    late = [msgspec.structs.replace(each, kept={**each.kept, name: "x"}) for each in first]
    with pytest.raises(InvalidExport, match=said):
        write_chunks(tmp_path / "a.parquet", "openai", first, late)
    assert not (tmp_path / "a.parquet").exists()


def write_chunks(path: Path, format: Format | None, *chunks: list[TrajectoryRow]) -> None:
    with open_writer(choose_target(path, format)) as writer:
        for chunk in chunks:
            writer.write(chunk)


async def rows(root: Path, keep: tuple[str, ...]) -> list[TrajectoryRow]:
    source = await open_source(root, {"a.parquet": parquet(ROWS)}, keep=keep)
    return [each async for each in source.stream_rows()]
