import json
from typing import Any

import pytest
from hypothesis import given

from hfsvc.atif import Observation, ObservationResult, Step, ToolCall
from hfsvc.models import Fidelity, ReadOptions
from hfsvc.trajectories.layouts.conversation import Conversation, Message
from hfsvc.trajectories.styles.agent_message import read_agent_message
from hfsvc.trajectories.styles.convert import style_of
from hfsvc.trajectories.styles.notations.tools import tools_in
from hfsvc.trajectories.styles.to_rows import to_rows
from tests.trajectories.styles.notations.test_calls import FUNCTION, TAG
from tests.trajectories.styles.notations.test_terminus import LS, batch
from tests.trajectories.talks import LOCATION, PIECES, conversations, convert, rows_of, talk_of

OUTPUT = "New Terminal Output:\n$ ls\n"
SCREEN = "Current terminal state:\nAre you sure you want to mark the task as complete?"


def steps_of(*messages: Message, **columns: Any) -> list[Step]:
    """The steps, which must hold all that the messages do."""
    conversation = Conversation(list(messages), columns)
    trajectory, _ = convert(conversation, "structured")
    assert to_rows(trajectory) == rows_of(conversation)
    return trajectory.steps


def talk(*contents: Any) -> list[Step]:
    return steps_of(*talk_of(*contents).messages)


def agent(content: Any = "m", role: str = "assistant", **fields: Any) -> Message:
    return Message(role, content, fields)


def tool(content: Any = "o", role: str = "tool", **fields: Any) -> Message:
    return Message(role, content, fields)


def user(content: Any = "u") -> Message:
    return Message("user", content)


def called(*names: str | None) -> Message:
    """An agent's message with a call for each id."""
    held = [{"id": name, "function": {"name": "f", "arguments": "{}"}} for name in names]
    return agent(None, tool_calls=held)


def results_of(step: Step) -> list[tuple[str | None, Any]]:
    return [(each.source_call_id, each.content) for each in (step.observation.results if step.observation else [])]


def ids_of(step: Step) -> list[str]:
    return [call.tool_call_id for call in step.tool_calls or ()]


# ---- the document ---------------------------------------------------------------------------------------------------


def test_a_row_of_the_harness_becomes_what_the_harness_would_have_written() -> None:
    text = f"<think>hm</think>\n{batch(LS)}"
    columns = {"agent": "terminus-2", "model": "teacher", "run_id": "run", "date": "2026-01-05", "trace_source": "main"}
    trajectory, fidelity = convert(talk_of("do", text, OUTPUT, "ok", **columns), "structured")
    assert trajectory.schema_version == "ATIF-v1.7"
    assert trajectory.trajectory_id == f"acme/notes@{'0' * 40}/data/a.parquet#3"
    assert trajectory.session_id == "run"
    assert (trajectory.agent.name, trajectory.agent.version) == ("terminus-2", "unknown")
    assert trajectory.agent.model_name == "teacher"
    place = {"source": "acme/notes", "revision": "0" * 40, "file": "data/a.parquet", "file_row": 3}
    assert trajectory.extra == place | {"run_id": "run", "date": "2026-01-05", "trace_source": "main"}
    call = ToolCall(
        tool_call_id="call_0_1", function_name="bash_command", arguments={"keystrokes": "ls\n", "duration": 0.1}
    )
    assert trajectory.steps == [
        Step(step_id=1, source="user", message="do"),
        Step(
            step_id=2,
            source="agent",
            message="Analysis: a\nPlan: p",
            reasoning_content="hm",
            tool_calls=[call],
            observation=Observation(results=[ObservationResult(source_call_id="call_0_1", content=OUTPUT)]),
            extra={"raw": text},
        ),
        Step(step_id=3, source="agent", message="ok"),
    ]
    assert fidelity == Fidelity(
        style="structured",
        messages=4,
        reasoning=1,
        calls=1,
        answered=1,
        observations=1,
        notations={"terminus-json": 1},
    )


def test_what_a_row_does_not_tell_is_not_made_up() -> None:
    trajectory, _ = convert(talk_of("a"), "structured")
    assert (trajectory.session_id, trajectory.agent.model_name, trajectory.agent.tool_definitions) == (None, None, None)
    assert (trajectory.agent.name, trajectory.agent.version) == ("unknown", "unknown")
    assert trajectory.steps[0].timestamp is None


def test_a_key_of_the_rows_own_names_the_document() -> None:
    trajectory, _ = convert(talk_of("a", key="k", model_name="teacher"), "structured")
    assert (trajectory.trajectory_id, trajectory.agent.model_name) == ("k", "teacher")


def test_other_columns_are_kept_and_hide_nothing() -> None:
    trajectory, _ = convert(talk_of("a", file="f", resolved=True, agent=5, tools="none"), "structured")
    assert trajectory.extra is not None
    assert trajectory.extra["file"] == "data/a.parquet"
    kept = {"row_file": "f", "resolved": True, "agent": 5, "tools": "none"}
    assert {name: trajectory.extra[name] for name in kept} == kept


@pytest.mark.parametrize("column", ["tool_definitions", "tools", "available_tools"])
def test_tools_come_from_a_column(column: str) -> None:
    trajectory, fidelity = convert(talk_of("a", **{column: '[{"type": "function"}]'}), "structured")
    assert trajectory.agent.tool_definitions == [{"type": "function"}]
    assert column not in (trajectory.extra or {})
    assert fidelity.tool_definitions


def test_tools_come_from_the_first_message() -> None:
    block = '<tools>\n[{"type": "function"}]\n</tools>'
    for text, said in ((f"{block}\n\ndo", "do"), (f"Use {block}", f"Use {block}")):
        trajectory, fidelity = convert(talk_of(text, "ok", tools="none"), "structured")
        assert trajectory.agent.tool_definitions == [{"type": "function"}]
        assert trajectory.steps[0].message == said
        assert fidelity.tool_definitions
        assert [each["content"] for each in to_rows(trajectory)] == [text, "ok"]
    later, _ = convert(talk_of("do", "ok", block), "structured")
    assert later.agent.tool_definitions is None


def test_a_system_column_is_the_first_step_and_no_message() -> None:
    first, second = steps_of(user(), system="be kind")
    assert (first.source, first.message, first.extra) == ("system", "be kind", {"original_column": "system"})
    assert (second.step_id, second.message) == (2, "u")


# ---- who speaks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "source", "extra"),
    [
        ("user", "user", None),
        ("human", "user", {"original_role": "human"}),
        ("assistant", "agent", None),
        ("gpt", "agent", {"original_role": "gpt"}),
        ("system", "system", {"original_role": "system"}),
        ("developer", "system", {"original_role": "developer"}),
        (None, "system", {"original_role": None}),
    ],
)
def test_every_role_has_a_step(role: str | None, source: str, extra: dict[str, Any] | None) -> None:
    assert steps_of(Message(role, "a")) == [Step(step_id=1, source=source, message="a", extra=extra)]  # type: ignore[arg-type]


def test_nothing_said_is_an_empty_step() -> None:
    (step,) = steps_of(agent(None))
    assert (step.message, step.extra) == ("", {"raw": None})


def test_parts_are_parts_and_one_text_is_text() -> None:
    text = {"type": "text", "text": "a"}
    image = {"type": "image_url", "image_url": {"url": "https://example.org/p.webp?x=1"}}
    data = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    shown, named, single = steps_of(user([text, image]), user([text, data, {"type": "x"}]), agent([text | {"z": 1}]))
    assert isinstance(shown.message, list)
    assert isinstance(named.message, list)
    assert [each.__struct_config__.tag for each in shown.message] == ["text", "image"]
    assert [getattr(each, "text", None) for each in named.message] == [
        "a",
        "[an image of 26 characters: data:image/png;base64]",
        '{"type":"x"}',
    ]
    assert single.message == "a"


# ---- what an agent does ---------------------------------------------------------------------------------------------


def test_the_end_of_a_task_takes_two_turns() -> None:
    _, first, second = talk("do", batch(LS, task_complete=True), SCREEN, f"prose {batch(task_complete='true')}")
    assert ids_of(first) == ["call_0_1", "call_0_task_complete"]
    assert results_of(first) == [("call_0_1", SCREEN)]
    assert ids_of(second) == ["call_1_task_complete"]
    assert second.observation is None


def test_only_a_lone_command_is_linked_to_what_came_back() -> None:
    _, two, none, done, _ = talk("do", batch(LS, LS), "a", batch(), "b", batch(task_complete=True), "c", "ok")
    assert [results_of(step) for step in (two, none, done)] == [[(None, "a")], [(None, "b")], [(None, "c")]]


def test_what_the_harness_refused_is_no_call_though_it_can_be_read() -> None:
    refusal = "Previous response had parsing errors:\nERROR: Missing required fields: plan\nWARNINGS: - none"
    conversation = talk_of("do", f"r</think>{batch(LS)}", refusal, batch(LS))
    trajectory, fidelity = convert(conversation, "structured")
    _, refused, taken = trajectory.steps
    assert (refused.message, refused.reasoning_content, refused.tool_calls) == (batch(LS), "r", None)
    assert results_of(refused) == [(None, refusal)]
    assert ids_of(taken) == ["call_1_1"]
    (kept,) = fidelity.kept_as_text
    assert (kept.message, kept.reason) == (1, "the harness refused it: ERROR: Missing required fields: plan")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<think>r", "a <think> is never closed"),
        (f"<think>{TAG}", "a <think> is never closed"),
        ("<think>r</think><think>s</think>m", "only the first <think> block is taken out"),
        ('{"commands": [', "its JSON does not parse: "),
        ("<tool_call>x</tool_call>", "the JSON of a <tool_call> does not parse: "),
        ("<function=f>", "a <function=…> is never closed"),
        ("<response>", "its <response> has no <commands>"),
        ('<tool_call>{"name": "f", "arguments": "x"}</tool_call>', "its arguments are no JSON object"),
    ],
)
def test_what_stays_text_is_reported(text: str, reason: str) -> None:
    trajectory, fidelity = convert(talk_of("do", text), "structured")
    assert to_rows(trajectory)[1]["content"] == text
    (kept,) = fidelity.kept_as_text
    assert kept.message == 1
    assert kept.reason.startswith(reason)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"{TAG} {FUNCTION}", ["f"]),
        (f"<tool_call>broken {FUNCTION}", ["f"]),
        (batch({"keystrokes": TAG}), ["bash_command"]),
        (f"<response><commands></commands></response>{TAG}", []),
        (TAG.replace("[1, null]", json.dumps(batch(LS))), ["f"]),
    ],
)
def test_the_notation_that_starts_first_and_can_be_read_counts(text: str, names: list[str]) -> None:
    _, step = talk("do", text)
    assert [call.function_name for call in step.tool_calls or ()] == names


def test_fields_come_before_text() -> None:
    call = {"id": "c", "function": {"name": "g", "arguments": "{}"}}
    (step,) = steps_of(agent(f"<think>a</think>{TAG}", tool_calls=[call], reasoning_content="r"))
    assert (step.reasoning_content, step.message) == ("r", f"<think>a</think>{TAG}")
    assert ids_of(step) == ["c"]
    assert "raw" not in (step.extra or {})


def test_fenced_blocks_are_calls_only_where_that_is_said() -> None:
    conversation = talk_of("do", "Act:\n\n```bash\nls\n```", "a.txt", "done")
    plain, _ = style_of(ReadOptions(style="structured"))(conversation, LOCATION)
    fenced, _ = style_of(ReadOptions(style="structured", fenced=True))(conversation, LOCATION)
    messages, _ = style_of(ReadOptions(fenced=True))(conversation, LOCATION)
    assert [step.tool_calls for step in plain.steps] == [None] * 4
    assert results_of(fenced.steps[1]) == [("call_0_1", "a.txt")]
    assert fenced.steps[1].message == "Act:"
    assert messages.schema_version == "ATIF-v1.4"
    assert to_rows(fenced) == rows_of(conversation)


def test_a_block_whose_answer_tells_a_return_code_was_run() -> None:
    run = "<returncode>0</returncode>\n<output>\na.txt\n</output>"
    conversation = talk_of("do", "I look.\n\n```bash\nls\n```", run, "Here:\n\n```bash\nls\n```")
    found, fidelity = style_of(ReadOptions(style="structured"))(conversation, LOCATION)
    assert results_of(found.steps[1]) == [("call_0_1", run)]
    assert (found.steps[1].message, found.steps[2].tool_calls) == ("I look.", None)
    assert dict(fidelity.notations) == {"fence": 1}
    assert to_rows(found) == rows_of(conversation)


# ---- what comes back ------------------------------------------------------------------------------------------------


def test_results_go_to_the_step_of_their_call() -> None:
    first, second, last = steps_of(called("a", "b"), tool("1", tool_call_id="b"), called("c"), tool("2", tool_call_id="a"), tool("3", tool_call_id="c"), agent())  # fmt: skip
    assert results_of(first) == [("b", "1"), ("a", "2")]
    assert results_of(second) == [("c", "3")]
    assert last.observation is None


def test_ids_that_come_twice_in_a_step_are_told_apart() -> None:
    (step,) = steps_of(called("a", "a", "a_2"), *(tool(text, tool_call_id="a") for text in "123"))
    assert ids_of(step) == ["a", "a_2", "a_2_2"]
    assert results_of(step) == [("a", "1"), ("a_2", "2"), ("a_2", "3")]


def test_ids_that_come_again_mean_the_later_step() -> None:
    first, second = steps_of(called("a"), tool("1", tool_call_id="a"), called("a"), tool("2", tool_call_id="a"))
    assert (results_of(first), results_of(second)) == ([("a", "1")], [("a", "2")])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "a"),
        ({"tool_call_ids": ["a"]}, "a"),
        ({"tool_call_id": "unknown"}, None),
        ({"tool_call_ids": ["a", "b"]}, "a"),
    ],
)
def test_a_result_without_an_id_answers_the_only_call(fields: dict[str, Any], expected: str | None) -> None:
    step, *_ = steps_of(called("a"), tool("o", "function", **fields))
    assert results_of(step) == [(expected, "o")]
    two, *_ = steps_of(called("a", "b"), tool("o", "observation"))
    assert results_of(two) == [(None, "o")]


def test_a_result_before_any_agent_hangs_on_a_system_step() -> None:
    step, said = steps_of(tool("o"), user())
    assert (step.source, step.message, step.extra) == ("system", "", None)
    assert results_of(step) == [(None, "o")]
    assert said.message == "u"


def test_a_person_may_speak_between_a_call_and_its_result() -> None:
    step, said, _ = steps_of(called("a"), user("wait"), tool("o", tool_call_id="a"), agent())
    assert results_of(step) == [("a", "o")]
    assert said.message == "wait"


@pytest.mark.parametrize("opening", ["New Terminal Output:", "Current Terminal Screen:", "Current terminal state:", "Previous response had warnings:", "OBSERVATION:\n", "Observation: ", "EXECUTION RESULT of [bash]:", "<tool_response>", "<returncode>0", "<output>"])  # fmt: skip
def test_environments_are_known_by_how_they_open(opening: str) -> None:
    first, second = talk(None, "no call", opening, "ok")[1:]
    assert results_of(first) == [(None, opening)]
    assert second.message == "ok"


def test_a_user_after_an_answer_without_calls_is_a_person() -> None:
    assert [step.source for step in talk("a", "b", "c", "d")] == ["user", "agent", "user", "agent"]


def test_only_one_users_turn_is_an_observation() -> None:
    sources = [step.source for step in steps_of(agent(batch(LS)), user(OUTPUT), user(OUTPUT), agent())]
    assert sources == ["agent", "user", "agent"]


def test_where_tools_answer_users_are_persons() -> None:
    steps = steps_of(called("a"), tool("o", tool_call_id="a"), user("go on"), called("b"), user("stop"))
    assert [step.source for step in steps] == ["agent", "user", "agent", "user"]


def test_the_last_observation_comes_back_too() -> None:
    _, step = talk("do", batch(LS), OUTPUT)
    assert results_of(step) == [("call_0_1", OUTPUT)]


# ---- all rows -------------------------------------------------------------------------------------------------------


@given(conversation=conversations)
def test_what_is_counted_is_what_is_there(conversation: Conversation) -> None:
    trajectory, fidelity = convert(conversation, "structured")
    steps = trajectory.steps
    assert fidelity.messages == len(conversation.messages)
    assert fidelity.reasoning == sum(step.reasoning_content is not None for step in steps)
    assert fidelity.calls == sum(len(step.tool_calls or ()) for step in steps)
    assert fidelity.observations == sum(len(results_of(step)) for step in steps)
    assert fidelity.tool_definitions == (trajectory.agent.tool_definitions is not None)
    assert all(kept.message < len(conversation.messages) and kept.reason for kept in fidelity.kept_as_text)
    for step in steps:
        assert len(set(ids_of(step))) == len(ids_of(step))


AROUND = [
    ("", ""),
    ("<think>", ""),
    ('{"commands": [', ""),
    ("<response><commands>", "</commands>"),
    ("<response><commands>", "</keystrokes></commands></response>"),
    ("<function=f><parameter=k>", "</parameter>x"),
    ("<tool_call>", "</tool_call>"),
    ("<tools>", "</tools>"),
]
REPEATED = [*PIECES, '{"a":', '{"a": "', "[", "<function=f><parameter=k>", "<keystrokes", "duration=", "\n```"]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("piece", REPEATED)
def test_time_grows_with_the_length_of_a_message(around: tuple[str, str], piece: str) -> None:
    """What takes the square of it does not end before the time that every test has."""
    text = around[0] + piece * (300_000 // len(piece)) + around[1]
    answer = read_agent_message(Message("assistant", text), text, fenced=True)
    assert len(answer.message) <= len(text)
    tools_in(text)
