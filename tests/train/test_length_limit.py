"""Runs of too many tokens: left out, their tool outputs cut, or several runs."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("jinja2", reason="the extra train is not installed")

from hfsvc.train.chat_template import ChatTemplate, TemplateRefused  # isort: skip
from hfsvc.train.chats import Chat, chat_of, for_template  # isort: skip
from hfsvc.train.length_limit import LengthLimit, cut_middle, fit  # isort: skip

from hfsvc.atif import ObservationResult, Trajectory, decode, encode  # isort: skip
from hfsvc.export.sharegpt_turns import sharegpt_row  # isort: skip
from hfsvc.models import TrajectoryRow  # isort: skip
from hfsvc.trajectories.layouts.conversation import Conversation, Message, RowLocation  # isort: skip
from hfsvc.trajectories.styles import messages as bare  # isort: skip
from hfsvc.trajectories.styles import structured  # isort: skip

from ..export.documents import as_rows
from ..export.test_shapes import act


def row_of(messages: list[dict[str, Any]], style: Any = bare) -> TrajectoryRow:
    """A row with these messages."""
    said = [
        Message(each["role"], each["content"], {name: each[name] for name in each.keys() - {"role", "content"}})
        for each in messages
    ]
    trajectory, fidelity = style.build(Conversation(said, {}), RowLocation("acme/runs", "0" * 40, "a.jsonl", 0, 0))
    return msgspec.structs.replace(as_rows([trajectory])[0], fidelity=fidelity)


def run_of(messages: list[dict[str, Any]]) -> Trajectory:
    return row_of(messages).trajectory


def messages_of(run: Trajectory) -> list[dict[str, Any]]:
    return chat_of(as_rows([run])[0]).messages


def count(run: Trajectory) -> int:
    """A letter a token, and three a message."""
    return sum(3 + len(each["content"]) for each in messages_of(run))


def message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


HEAD = [message("system", "be good"), message("user", "do it")]
MESSAGES = [
    *HEAD,
    *(message("assistant", "a1"), message("tool", "x" * 1000)),
    *(message("assistant", "a2"), message("tool", "y" * 300), message("tool", "short")),
    *(message("assistant", "a3"), message("user", "more"), message("assistant", "a4")),
]
LONG = run_of(MESSAGES)


def test_what_fits_stays_as_it_is() -> None:
    for how in ("drop", "truncate-tools", "split-episodes"):
        (same,) = fit(LONG, LengthLimit(count(LONG), how), count).runs
        assert same is LONG


def test_what_does_not_fit_is_left_out() -> None:
    assert fit(LONG, LengthLimit(count(LONG) - 1), count).runs == []


def test_the_largest_outputs_are_cut_first_as_little_as_needed() -> None:
    found = fit(LONG, LengthLimit(900, "truncate-tools"), count)
    (made,) = found.runs
    assert found.cut_outputs == 1
    assert 880 <= count(made) <= 900
    said = messages_of(made)
    assert said[3]["content"].startswith("xxxx")
    assert said[5] == MESSAGES[5]
    cut = int(re.findall(r"\[\.\.\. (\d+) characters left out \.\.\.\]", said[3]["content"])[0])
    assert said[3]["content"].count("x") == 1000 - cut
    assert fit(LONG, LengthLimit(400, "truncate-tools"), count).cut_outputs == 2
    assert fit(LONG, LengthLimit(20, "truncate-tools"), count).runs == []
    assert messages_of(LONG) == MESSAGES


def test_a_row_becomes_several_each_with_its_task() -> None:
    found = fit(LONG, LengthLimit(400, "split-episodes"), count)
    assert found.dropped_turns == 1
    assert [*map(messages_of, found.runs)] == [[*HEAD, *MESSAGES[4:]]]
    two = fit(LONG, LengthLimit(340, "split-episodes"), count)
    assert [*map(messages_of, two.runs)] == [[*HEAD, *MESSAGES[4:7]], [*HEAD, *MESSAGES[7:]]]
    assert [step.step_id for step in two.runs[1].steps] == [1, 2, 3, 4, 5]


def test_a_row_without_answers_has_no_episodes() -> None:
    assert fit(run_of(HEAD), LengthLimit(1, "split-episodes"), count).runs == []


CALL = {"id": "c1", "type": "function", "function": {"name": "run", "arguments": '{"a": 1}'}}
RESULT = {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "z" * 500}]}
SHAPES = {
    "a message of the tool": [
        message("user", "go"),
        message("assistant", "I look") | {"tool_calls": [CALL]},
        message("tool", "z" * 500) | {"tool_call_id": "c1"},
        message("assistant", "done"),
    ],
    "a block": [
        message("user", "go"),
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "run", "input": {"a": 1}}]},
        {"role": "user", "content": [RESULT]},
        message("assistant", "done"),
    ],
    "parts of a message of the tool": [
        message("user", "go"),
        message("assistant", "I look") | {"tool_calls": [CALL]},
        {"role": "tool", "content": [{"type": "text", "text": "z" * 500}], "tool_call_id": "c1"},
        message("assistant", "done"),
    ],
}


@pytest.mark.parametrize("style", [bare, structured], ids=["messages", "structured"])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_output_is_cut_wherever_a_row_holds_it_and_in_every_format(shape: str, style: Any) -> None:
    row = row_of(SHAPES[shape], style)

    def length(run: Trajectory) -> int:
        return sum(len(each["content"]) for each in chat_of(msgspec.structs.replace(row, trajectory=run)).messages)

    found = fit(row.trajectory, LengthLimit(200, "truncate-tools"), length)
    (made,) = found.runs
    assert found.cut_outputs == 1
    cut = msgspec.structs.replace(row, trajectory=made)
    for text in (json.dumps(chat_of(cut).messages), json.dumps(sharegpt_row(cut)), encode(made).decode()):
        assert "characters left out" in text
        assert "z" * 500 not in text
    # Besides the output nothing is another one.
    assert [each["role"] for each in chat_of(cut).messages] == [each["role"] for each in chat_of(row).messages]
    assert decode(encode(made)) == made


@pytest.mark.parametrize("style", [bare, structured], ids=["messages", "structured"])
def test_episodes_are_the_same_in_every_format(style: Any) -> None:
    row = row_of([*SHAPES["a message of the tool"], message("user", "on"), message("assistant", "gone")], style)

    def answers(run: Trajectory) -> int:
        return sum(step.source == "agent" for step in run.steps)

    found = fit(row.trajectory, LengthLimit(1, "split-episodes"), answers)
    rows = [msgspec.structs.replace(row, trajectory=each) for each in found.runs]
    chats = [[each["content"] for each in chat_of(each).messages] for each in rows]
    assert chats == [["go", "I look", "z" * 500], ["go", "done", "on"], ["go", "gone"]]
    assert [len(sharegpt_row(each)["conversations"]) for each in rows] == [3, 3, 2]


messages = st.builds(message, st.sampled_from(["assistant", "tool", "user"]), st.text("ab", max_size=300))


@given(st.lists(messages, max_size=8), st.integers(1, 900), st.sampled_from(["truncate-tools", "split-episodes"]))
def test_whatever_comes_out_fits_and_nothing_is_made_up(turns: list[Any], most: int, how: Any) -> None:
    run = run_of([*HEAD, *turns])
    found = fit(run, LengthLimit(most, how), count)
    assert all(count(each) <= most for each in found.runs)
    if how == "split-episodes" and count(run) > most:
        answers = sum(each["role"] == "assistant" for each in turns)
        made = sum(each["role"] == "assistant" for part in found.runs for each in messages_of(part))
        assert made + found.dropped_turns == answers


@given(st.text(max_size=200), st.integers(0, 200))
def test_a_cut_text_says_how_much_is_gone(text: str, kept: int) -> None:
    made = cut_middle(text, min(kept, len(text)))
    assert len(made) <= len(text)
    if made != text:
        head, gone, tail = re.split(r"\n\[\.\.\. (\d+) characters left out \.\.\.\]\n", made)
        assert text.startswith(head)
        assert text.endswith(tail)
        assert len(head) + len(tail) + int(gone) == len(text)


PLAIN = ChatTemplate({"default": "{{ messages | tojson }}"}, {})


def test_a_template_that_wants_arguments_as_text_gets_text() -> None:
    (row,) = as_rows([act(ObservationResult(source_call_id="a", content="1"))])
    joins = "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ 'x' + c.function.arguments }}{% endfor %}{% endfor %}"
    assert for_template(ChatTemplate({"default": joins}, {}), chat_of(row)) == chat_of(row).messages
    never = ChatTemplate({"default": "{{ raise_exception('never') }}"}, {})
    with pytest.raises(TemplateRefused, match="never"):
        for_template(never, chat_of(row))


def test_a_trajectory_is_a_chat_whose_arguments_templates_get_as_objects() -> None:
    (row,) = as_rows([act(ObservationResult(source_call_id="a", content="1"))])
    chat = chat_of(row)
    calls = [each["tool_calls"] for each in for_template(PLAIN, chat) if "tool_calls" in each]
    assert [call["function"]["arguments"] for call in calls[0]] == [{"command": "a"}, {"command": "b"}]
    assert chat.messages[1]["tool_calls"][0]["function"]["arguments"] == '{"command":"a"}'
    assert chat.tools is not None
    odd = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": "[1"}}, "x"]}
    made = for_template(PLAIN, Chat([odd]))[0]["tool_calls"]
    assert made == [{"function": {"name": "f", "arguments": "[1"}}, "x"]
