"""Which call a result answers, where no id says so; and calls and results that are blocks of a content."""

from typing import Any

import pytest

from hfsvc import atif
from hfsvc.models import Fidelity
from hfsvc.trajectories.layouts.conversation import Conversation, Message
from hfsvc.trajectories.styles.content_blocks import blocks_of, responses_in, without_blocks
from hfsvc.trajectories.styles.open_calls import assign
from hfsvc.trajectories.styles.to_rows import to_rows
from tests.trajectories.talks import convert, rows_of

USER = Message("user", "go")
DONE = Message("assistant", "done")
TWO = '<tool_call>{"name": "f"}</tool_call>\n<tool_call>{"name": "g"}</tool_call>'


def called(*names: str, **ids: str) -> Message:
    calls = [
        {"function": {"name": name, "arguments": {}}} | ({"id": ids[name]} if name in ids else {}) for name in names
    ]
    return Message("assistant", "", {"tool_calls": calls})


def tool(content: Any, role: str = "tool", **fields: Any) -> Message:
    return Message(role, content, fields)


def answers(*messages: Message) -> list[tuple[Any, str | None]]:
    """Every result, and what the call is that it names."""
    conversation = Conversation([USER, *messages, DONE], {})
    trajectory, fidelity = convert(conversation, "structured")
    assert to_rows(trajectory) == rows_of(conversation)
    assert atif.check(atif.encode(trajectory)).valid
    found = []
    for step in trajectory.steps:
        names = {call.tool_call_id: call.function_name for call in step.tool_calls or ()}
        results = step.observation.results if step.observation else []
        found += [(each.content, names[each.source_call_id] if each.source_call_id else None) for each in results]
    assert fidelity.answered == len({name for _, name in found if name})
    return found


@pytest.mark.parametrize(
    ("calls", "results", "expected"),
    [
        ([], [], []),
        (["f"], [None], [0]),
        (["f", "g"], [None, None], [0, 1]),
        (["f", "g"], ["g", "f"], [1, 0]),
        (["f", "g"], ["functions.g", None], [1, 0]),
        (["f", "f"], ["f", "f"], [0, 1]),
        (["f", "f", "g"], ["f"], [None]),
        (["f", "g"], [None], [None]),
        (["f", "g"], ["g"], [1]),
        (["f"], [None, None], [0, None]),
        (["f"], ["other"], [0]),
        (["f", "g"], [None, None, None], [None, None, None]),
    ],
)
def test_which_call_a_result_answers(calls: list[str], results: list[str | None], expected: list[int | None]) -> None:
    assert assign(calls, results) == expected


def test_results_answer_by_name_and_in_order() -> None:
    assert answers(called("f", "g"), tool("1"), tool("2")) == [("1", "f"), ("2", "g")]
    assert answers(called("f", "g"), tool("2", name="g"), tool("1", name="f")) == [("2", "g"), ("1", "f")]


def test_an_answered_call_is_closed() -> None:
    assert answers(called("f", "g", f="a", g="b"), tool("1", tool_call_id="a"), tool("2")) == [("1", "f"), ("2", "g")]
    assert answers(called("f"), tool("1"), tool("more")) == [("1", "f"), ("more", None)]


def test_messages_that_are_calls_are_one_turn() -> None:
    one, two = (Message("tool_call", f'{{"name": "{name}", "arguments": {{}}}}') for name in "fg")
    assert answers(one, two, tool("1", "tool_response"), tool("2", "tool-response")) == [("1", "f"), ("2", "g")]
    assert answers(one, tool("1", "environment"), two, tool("2", "observation")) == [("1", "f"), ("2", "g")]


def test_a_result_after_a_remark_answers_the_call_before() -> None:
    assert answers(called("f", f="a"), Message("assistant", "wait"), tool("1")) == [("1", "f")]


@pytest.mark.parametrize("role", ["user", "tool"])
def test_several_responses_in_one_message_are_a_result_each(role: str) -> None:
    text = "<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response>"
    first, second = text.replace("\n<tool_response>", "|<tool_response>").split("|")
    assert answers(Message("assistant", TWO), tool(text, role)) == [(first, "f"), (second, "g")]
    more = text + "<tool_response></tool_response>"
    assert answers(Message("assistant", TWO), tool(more, role)) == [(more, None)]


def test_responses_are_all_that_a_message_says() -> None:
    assert responses_in("<tool_response>1</tool_response>") is None
    assert responses_in("<tool_response>1</tool_response> and <tool_response>2</tool_response>") is None
    assert responses_in(None) is None


# ---- blocks ---------------------------------------------------------------------------------------------------------


def use(name: str, id: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": arguments}


def result(id: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": content} | more


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def built(*messages: Message) -> tuple[atif.Trajectory, Fidelity]:
    conversation = Conversation([USER, *messages], {})
    trajectory, fidelity = convert(conversation, "structured")
    assert to_rows(trajectory) == rows_of(conversation)
    return trajectory, fidelity


def test_blocks_become_thinking_calls_and_results() -> None:
    thinking = {"type": "thinking", "thinking": "t", "signature": "s"}
    spoken = Message("assistant", [thinking, text("m"), use("f", "a", q=1), use("g", "b")])
    answer = Message("user", [result("b", "2", is_error=True), result("a", [text("1")]), text("go on")])
    trajectory, fidelity = built(spoken, answer, DONE)
    _, agent, user, _ = trajectory.steps
    assert (agent.message, agent.reasoning_content) == ("m", "t")
    assert [(each.tool_call_id, each.arguments) for each in agent.tool_calls or ()] == [("a", {"q": 1}), ("b", {})]
    assert agent.observation is not None
    assert [(each.source_call_id, each.content) for each in agent.observation.results] == [("b", "2"), ("a", "1")]
    assert (agent.observation.results[0].extra or {})["is_error"] is True
    assert (user.source, user.message) == ("user", "go on")
    assert (fidelity.calls, fidelity.answered, fidelity.notations) == (2, 2, {"blocks": 2})


def test_fields_of_other_blocks_are_null_in_a_column() -> None:
    nothing = {"thinking": None, "input": None, "tool_use_id": None, "text": None, "id": None, "name": None}
    found = blocks_of([nothing | text("m"), nothing | use("f", "a")])
    assert found is not None
    assert (found.thinking, found.calls) == (None, [use("f", "a")])


@pytest.mark.parametrize("content", [None, "a", [], ["a"], [text("a")], [{"type": "image"}], [{"type": ["odd"]}]])
def test_contents_without_blocks_are_left_alone(content: Any) -> None:
    assert blocks_of(content) is None
    message = Message("user", content)
    assert without_blocks(message) == [message]


def test_results_before_any_agent_are_steps_of_their_own() -> None:
    trajectory, _ = built(Message("user", [result("a", "1"), result("b", "2")]))
    assert [step.source for step in trajectory.steps] == ["user", "system", "system"]


def test_an_unknown_speaker_is_reported_where_it_holds_a_call() -> None:
    _, fidelity = built(Message("planner", TWO), DONE)
    assert [each.message for each in fidelity.kept_as_text] == [1]


def test_several_texts_of_a_message_are_read_as_one() -> None:
    shown = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    trajectory, fidelity = built(
        Message("assistant", [text("<think>t</think>a"), shown, text(TWO)]), tool("1"), tool("2"), DONE
    )
    agent = trajectory.steps[1]
    assert (agent.reasoning_content, fidelity.answered, fidelity.kept_as_text) == ("t", 2, ())
    assert isinstance(agent.message, list)
    assert [getattr(part, "text", "image") for part in agent.message] == ["a", "image"]
    trajectory, _ = built(Message("assistant", [text("a"), text(TWO)]), DONE)
    assert trajectory.steps[1].message == "a"
    trajectory, _ = built(Message("assistant", [text("a"), text("b")]), DONE)
    assert len(trajectory.steps[1].message) == 2


def test_images_of_results_are_parts_or_named() -> None:
    shown = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    held = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    of_mcp = {"type": "image", "data": "AAAA", "mimeType": "image/png"}
    answer = Message("user", [result("a", [shown, held, of_mcp])])
    trajectory, _ = built(Message("assistant", [use("f", "a")]), answer, DONE)
    observation = trajectory.steps[1].observation
    assert observation is not None
    content = observation.results[0].content
    assert isinstance(content, list)
    image, named, same = content
    assert same == named
    assert isinstance(image, atif.ImagePart)
    assert image.source.path == "https://example.org/a.png"
    assert isinstance(named, atif.TextPart)
    assert named.text.startswith("[an image of 26 characters: data:image/png")


# ---- rounds ---------------------------------------------------------------------------------------------------------

HURRY, WAIT, NOTE = Message("user", "hurry"), Message("assistant", "wait"), Message("system", "note")


@pytest.mark.parametrize("remark", [HURRY, WAIT, NOTE, Message("user", [text("look"), text("here")])], ids=str)
def test_remarks_may_stand_between_calls_and_results(remark: Message) -> None:
    expected = [("1", "f"), ("2", "g")]
    assert answers(called("f", "g"), tool("1"), remark, tool("2")) == expected
    assert answers(called("f", "g"), remark, tool("1"), tool("2")) == expected
    assert sorted(answers(called("f", "g"), tool("2", name="g"), remark, tool("1"))) == expected
    assert answers(Message("assistant", TWO), tool("1"), remark, tool("2")) == expected


def test_rounds_are_told_apart_by_the_next_calls() -> None:
    more = Message("assistant", '<tool_call>{"name": "h"}</tool_call>')
    assert answers(called("f", "g"), tool("1"), WAIT, tool("2"), HURRY, more, HURRY, tool("3")) == [
        ("1", "f"),
        ("2", "g"),
        ("3", "h"),
    ]
    assert answers(called("f", "g"), tool("1"), more, tool("3")) == [("1", None), ("3", "h")]


def test_an_open_call_of_an_earlier_turn_is_answered_late() -> None:
    assert answers(called("f", "g"), tool("1", name="f"), called("h"), tool("2", name="g")) == [("1", "f"), ("2", "g")]
    assert answers(called("f"), HURRY, called("g"), tool("1"), tool("2")) == [("1", "f"), ("2", "g")]


def test_ids_that_are_counted_anew_belong_to_the_last_turn() -> None:
    first, second = called("f", f="call_0"), called("g", g="call_0")
    answer = tool("1", tool_call_id="call_0"), tool("2", tool_call_id="call_0")
    assert answers(first, answer[0], second, answer[1]) == [("1", "f"), ("2", "g")]
    assert answers(first, HURRY, second, answer[1]) == [("2", "g")]
    assert answers(first, second, *answer) == [("1", "f"), ("2", "g")]


@pytest.mark.parametrize("id", [0, 7, 7.0, "7"])
def test_ids_may_be_numbers(id: Any) -> None:
    calls = Message("assistant", "", {"tool_calls": [{"id": id, "name": "f"}, {"id": 8, "name": "g"}]})
    assert answers(calls, tool("2", tool_call_id=8), tool("1", tool_call_id=id)) == [("2", "g"), ("1", "f")]


@pytest.mark.parametrize("key", ["tool_call_id", "call_id", "tool_use_id", "toolCallId"])
def test_ids_have_several_names(key: str) -> None:
    assert answers(called("f", "g", f="a", g="b"), tool("2", **{key: "b"}), tool("1", **{key: "a"})) == [
        ("2", "g"),
        ("1", "f"),
    ]


def test_an_id_of_no_call_is_reported() -> None:
    wrong = tool("1", tool_call_id="wrong")
    _, fidelity = built(called("f", f="a"), wrong, DONE)
    assert fidelity.answered == 0
    assert [(each.message, each.reason) for each in fidelity.kept_as_text] == [(2, "it answers 'wrong', which is no call before it")]  # fmt: skip
    # Where no call has an id, it says nothing.
    assert answers(called("f", "g"), tool("2", name="g", tool_call_id="y"), wrong) == [("2", "g"), ("1", "f")]


def test_blocks_without_ids_answer_over_several_messages() -> None:
    uses = [{"type": "tool_use", "name": name, "input": {}} for name in "fg"]
    one, two = ([{"type": "tool_result", "content": each}] for each in "12")
    assert answers(Message("assistant", uses), Message("user", one), HURRY, Message("user", two)) == [
        ("1", "f"),
        ("2", "g"),
    ]


def test_a_list_of_results_with_the_names_of_the_calls_is_a_result_each() -> None:
    calls = Message("assistant", TWO)
    listed = '[{"name": "g", "results": {"é": 1}}, {"name": "f", "results": "2"}]'
    assert answers(calls, tool(listed)) == [('{"é": 1}', "g"), ("2", "f")]


@pytest.mark.parametrize(
    "listed",
    [
        '[{"name": "a.txt", "content": "1"}, {"name": "b.txt", "content": "2"}]',
        '[{"name": "f", "results": "1"}, {"name": "f", "results": "2"}]',
        '[{"name": "f", "results": "1", "more": 1}, {"name": "g", "results": "2"}]',
        '[{"name": "f", "results": "1"}, 2]',
        "[not JSON",
    ],
)
def test_any_other_list_is_one_result(listed: str) -> None:
    assert answers(Message("assistant", TWO), tool(listed)) == [(listed, None)]
    assert answers(Message("assistant", TWO), tool(listed), tool("2")) == [(listed, "f"), ("2", "g")]


CODE = "Thought: go\n\nCode:\n```py\nprint(1)\n```<end_code>"


def told(code: str, id: str = "call_1") -> Message:
    call = {"id": id, "type": "function", "function": {"name": "python_interpreter", "arguments": code}}
    return Message("tool-call", [{"type": "text", "text": f"Calling tools:\n{[call]}"}], {})


def test_the_memory_of_a_code_agent_tells_an_action_twice_and_it_is_one_call() -> None:
    result = [{"type": "text", "text": "Call id: call_1\nObservation:\n1\n"}]
    conversation = Conversation([USER, Message("assistant", CODE), told("print(1)"), tool(result, "tool-response")], {})
    trajectory, fidelity = convert(conversation, "structured")
    (call,) = [call for step in trajectory.steps for call in step.tool_calls or ()]
    assert (call.tool_call_id, call.arguments) == ("call_1", {"code": "print(1)"})
    assert (fidelity.calls, fidelity.answered, fidelity.kept_as_text) == (1, 1, ())
    assert trajectory.steps[1].reasoning_content == "go"
    assert to_rows(trajectory) == rows_of(conversation)


def test_another_call_after_code_is_another_call() -> None:
    conversation = Conversation([USER, Message("assistant", CODE), told("print(2)")], {})
    _, fidelity = convert(conversation, "structured")
    assert fidelity.calls == 2


def test_a_result_may_name_its_call_at_the_start_of_its_text() -> None:
    calls = [{"id": id, "function": {"name": name, "arguments": {}}} for id, name in (("1", "f"), ("2", "g"))]
    listed = Message("tool-call", f"Calling tools:\n{calls}", {})
    second, first = "Call id: 2\nObservation:\nb", "Call id: 1\nObservation:\na"
    assert sorted(answers(listed, tool(second), tool(first)), key=str) == [(first, "f"), (second, "g")]
