import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hfsvc.testing.samples import openthoughts_rows, rows_table, write_openthoughts_sample, write_sample_hub

COLUMNS = ["conversations", "agent", "model", "model_provider", "date", "task", "episode", "run_id", "trial_name"]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return openthoughts_rows(60)


def test_rows_have_the_nine_columns_and_a_stable_order(rows: list[dict[str, Any]]) -> None:
    assert [*rows[0]] == COLUMNS
    assert rows == openthoughts_rows(60)
    assert rows != openthoughts_rows(60, seed=1)
    assert [row["task"] for row in rows] == sorted(row["task"] for row in rows)


def test_run_ids_are_shared_and_trial_names_are_not(rows: list[dict[str, Any]]) -> None:
    assert len({row["run_id"] for row in rows}) < 4
    assert len({row["trial_name"] for row in rows}) == 60
    assert all(row["trial_name"].startswith(row["task"] + "__") for row in rows)


def test_turns_alternate_and_end_with_the_agent(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        roles = [message["role"] for message in row["conversations"]]
        assert roles == ["user", "assistant"] * (int(row["episode"].removeprefix("episode-")) + 1)


def test_agent_answers_in_json(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        answers = [message["content"] for message in row["conversations"] if message["role"] == "assistant"]
        parsed = [json.loads(answer[answer.index("{") :]) for answer in answers]
        assert all({"analysis", "plan", "commands"} <= answer.keys() for answer in parsed)
        assert [answer.get("task_complete", False) for answer in parsed][-2:] == [True, True]


@pytest.mark.parametrize("order", [("content", "role"), ("role", "content"), ("content",)])
def test_struct_order(rows: list[dict[str, Any]], order: tuple[str, ...]) -> None:
    message = rows_table(rows, struct_order=order).schema.field("conversations").type.value_type
    assert [message.field(number).name for number in range(message.num_fields)] == [*order]


def test_odd_columns(rows: list[dict[str, Any]]) -> None:
    odd = [{**row, "task": None, "result": "1.0", "conversations": None} for row in rows]
    table = rows_table(odd, columns=["trial_name", "task", "result", "nothing", "conversations"])
    assert table.column_names == ["trial_name", "task", "result", "nothing", "conversations"]
    assert [pa.types.is_null(field.type) for field in table.schema] == [False, True, False, True, True]


def test_file_has_row_groups_and_the_known_schema(tmp_path: Path) -> None:
    write_openthoughts_sample(tmp_path / "a.parquet", rows=501)
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (501, 2)
    assert file.schema_arrow.names == COLUMNS


def test_sample_hub_is_laid_out(tmp_path: Path) -> None:
    repo = write_sample_hub(tmp_path, rows=5)
    files = sorted(
        path.relative_to(tmp_path / repo).as_posix() for path in (tmp_path / repo).rglob("*") if path.is_file()
    )
    assert files == [".gitattributes", "README.md", "data/train-00000-of-00001.parquet"]
    assert "license: apache-2.0" in (tmp_path / repo / "README.md").read_text()
