"""Whole runs that one message holds: steps with calls and what came of them, or text as it was."""

from typing import Any

import pytest

from hfsvc import atif
from hfsvc.atif import Step
from hfsvc.trajectories.layouts.conversation import Conversation, Message
from hfsvc.trajectories.styles.notations.whole_runs import run_in
from hfsvc.trajectories.styles.to_rows import to_rows
from tests.trajectories.talks import convert, rows_of

REACT = """Thought: I look.
Action: search
Action Input: {"q": "x"}
Observation: found
two lines
Thought: I write.
Action: write
Action Input: {}
Observation: ok
Thought: I know.
Final Answer: 5"""
SEARCH = "<think>a</think>\n<search> x </search>\n\n<information>r</information>\n<think>b</think>\n<answer>5</answer>"


def steps_of(*contents: Any) -> list[Step]:
    made = [Message("user", "go"), *(Message("assistant", each) for each in contents), Message("user", "thanks")]
    conversation = Conversation(made, {})
    trajectory, fidelity = convert(conversation, "structured")
    assert atif.check(atif.encode(trajectory)).valid
    assert to_rows(trajectory) == rows_of(conversation)
    assert fidelity.calls == sum(len(step.tool_calls or ()) for step in trajectory.steps)
    return [step for step in trajectory.steps if step.source == "agent"]


def told(step: Step) -> tuple[Any, ...]:
    (call,) = step.tool_calls or (None,)
    results = step.observation.results if step.observation else []
    answers = [each.content for each in results if call and each.source_call_id == call.tool_call_id]
    return step.reasoning_content, call and (call.function_name, call.arguments), answers, step.message


def test_a_run_of_react_is_a_step_a_turn() -> None:
    assert list(map(told, steps_of(REACT))) == [
        ("I look.", ("search", {"q": "x"}), ["found\ntwo lines"], ""),
        ("I write.", ("write", {}), ["ok"], ""),
        ("I know.", None, [], "Final Answer: 5"),
    ]


def test_an_action_that_is_none_calls_nothing_before_the_answer() -> None:
    run = REACT.replace("Final Answer", "Action: None\nFinal Answer")
    assert list(map(told, steps_of(run))) == list(map(told, steps_of(REACT)))
    assert run_in(REACT.replace("Action: write", "Action: none needed")) is None


def test_a_run_of_searches_is_a_step_a_turn() -> None:
    assert list(map(told, steps_of(SEARCH))) == [
        ("a", ("search", {"query": "x"}), ["r"], ""),
        ("b", None, [], "<answer>5</answer>"),
    ]


def test_the_environment_answers_the_last_call_of_a_run() -> None:
    cut = REACT[: REACT.index("ok\nThought")]
    *_, last = steps_of(cut)
    assert told(last) == ("I write.", ("write", {}), ["thanks"], "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "prose",
        "Observation: a",
        "Thought: a\nFinal Answer: b",
        f"It is so:\n{REACT}",
        REACT.replace("Observation: ok\n", "Action: again\n"),
        REACT.replace("Action: search", "Action:"),
        SEARCH.replace("</search>", "</search> and <search>y</search>"),
        SEARCH.replace("</search>", ""),
    ],
)
def test_what_is_no_plain_run_stays_text(text: str) -> None:
    assert run_in(text) is None
    (step,) = steps_of(text)
    assert step.message or not text
