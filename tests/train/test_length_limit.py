"""Chats of too many tokens: left out, their tool outputs cut, or several chats."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("jinja2", reason="the extra train is not installed")

from hfsvc.train.chat_template import ChatTemplate, TemplateRefused  # isort: skip
from hfsvc.train.chats import Chat, chat_of, for_template  # isort: skip
from hfsvc.train.length_limit import LengthLimit, cut_middle, fit  # isort: skip

from hfsvc.atif import ObservationResult  # isort: skip

from ..export.documents import as_rows
from ..export.test_shapes import act


def count(chat: Chat) -> int:
    """A letter a token, and three a message."""
    return sum(3 + len(each["content"]) for each in chat.messages)


def message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


HEAD = [message("system", "be good"), message("user", "do it")]
LONG = Chat([
    *HEAD,
    *(message("assistant", "a1"), message("tool", "x" * 1000)),
    *(message("assistant", "a2"), message("tool", "y" * 300), message("tool", "short")),
    *(message("assistant", "a3"), message("user", "more"), message("assistant", "a4")),
])


def test_what_fits_stays_as_it_is() -> None:
    for how in ("drop", "truncate-tools", "split-episodes"):
        assert fit(LONG, LengthLimit(count(LONG), how), count).chats == [LONG]


def test_what_does_not_fit_is_left_out() -> None:
    assert fit(LONG, LengthLimit(count(LONG) - 1), count).chats == []


def test_the_largest_outputs_are_cut_first_as_little_as_needed() -> None:
    found = fit(LONG, LengthLimit(900, "truncate-tools"), count)
    (made,) = found.chats
    assert found.cut_outputs == 1
    assert 880 <= count(made) <= 900
    assert made.messages[3]["content"].startswith("xxxx")
    assert made.messages[5] == LONG.messages[5]
    cut = int(re.findall(r"\[\.\.\. (\d+) characters left out \.\.\.\]", made.messages[3]["content"])[0])
    assert made.messages[3]["content"].count("x") == 1000 - cut
    assert fit(LONG, LengthLimit(400, "truncate-tools"), count).cut_outputs == 2
    assert fit(LONG, LengthLimit(20, "truncate-tools"), count).chats == []
    assert LONG.messages[3]["content"] == "x" * 1000


def test_a_row_becomes_several_each_with_its_task() -> None:
    found = fit(LONG, LengthLimit(400, "split-episodes"), count)
    assert found.dropped_turns == 1
    assert [each.messages for each in found.chats] == [[*HEAD, *LONG.messages[4:]]]
    two = fit(LONG, LengthLimit(340, "split-episodes"), count)
    assert [each.messages for each in two.chats] == [[*HEAD, *LONG.messages[4:7]], [*HEAD, *LONG.messages[7:]]]


def test_a_row_without_answers_has_no_episodes() -> None:
    assert fit(Chat(HEAD), LengthLimit(1, "split-episodes"), count).chats == []


messages = st.builds(message, st.sampled_from(["assistant", "tool", "user"]), st.text("ab", max_size=300))


@given(st.lists(messages, max_size=8), st.integers(1, 900), st.sampled_from(["truncate-tools", "split-episodes"]))
def test_whatever_comes_out_fits_and_nothing_is_made_up(turns: list[Any], most: int, how: Any) -> None:
    chat = Chat([*HEAD, *turns])
    found = fit(chat, LengthLimit(most, how), count)
    assert all(count(each) <= most for each in found.chats)
    if how == "split-episodes" and count(chat) > most:
        answers = sum(each["role"] == "assistant" for each in turns)
        made = sum(each["role"] == "assistant" for part in found.chats for each in part.messages)
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
