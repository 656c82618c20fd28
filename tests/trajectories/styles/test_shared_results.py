"""Which calls share a result: in what is rebuilt, and in documents."""

import json

import pytest

from hfsvc import atif
from hfsvc.models import SharedResult
from hfsvc.trajectories.layouts.conversation import Conversation, Message, RowLocation
from hfsvc.trajectories.styles.convert import fidelity_of
from hfsvc.trajectories.styles.structured import build

PLACE = RowLocation("acme/notes", "0" * 40, "a.parquet", 0, 0)


def act(*commands: str) -> Message:
    keys = [{"keystrokes": f"{each}\n", "duration": 0.1} for each in commands]
    return Message(
        "assistant", json.dumps({"analysis": "a", "plan": "p", "commands": keys, "task_complete": False}), {}
    )


def screen(text: str) -> Message:
    return Message("user", f"New Terminal Output:\n\n{text}", {})


def test_commands_of_one_screen_share_it() -> None:
    messages = [Message("user", "do it", {}), act("ls", "pwd"), screen("both"), act("id"), screen("one"), act("a", "b")]
    trajectory, fidelity = build(Conversation(messages, {}), PLACE)
    calls = tuple(call.tool_call_id for call in trajectory.steps[1].tool_calls or ())
    assert len(calls) == 2
    # A single call has its result for itself, and calls without one share none.
    assert fidelity.shared_results == (SharedResult(step=trajectory.steps[1].step_id, calls=calls),)


@pytest.mark.parametrize(
    ("named", "shared"),
    [
        ([None], ("a", "b", "c")),
        ([None, None], ("a", "b", "c")),
        (["a", None], ("b", "c")),
        ([None, None, None], ()),
        (["a", "b", None], ()),
        (["a", "b", "c"], ()),
        ([], ()),
    ],
)
def test_results_that_name_no_call_are_shared_by_those_that_wait(
    named: list[str | None], shared: tuple[str, ...]
) -> None:
    calls = [atif.ToolCall(tool_call_id=each, function_name="f", arguments={}) for each in "abc"]
    results = [atif.ObservationResult(source_call_id=each, content="x") for each in named]
    step = atif.Step(
        step_id=4, source="agent", message="", tool_calls=calls, observation=atif.Observation(results=results)
    )
    document = atif.Trajectory(schema_version="ATIF-v1.7", agent=atif.Agent(name="me", version="1"), steps=[step])
    found = fidelity_of(document).shared_results
    assert found == ((SharedResult(step=4, calls=shared),) if shared else ())
