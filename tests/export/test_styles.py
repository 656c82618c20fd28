"""Real-looking rows, read in either style, as trainers get them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hfsvc.export import ExportRequest, export_trajectories, read_parquet
from hfsvc.models import Style
from hfsvc.testing.samples import openthoughts_rows

from ..trajectories.tables import open_source, parquet

ROWS = openthoughts_rows(12)


async def lines(folder: Path, format: Any, style: Style) -> list[dict[str, Any]]:
    source = await open_source(folder / "root", {"a.parquet": parquet(ROWS)}, style=style)
    await export_trajectories(source, ExportRequest(path=folder / "a.jsonl", format=format))
    return [msgspec.json.decode(line) for line in (folder / "a.jsonl").read_bytes().splitlines()]


@pytest.mark.parametrize("style", ["messages", "structured"])
async def test_sharegpt_has_the_texts_of_the_row_in_either_style(tmp_path: Path, style: Style) -> None:
    names = {"user": "human", "assistant": "gpt"}
    expected = [
        [{"from": names[message["role"]], "value": message["content"]} for message in row["conversations"]]
        for row in ROWS
    ]
    assert [found["conversations"] for found in await lines(tmp_path, "sharegpt", style)] == expected


async def test_openai_has_the_messages_of_the_row_as_they_are(tmp_path: Path) -> None:
    assert [found["messages"] for found in await lines(tmp_path, "openai", "messages")] == [
        row["conversations"] for row in ROWS
    ]


async def test_openai_has_calls_and_what_answers_them_where_the_style_finds_them(tmp_path: Path) -> None:
    for found in await lines(tmp_path, "openai", "structured"):
        calls = [call for message in found["messages"] for call in message.get("tool_calls", ())]
        answers = [message for message in found["messages"] if message["role"] == "tool"]
        assert calls
        assert {call["function"]["name"] for call in calls} <= {"bash_command", "mark_task_complete"}
        assert {answer["tool_call_id"] for answer in answers} <= {call["id"] for call in calls}
        assert all(isinstance(msgspec.json.decode(call["function"]["arguments"]), dict) for call in calls)


async def test_structured_trajectories_come_back_equal_from_parquet(tmp_path: Path) -> None:
    source = await open_source(tmp_path / "root", {"a.parquet": parquet(ROWS)}, style="structured")
    await export_trajectories(source, ExportRequest(path=tmp_path / "b.parquet"))
    assert list(read_parquet(tmp_path / "b.parquet")) == await source.get_trajectories(0, len(ROWS))
