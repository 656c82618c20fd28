"""What a trajectory looks like to trainers, to the Hub's viewer and in the table of steps."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from hfsvc import atif
from hfsvc.atif import Observation, ObservationResult, Step, ToolCall, Trajectory
from hfsvc.export.chat import chat_messages
from hfsvc.export.naming import LONGEST, safe_name, session_of
from hfsvc.export.sharegpt_turns import sharegpt_batch, sharegpt_row
from hfsvc.export.steps import SCHEMA, steps_batch
from hfsvc.export.sts import session_lines
from hfsvc.export.trainers import openai_batch, openai_row
from hfsvc.store.safe_paths import check_path

from .documents import EVERYTHING, as_rows, talk, trajectories

CALLS = [ToolCall(tool_call_id=name, function_name="run", arguments={"command": name}) for name in ("a", "b")]
TOOLS = [{"type": "function", "function": {"name": "run"}}]


def act(*results: ObservationResult, calls: list[ToolCall] | None = None) -> Trajectory:
    """A question, an answer that calls, and what came back."""
    answer = Step(
        step_id=2,
        timestamp="2025-11-12T22:22:17Z",
        source="agent",
        message="I run them.",
        reasoning_content="two to run",
        tool_calls=CALLS if calls is None else calls,
        observation=Observation(results=list(results)),
    )
    plain = talk(0)
    agent = msgspec.structs.replace(plain.agent, tool_definitions=TOOLS)
    return msgspec.structs.replace(plain, agent=agent, steps=[plain.steps[0], answer])


def messages_of(found: Trajectory) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = openai_row(as_rows([found])[0])["messages"]
    return messages


# ---- OpenAI ---------------------------------------------------------------------------------------------------------


def test_calls_thinking_results_and_tools_are_told_apart() -> None:
    found = act(ObservationResult(source_call_id="a", content="1"), ObservationResult(source_call_id="b", content="2"))
    row = openai_row(as_rows([found])[0])
    assert row["tools"] == TOOLS
    assert row["messages"] == [
        {"role": "user", "content": "question 0"},
        {
            "role": "assistant",
            "content": "I run them.",
            "reasoning_content": "two to run",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "run", "arguments": '{"command":"a"}'}},
                {"id": "b", "type": "function", "function": {"name": "run", "arguments": '{"command":"b"}'}},
            ],
        },
        {"role": "tool", "content": "1", "tool_call_id": "a"},
        {"role": "tool", "content": "2", "tool_call_id": "b"},
    ]


def test_a_result_of_all_calls_answers_the_last_that_is_open() -> None:
    found = act(ObservationResult(source_call_id="b", content="2"), ObservationResult(content="screen"))
    assert [each.get("tool_call_id") for each in messages_of(found)[2:]] == ["b", "a"]


def test_every_call_is_answered_once_where_one_result_is_of_all() -> None:
    messages = messages_of(act(ObservationResult(content="screen")))[2:]
    assert [(each["tool_call_id"], each["content"]) for each in messages] == [("a", ""), ("b", "screen")]
    more = messages_of(
        act(*(ObservationResult(source_call_id=each, content=each) for each in "ab"), ObservationResult(content="x"))
    )
    assert more[-1] == {"role": "tool", "content": "x"}


def test_a_result_of_no_call_is_what_the_user_says() -> None:
    assert messages_of(act(ObservationResult(content="screen"), calls=[]))[-1] == {"role": "user", "content": "screen"}


def test_bare_messages_are_those_of_the_row() -> None:
    answer = Step(step_id=3, source="user", message="old", extra={"original_role": "tool", "original_fields": {"n": 1}})
    found = msgspec.structs.replace(talk(0), steps=[*talk(0).steps, answer])
    assert messages_of(found) == [
        {"role": "user", "content": "question 0"},
        {"role": "assistant", "content": "answer 0"},
        {"role": "tool", "content": "old", "n": 1},
    ]
    assert "tools" not in openai_row(as_rows([found])[0])


def test_images_are_named_in_the_text() -> None:
    *_, last = chat_messages(EVERYTHING)
    assert last.role == "user"
    assert "[audio/wav: audio/q.wav]" in next(iter(chat_messages(EVERYTHING))).content


def test_in_a_table_the_tools_are_json_text() -> None:
    (row,) = openai_batch(as_rows([act(ObservationResult(content="screen"))])).to_pylist()
    assert json.loads(row["tools"]) == TOOLS
    assert row["messages"][1]["tool_calls"][0]["function"] == {"name": "run", "arguments": '{"command":"a"}'}
    assert row["messages"][0]["tool_calls"] is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tool_calls": [{"id": 5, "function": {"name": 1, "arguments": [1]}}]}, ("5", "1", "[1]")),
        ({"tool_calls": [{"name": "run", "arguments": "{}"}]}, (None, "run", "{}")),
        ({"tool_calls": '[{"id": "a", "function": {"name": "run", "arguments": "{}"}}]'}, ("a", "run", "{}")),
        ({"function_call": {"name": "run", "arguments": "{}"}}, (None, "run", "{}")),
    ],
)
def test_calls_of_other_shapes_are_in_the_table_too(fields: dict[str, Any], expected: tuple[str, ...]) -> None:
    step = Step(step_id=1, source="agent", message="a", extra={"original_fields": fields | {"tool_call_id": 7}})
    (row,) = openai_batch(as_rows([msgspec.structs.replace(talk(0), steps=[step])])).to_pylist()
    (call,) = row["messages"][0]["tool_calls"]
    assert (call["id"], call["function"]["name"], call["function"]["arguments"]) == expected
    assert row["messages"][0]["tool_call_id"] == "7"


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_calls": [{"id": 1, "function": {"name": "run", "arguments": {"a": 1}}}, "odd"]},
        {"tool_calls": "odd"},
        {"content": ["parts"], "name": 3},
    ],
    ids=str,
)
def test_a_rows_own_odd_fields_fit_into_a_table(fields: dict[str, Any]) -> None:
    step = Step(step_id=1, source="agent", message="", extra={"original_fields": fields})
    (row,) = openai_batch(as_rows([msgspec.structs.replace(talk(0), steps=[step])])).to_pylist()
    (message,) = row["messages"]
    if isinstance(fields.get("tool_calls"), list):
        assert message["tool_calls"][0]["function"]["arguments"] == '{"a":1}'


# ---- ShareGPT -------------------------------------------------------------------------------------------------------


def test_turns_have_the_names_of_sharegpt() -> None:
    row = sharegpt_row(as_rows([act(ObservationResult(content="screen"))])[0])
    (question, answer) = row["conversations"]
    assert question == {"from": "human", "value": "question 0"}
    assert answer["from"] == "gpt"
    assert answer["value"].startswith("<think>two to run</think>\nI run them.\n<tool_call>\n")
    (tabled,) = sharegpt_batch(as_rows([talk(0)])).to_pylist()
    turns = [{name: value for name, value in turn.items() if value is not None} for turn in tabled["conversations"]]
    assert tabled | {"conversations": turns} == sharegpt_row(as_rows([talk(0)])[0])


# ---- the Hub's viewer -----------------------------------------------------------------------------------------------


def test_a_session_is_a_header_and_messages() -> None:
    found = act(ObservationResult(source_call_id="a", content="1"))
    (row,) = as_rows([found])
    header, question, answer, result = map(json.loads, session_lines(row).splitlines())
    assert header.pop("tools") == TOOLS
    assert header == {"type": "session", "harness": "terminus-2", "id": "run-1-0", "name": "task_0__abc", "row": 0}
    assert question == {
        "type": "message",
        "message": {"role": "user", "content": "question 0", "timestamp": 1762986137000},
    }
    assert answer["message"] == {
        "role": "assistant",
        "content": "I run them.",
        "reasoningContent": "two to run",
        "toolCalls": [
            {"id": "a", "function": {"name": "run", "arguments": '{"command":"a"}'}},
            {"id": "b", "function": {"name": "run", "arguments": '{"command":"b"}'}},
        ],
        "timestamp": 1762986137000,
        "model": "teacher",
    }
    assert result["message"] == {"role": "tool", "content": "1", "toolCallId": "a", "timestamp": 1762986137000}


def test_sessions_have_ids_of_their_own() -> None:
    rows = as_rows([talk(0), talk(1), msgspec.structs.replace(talk(2), trajectory_id="own")])
    assert [session_of(row) for row in rows] == ["run-1-0", "run-1-1", "own"]


# ---- steps ----------------------------------------------------------------------------------------------------------


def test_a_row_a_step() -> None:
    batch = steps_batch(as_rows([act(ObservationResult(content="screen")), EVERYTHING]))
    assert batch.schema == SCHEMA
    assert batch.num_rows == 2 + len(EVERYTHING.steps)
    row = batch.to_pylist()[1]
    assert {name: value for name, value in row.items() if value is not None} == {
        "row": 0,
        "trajectory": "run-1-0",
        "name": "task_0__abc",
        "step_id": 2,
        "timestamp": "2025-11-12T22:22:17Z",
        "source": "agent",
        "model": "teacher",
        "message": "I run them.",
        "reasoning": "two to run",
        "calls": 2,
        "functions": ["run", "run"],
        "tool_calls": msgspec.json.encode(CALLS).decode(),
        "results": 1,
        "observation": "screen",
    }
    tokens = sum(filter(None, batch.column("prompt_tokens").to_pylist()))
    assert tokens == sum(step.metrics.prompt_tokens or 0 for step in EVERYTHING.steps if step.metrics)


# ---- any trajectory -------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(trajectories)
def test_every_shape_takes_any_trajectory(found: atif.Trajectory) -> None:
    rows = as_rows([found])
    assert steps_batch(rows).num_rows == len(found.steps)
    assert openai_batch(rows).num_rows == sharegpt_batch(rows).num_rows == 1
    assert all(json.loads(line)["type"] for line in session_lines(rows[0]).splitlines())
    name = safe_name(rows[0])
    assert check_path(name) == name
    assert name.isascii()
    assert len(name) <= LONGEST + 9
