"""Turns that are as nearly all are become what the general way makes of them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.atif import Trajectory
from hfsvc.models import Fidelity
from hfsvc.trajectories.layouts.conversation import Conversation, Message, RowLocation
from hfsvc.trajectories.styles import step_builder
from hfsvc.trajectories.styles.plain_turn import plain_turn
from hfsvc.trajectories.styles.structured import build
from hfsvc.trajectories.styles.to_rows import to_rows

LOCATION = RowLocation("acme/runs", "0" * 40, "a.parquet", 3, 3)


def batch(*keystrokes: str, **fields: Any) -> str:
    commands = [{"keystrokes": each, "duration": 0.5} for each in keystrokes]
    return json.dumps({"analysis": "It builds.", "plan": "Go on.", "commands": commands} | fields)


PLAIN = (
    batch("ls\n"),
    batch("ls\n", "make\n"),
    batch(),
    batch("ls\n", task_complete=True),
    batch(task_complete=True, analysis="", plan=""),
    batch("cat <<EOF\n"),
    f" {batch('ls')}\n",
)
UNUSUAL = (
    batch("echo '</think>'\n"),
    batch("ls\n", task_complete="true"),
    batch("ls\n", mood="good"),
    f"<think>Well.</think>{batch('ls')}",
    "<think>" + batch("ls"),
    batch("ls")[:-1],
    batch("ls") + "</tool_call>",
    "I am done.",
    "",
)
SCREENS = (
    "New Terminal Output:\n$ ls\n",
    "$ ",
    "",
    "Previous response had parsing errors:\nERROR: no commands",
    "<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response>",
    '[{"name": "bash_command", "results": 1}, {"name": "other", "results": 2}]',
    "Observation: 7",
)
agents = st.sampled_from(PLAIN + UNUSUAL).map(lambda text: Message("assistant", text))
users = st.sampled_from(SCREENS).map(lambda text: Message("user", text))
others = st.sampled_from([
    Message("system", "You are in a terminal."),
    Message("tool", "7"),
    Message("human", "And now?"),
    Message("gpt", batch("ls\n")),
    Message("user", None),
    Message("user", [{"type": "text", "text": "See."}]),
    Message("user", "And this.", {"name": "Ada"}),
    Message("assistant", batch("ls\n"), {"reasoning_content": "Hm."}),
    Message("assistant", batch("ls\n"), {"tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}]}),
    Message("assistant", [{"type": "text", "text": batch("ls\n")}]),
])
turns = st.tuples(agents, users).map(list)
rows = st.lists(
    st.one_of(turns, turns, turns, *(each.map(lambda one: [one]) for each in (agents, users, others))), min_size=1
)


def built(messages: list[Message]) -> tuple[Trajectory, Fidelity]:
    return build(Conversation(messages, {"run_id": "r1"}, ()), LOCATION)


def general(messages: list[Message]) -> tuple[Trajectory, Fidelity]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step_builder, "plain_turn", lambda *_: None)
        return built(messages)


@given(rows)
def test_a_row_becomes_what_the_general_way_makes_of_it(parts: list[list[Message]]) -> None:
    messages = [message for part in parts for message in part]
    assert built(messages) == general(messages)


@pytest.mark.parametrize("text", PLAIN)
@pytest.mark.parametrize("screen", SCREENS[:2])
def test_a_plain_turn_is_taken_with_its_screen(text: str, screen: str) -> None:
    messages = [Message("user", "Build it."), Message("assistant", text), Message("user", screen)]
    draft = plain_turn(messages, 1, 0)
    assert draft
    assert draft.end == 2
    assert [each.content for each in draft.results] == [screen]
    trajectory, _ = built(messages)
    assert to_rows(trajectory) == [{"role": each.role, "content": each.content} for each in messages]


@pytest.mark.parametrize("text", UNUSUAL)
def test_what_is_unusual_is_left_to_the_general_way(text: str) -> None:
    assert plain_turn([Message("assistant", text)], 0, 0) is None


def test_a_batch_that_the_harness_refused_is_none() -> None:
    assert plain_turn([Message("assistant", PLAIN[0]), Message("user", SCREENS[3])], 0, 0) is None
