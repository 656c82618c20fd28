"""Calls as chat templates accept them: each answered, each in a step of its own where asked, tools named."""

import json
from pathlib import Path
from typing import Any

import pytest

from hfsvc import atif
from hfsvc.atif import Agent, Observation, ObservationResult, Step, ToolCall, Trajectory
from hfsvc.export import ExportRequest, export_trajectories
from hfsvc.export.single_calls import one_call_a_step
from hfsvc.testing import FakeTrajectorySource

from ..trajectories.tables import open_source, parquet, row


def batch(*commands: str, done: bool = False) -> str:
    held = [{"keystrokes": f"{each}\n", "duration": 0.1} for each in commands]
    return json.dumps({"analysis": "a", "plan": "p", "commands": held, "task_complete": done})


def talk(*contents: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[index % 2], "content": text} for index, text in enumerate(contents)]


RUN = row(
    0,
    conversations=talk(
        "task", batch("ls", "pwd"), "New Terminal Output:\nx", batch("cat", done=True), "sure?", batch(done=True)
    ),
)


async def exported(root: Path, path: Path, **asked: Any) -> dict[str, Any]:
    source = await open_source(root, {"a.parquet": parquet([RUN])}, style="structured")
    await export_trajectories(source, ExportRequest(path=path, format="openai", **asked))
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def unanswered(messages: list[dict[str, Any]]) -> list[str]:
    called = [call["id"] for each in messages[:-1] for call in each.get("tool_calls", ())]
    return [id for id in called if id not in [each.get("tool_call_id") for each in messages]]


@pytest.mark.parametrize("single", [False, True])
async def test_every_call_that_something_follows_is_answered(root: Path, tmp_path: Path, single: bool) -> None:
    found = await exported(root, tmp_path / "a.jsonl", one_call_a_step=single)
    assert unanswered(found["messages"]) == []
    assert [tool["function"]["name"] for tool in found["tools"]] == ["bash_command", "mark_task_complete"]


async def test_steps_of_several_calls_become_steps_of_one(root: Path, tmp_path: Path) -> None:
    found = await exported(root, tmp_path / "a.jsonl", one_call_a_step=True)
    turns = [(each["role"], len(each.get("tool_calls", ())), each["content"]) for each in found["messages"]]
    assert turns[1:5] == [
        ("assistant", 1, "Analysis: a\nPlan: p"),
        ("tool", 0, ""),
        ("assistant", 1, ""),
        ("tool", 0, "New Terminal Output:\nx"),
    ]
    assert all(calls <= 1 for _, calls, _ in turns)


def test_results_go_with_the_calls_that_they_name() -> None:
    calls = [ToolCall(tool_call_id=id, function_name="f", arguments={}) for id in "abc"]
    results = [ObservationResult(source_call_id=id, content=id) for id in "cab"]
    step = Step(
        step_id=1,
        source="agent",
        message="m",
        reasoning_content="r",
        tool_calls=calls,
        observation=Observation(results=results),
    )
    document = Trajectory(schema_version="ATIF-v1.7", session_id="s", agent=Agent(name="n", version="1"), steps=[step])
    made = one_call_a_step(document)
    assert [(each.step_id, each.message, each.reasoning_content) for each in made.steps] == [
        (1, "m", "r"),
        (2, "", None),
        (3, "", None),
    ]
    assert [
        [(result.source_call_id, result.content) for result in each.observation.results]
        for each in made.steps
        if each.observation
    ] == [
        [("a", "a")],
        [("b", "b")],
        [("c", "c")],
    ]
    assert atif.check(atif.encode(made)).valid
    assert one_call_a_step(made) is made


async def test_other_tools_are_not_named_for_a_harness(tmp_path: Path) -> None:
    call = ToolCall(tool_call_id="1", function_name="search", arguments={})
    step = Step(step_id=1, source="agent", message="m", tool_calls=[call])
    document = Trajectory(schema_version="ATIF-v1.7", session_id="s", agent=Agent(name="n", version="1"), steps=[step])
    await export_trajectories(
        FakeTrajectorySource([document]), ExportRequest(path=tmp_path / "a.jsonl", format="openai")
    )
    assert "tools" not in json.loads((tmp_path / "a.jsonl").read_text())
