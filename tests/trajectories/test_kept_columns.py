"""What goes along with trajectories: columns, fields of summaries, places."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hfsvc.errors import InvalidArgument

from .tables import open_source, parquet, row

A, B = "data/a.parquet", "data/b.parquet"
AT = datetime(2026, 1, 2, tzinfo=UTC)


async def kept(root: Path, *names: str, **more: Any) -> list[dict[str, Any]]:
    first = [
        row(0, reward=0.5, tags=["a", "b"], patch="long", at=AT),
        row(1, reward=None, tags=[], patch=None, at=None),
    ]
    source = await open_source(root, {A: parquet(first), B: parquet([row(2)])}, keep=names, **more)
    return [dict(each.kept) async for each in source.stream_rows()]


async def test_columns_and_fields_and_places_go_along(root: Path) -> None:
    found = await kept(root, "task", "model", "steps", "row", "file", "dataset", "reward", "patch", "tags", "result")
    assert found == [
        {
            "task": "task_0", "model": "teacher", "steps": 2, "row": 0, "file": A, "dataset": "acme/notes",
            "reward": 0.5, "patch": "long", "tags": ["a", "b"], "result": "0.5",
        },
        {
            "task": "task_1", "model": "teacher", "steps": 2, "row": 1, "file": A, "dataset": "acme/notes",
            "reward": None, "patch": None, "tags": [], "result": None,
        },
        {
            "task": "task_2", "model": "teacher", "steps": 2, "row": 2, "file": B, "dataset": "acme/notes",
            "reward": None, "patch": None, "tags": None, "result": None,
        },
    ]  # fmt: skip


async def test_times_are_texts(root: Path) -> None:
    assert [each["at"] for each in await kept(root, "at")] == ["2026-01-02 00:00:00+00:00", None, None]


@pytest.mark.parametrize("options", [{"shuffle": True, "seed": 1}, {"where": "task_1"}, {"style": "structured"}])
async def test_each_row_has_its_own_however_rows_are_read(root: Path, options: dict[str, Any]) -> None:
    for each in await kept(root, "row", "task", **options):
        assert each["task"] == f"task_{each['row']}"


async def test_columns_beside_those_of_a_document_go_along(root: Path) -> None:
    document: dict[str, Any] = {
        "schema_version": "ATIF-v1.6",
        "agent": {"name": "a", "version": "1"},
        "steps": [{"step_id": 1, "source": "user", "message": "hi"}],
    }
    held = [{**document, "task": f"t{number}", "result": "1.0", "row": number + 7} for number in range(2)]
    source = await open_source(root, {A: parquet(held)}, keep=("task", "result", "row", "agent"))
    found = [dict(each.kept) async for each in source.stream_rows()]
    assert [(each["task"], each["result"], each["row"]) for each in found] == [("t0", "1.0", 0), ("t1", "1.0", 1)]


async def test_nothing_is_kept_unasked(root: Path) -> None:
    assert await kept(root) == [{}, {}, {}]


async def test_a_column_that_no_file_has_is_refused(root: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"keep cannot be 'nofield'.*patch"):
        await kept(root, "nofield")


@pytest.mark.parametrize("options", [{}, {"shuffle": True, "seed": 1}, {"style": "structured"}])
async def test_values_of_json_files_are_what_they_were(root: Path, options: dict[str, Any]) -> None:
    held: list[Any] = [0, 1.5, True, None, "7", {"a": [1, None]}, [1, "x"], "é\u2028", 2**53 + 1]
    lines = [json.dumps(row(number, task=each, mine=each)) for number, each in enumerate(held)]
    lines[0] = lines[0].replace('"mine": 0', '"mine": NaN')
    source = await open_source(
        root, {"data/a.jsonl": "\n".join(lines).encode()}, keep=("mine", "task", "row"), **options
    )
    found = {each.kept["row"]: each.kept async for each in source.stream_rows()}
    assert math.isnan(found[0]["mine"])
    assert [found[number]["mine"] for number in range(1, len(held))] == held[1:]
    assert [found[number]["task"] for number in range(len(held))] == held
    assert type(found[2]["mine"]) is bool
