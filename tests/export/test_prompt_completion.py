"""Prompts and completions: a row for every answer, with all that came before it."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from hfsvc import ExportRequest, export_trajectories, open_container
from hfsvc.atif import ObservationResult
from hfsvc.export.prompt_completion import completion_rows, completions_batch

from .documents import as_rows
from .test_shapes import TOOLS, act

QUESTION, ANSWER, ON, LAST = (
    {"role": role, "content": text}
    for role, text in (("user", "q"), ("assistant", "a"), ("tool", "t"), ("assistant", "z"))
)


def test_every_answer_is_a_completion_of_what_came_before() -> None:
    rows = [*completion_rows({"messages": [QUESTION, ANSWER, ON, LAST], "tools": TOOLS})]
    assert rows == [
        {"prompt": [QUESTION], "completion": [ANSWER], "tools": TOOLS},
        {"prompt": [QUESTION, ANSWER, ON], "completion": [LAST], "tools": TOOLS},
    ]
    assert [*completion_rows({"messages": [ANSWER, QUESTION]})] == []


def test_in_a_table_the_tools_are_json_text() -> None:
    (row,) = completions_batch(as_rows([act(ObservationResult(content="screen"))])).to_pylist()
    assert json.loads(row["tools"]) == TOOLS
    assert [each["role"] for each in row["prompt"] + row["completion"]] == ["user", "assistant"]
    assert row["completion"][0]["tool_calls"][0]["function"]["arguments"] == '{"command":"a"}'


async def test_lines_and_tables_hold_the_same(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text(json.dumps({"messages": [QUESTION, ANSWER, {**QUESTION, "content": "on"}, LAST]}) + "\n")
    async with open_container() as container:
        source = container.source(str(path))
        for name in ("out.jsonl", "out.parquet"):
            request = ExportRequest(path=tmp_path / name, format="prompt-completion")
            await export_trajectories(source, request)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert len(lines) == len(table) == 2
    for line, row in zip(lines, table, strict=True):
        for side in ("prompt", "completion"):
            assert [(m["role"], m["content"]) for m in row[side]] == [(m["role"], m["content"]) for m in line[side]]
