"""Messages of frameworks and APIs: one conversation in the words of each, in every form of file."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from hfsvc.models import DatasetRequest, ReadOptions
from hfsvc.testing import FakeDatasetService
from hfsvc.trajectories.judged_files import judge_files
from tests.builders import REPO
from tests.trajectories.tables import open_source, parquet

ARGUMENTS = {"a": 1}
LANGCHAIN: list[dict[str, Any]] = [
    {"type": "human", "content": "q"},
    {"type": "ai", "content": "", "tool_calls": [{"name": "f", "args": ARGUMENTS, "id": "c"}]},
    {"type": "tool", "content": "r", "tool_call_id": "c", "name": "f"},
    {"type": "ai", "content": "done"},
]
CLASSES = {"human": "HumanMessage", "ai": "AIMessage", "tool": "ToolMessage"}


def without_type(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "type"}


ITEMS: list[dict[str, Any]] = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "q"}]},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": json.dumps(ARGUMENTS)},
    {"type": "function_call_output", "call_id": "c", "output": "r"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]},
]
FRAMEWORKS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "LangChain": ("messages", LANGCHAIN),
    "LangChain, in data": ("messages", [{"type": each["type"], "data": without_type(each)} for each in LANGCHAIN]),
    "LangChain, constructors": (
        "messages",
        [
            {
                "lc": 1,
                "type": "constructor",
                "id": ["langchain", "schema", "messages", CLASSES[str(each["type"])]],
                "kwargs": without_type(each),
            }
            for each in LANGCHAIN
        ],
    ),
    "Responses": ("messages", ITEMS),
    "Responses, input": ("input", ITEMS),
    "Responses, wrapped": ("items", [{"type": "response_item", "payload": each} for each in ITEMS]),
    "Gemini": (
        "contents",
        [
            {"role": "user", "parts": [{"text": "q"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": ARGUMENTS}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "r"}}}]},
            {"role": "model", "parts": [{"text": "done"}]},
        ],
    ),
    "Gemini, in small letters": (
        "messages",
        [
            {"role": "user", "parts": [{"text": "q"}]},
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": ARGUMENTS}}]},
            {"role": "function", "parts": [{"function_response": {"name": "f", "response": {"result": "r"}}}]},
            {"role": "model", "parts": [{"text": "done"}]},
        ],
    ),
    "Bedrock": (
        "messages",
        [
            {"role": "user", "content": [{"text": "q"}]},
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c", "name": "f", "input": ARGUMENTS}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "c", "content": [{"text": "r"}]}}]},
            {"role": "assistant", "content": [{"text": "done"}]},
        ],
    ),
    "AI SDK 5, of the interface": (
        "messages",
        [
            {"role": "user", "parts": [{"type": "text", "text": "q"}]},
            {
                "role": "assistant",
                "parts": [
                    {
                        "type": "tool-f",
                        "toolCallId": "c",
                        "state": "output-available",
                        "input": ARGUMENTS,
                        "output": "r",
                    },
                    {"type": "text", "text": "done"},
                ],
            },
        ],
    ),
    "AI SDK 5, of the model": (
        "messages",
        [
            {"role": "user", "content": [{"type": "text", "text": "q"}]},
            {
                "role": "assistant",
                "content": [{"type": "tool-call", "toolCallId": "c", "toolName": "f", "input": ARGUMENTS}],
            },
            {
                "role": "tool",
                "content": [
                    {
                        "type": "tool-result",
                        "toolCallId": "c",
                        "toolName": "f",
                        "output": {"type": "text", "value": "r"},
                    }
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "done"}]},
        ],
    ),
    "AI SDK 4": (
        "messages",
        [
            {"role": "user", "content": "q", "parts": [{"type": "text", "text": "q"}]},
            {
                "role": "assistant",
                "content": "done",
                "parts": [
                    {
                        "type": "tool-invocation",
                        "toolInvocation": {"toolCallId": "c", "toolName": "f", "args": ARGUMENTS, "result": "r"},
                    },
                    {"type": "text", "text": "done"},
                ],
            },
        ],
    ),
    "Llama Stack": (
        "turns",
        [
            {
                "input_messages": [{"role": "user", "content": "q"}],
                "steps": [
                    {
                        "model_response": {
                            "content": "",
                            "tool_calls": [{"call_id": "c", "tool_name": "f", "arguments": ARGUMENTS}],
                        }
                    },
                    {"tool_responses": [{"call_id": "c", "tool_name": "f", "content": "r"}]},
                ],
                "output_message": {"role": "assistant", "content": "done"},
            }
        ],
    ),
    "AutoGen": (
        "messages",
        [
            {"source": "user", "type": "TextMessage", "content": "q"},
            {
                "source": "coder",
                "type": "ToolCallRequestEvent",
                "content": [{"id": "c", "name": "f", "arguments": json.dumps(ARGUMENTS)}],
            },
            {
                "source": "coder",
                "type": "ToolCallExecutionEvent",
                "content": [{"call_id": "c", "name": "f", "content": "r"}],
            },
            {"source": "coder", "type": "TextMessage", "content": "done"},
        ],
    ),
}


def forms(rows: list[dict[str, Any]]) -> dict[str, bytes]:
    found = {
        "a.jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in rows),
        "a.json": json.dumps(rows, indent=1).encode(),
        "texts.parquet": parquet(pa.Table.from_pylist([{name: json.dumps(row[name]) for name in row} for row in rows])),
    }
    try:
        found["a.parquet"] = parquet(pa.Table.from_pylist(rows))
    except pa.ArrowInvalid:
        # Texts and parts side by side, which Arrow has no plain type for.
        assert "AutoGen" not in found
    return found


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_a_conversation_is_the_same_whoever_wrote_it(root: Path, name: str) -> None:
    column, messages = FRAMEWORKS[name]
    for file, content in forms([{column: messages, "task": "t"}]).items():
        source = await open_source(root / file, {file: content}, style="structured")
        assert await source.count() == 1
        trajectory = await source.get_trajectory(0)
        assert trajectory is not None
        told = [(step.source, step.message) for step in trajectory.steps]
        assert told == [("user", "q"), ("agent", ""), ("agent", "done")], file
        (call,) = trajectory.steps[1].tool_calls or []
        assert (call.function_name, call.arguments) == ("f", ARGUMENTS)
        observation = trajectory.steps[1].observation
        assert observation is not None
        assert [(each.content, each.source_call_id) for each in observation.results] == [("r", call.tool_call_id)]


async def test_plain_messages_beside_those_of_a_framework_are_read_as_such(root: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": "plain"}]}, {"messages": FRAMEWORKS["Bedrock"][1]}]
    content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    source = await open_source(root, {"a.jsonl": content}, style="structured")
    assert [len(each.trajectory.steps) async for each in source.stream_rows()] == [1, 3]
    page = await source.list_summaries(0, 2)
    assert [each.steps for each in page.items] == [1, 4]


async def test_the_style_of_messages_keeps_what_a_message_holds_beside(root: Path) -> None:
    messages = [{"type": "ai", "content": "a", "usage_metadata": {"input_tokens": 7}, "response_metadata": {}}]
    source = await open_source(root, {"a.jsonl": json.dumps({"messages": messages}).encode()})
    trajectory = await source.get_trajectory(0)
    assert trajectory is not None
    assert (trajectory.steps[0].extra or {})["original_fields"] == {"usage_metadata": {"input_tokens": 7}}


async def test_parts_that_are_text_alone_make_no_framework(root: Path) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "q"}]}]
    datasets = FakeDatasetService(root, {REPO: {"a.jsonl": json.dumps({"messages": messages}).encode()}})
    dataset = await datasets.download(DatasetRequest(repo=REPO))
    assert [each.told.layout for each in judge_files(dataset, ReadOptions())] == ["json"]
