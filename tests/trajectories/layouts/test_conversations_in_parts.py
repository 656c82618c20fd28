"""Layouts whose rows are no lists of messages: logs, events, turns, questions and answers."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from hfsvc.atif import Step
from hfsvc.errors import BadParquet
from hfsvc.export import ExportRequest, export_trajectories
from hfsvc.models import TrajectoryRow
from tests.trajectories.tables import open_source, parquet

Told = tuple[str, Any, str | None, list[str], list[Any]]


def lines(*values: Any) -> bytes:
    return b"\n".join(json.dumps(each).encode() for each in values)


async def rows_of(root: Path, files: dict[str, bytes], **options: Any) -> list[TrajectoryRow]:
    source = await open_source(root, files, style="structured", **options)
    return [row async for row in source.stream_rows()]


def told(step: Step) -> Told:
    calls = [f"{call.function_name} {json.dumps(call.arguments)}" for call in step.tool_calls or ()]
    results = [each.content for each in (step.observation.results if step.observation else ())]
    return step.source, step.message, step.reasoning_content, calls, results


async def steps_of(root: Path, files: dict[str, bytes], **options: Any) -> list[Told]:
    (row,) = await rows_of(root, files, **options)
    return [told(step) for step in row.trajectory.steps]


ASKED: Told = ("user", "mend it", None, [], [])
CALLED: Told = ("agent", "I look.", "hm", ['bash {"command": "ls"}'], ["a.py"])
DONE: Told = ("agent", "done", None, [], [])


def claude(uuid: str, parent: str | None, role: str, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": role, "content": content, **({"id": more.pop("id")} if "id" in more else {})}
    return {"type": role, "sessionId": "s", "uuid": uuid, "parentUuid": parent, "message": message, **more}


CLAUDE = [
    {"type": "summary", "summary": "mended", "leafUuid": "u6"},
    claude("u1", None, "user", "mend it", timestamp="2026-01-01T00:00:00Z"),
    claude("u2", "u1", "assistant", [{"type": "thinking", "thinking": "hm", "signature": "x"}], id="m1"),
    claude("u3", "u2", "assistant", [{"type": "text", "text": "I look."}], id="m1"),
    claude(
        "u4", "u3", "assistant", [{"type": "tool_use", "id": "t", "name": "bash", "input": {"command": "ls"}}], id="m1"
    ),
    claude("x1", "u1", "assistant", [{"type": "text", "text": "of another branch"}], id="m0"),
    claude("x2", None, "user", "for a subagent", isSidechain=True),
    claude("u5", "u4", "user", [{"type": "tool_result", "tool_use_id": "t", "content": "a.py"}]),
    claude("u6", "u5", "assistant", "done", id="m2"),
]
CODEX: list[dict[str, Any]] = [
    {"timestamp": "t", "type": "session_meta", "payload": {"id": "s", "timestamp": "2026-01-01T00:00:00Z"}},
    {"timestamp": "t", "type": "turn_context", "payload": {"model": "gpt"}},
    *(
        {"timestamp": "t", "type": "response_item", "payload": payload}
        for payload in (
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "mend it"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
            {"type": "function_call", "name": "bash", "arguments": '{"command": "ls"}', "call_id": "t"},
            {"type": "function_call_output", "call_id": "t", "output": '{"output": "a.py", "metadata": {}}'},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]},
        )
    ),
]


def pi(id: str, parent: str | None, message: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "id": id, "parentId": parent, "message": message}


PI = [
    {"type": "session", "version": 3, "id": "s", "timestamp": "2026-01-01T00:00:00Z", "cwd": "/"},
    {"type": "model_change", "id": "e0", "parentId": None, "modelId": "m"},
    pi("e1", "e0", {"role": "user", "content": "mend it"}),
    pi(
        "e2",
        "e1",
        {
            "role": "assistant",
            "model": "m",
            "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "text", "text": "I look."},
                {"type": "toolCall", "id": "t", "name": "bash", "arguments": {"command": "ls"}},
            ],
        },
    ),
    pi("e3", "e2", {"role": "toolResult", "toolCallId": "t", "content": [{"type": "text", "text": "a.py"}]}),
    pi("x1", "e3", {"role": "assistant", "content": [{"type": "text", "text": "of another branch"}]}),
    pi("e4", "e3", {"role": "assistant", "content": [{"type": "text", "text": "done"}]}),
]
STS = [
    {"type": "session", "harness": "terminus-2", "id": "s"},
    {"type": "message", "message": {"role": "user", "content": "mend it"}},
    {
        "type": "message",
        "message": {
            "role": "assistant",
            "content": "I look.",
            "reasoningContent": "hm",
            "toolCalls": [{"id": "t", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}],
        },
    },
    {"type": "message", "message": {"role": "tool", "content": "a.py", "toolCallId": "t"}},
    {"type": "message", "message": {"role": "assistant", "content": "done"}},
]
GEMINI_MESSAGES = [
    {"id": "1", "type": "user", "content": [{"text": "mend it"}]},
    {
        "id": "2",
        "type": "gemini",
        "content": "I look.",
        "thoughts": [{"description": "hm"}],
        "toolCalls": [
            {
                "id": "t",
                "name": "bash",
                "args": {"command": "ls"},
                "result": [{"functionResponse": {"response": {"output": "a.py"}}}],
            }
        ],
    },
    {"id": "3", "type": "gemini", "content": "done"},
]
GEMINI = {"sessionId": "s", "projectHash": "h", "startTime": "2026-01-01T00:00:00Z"}
LOGS = {
    "claude-code": lines(*CLAUDE),
    "codex": lines(*CODEX),
    "pi": lines(*PI),
    "terminus-2": lines(*STS),
    "gemini-cli": lines(GEMINI, *GEMINI_MESSAGES),
}


@pytest.mark.parametrize("agent", LOGS)
async def test_a_log_is_one_trajectory(root: Path, agent: str) -> None:
    (row,) = await rows_of(root, {"log.jsonl": LOGS[agent]})
    assert [told(step) for step in row.trajectory.steps] == [ASKED, CALLED, DONE]
    assert (row.trajectory.agent.name, row.trajectory.session_id) == (agent, "s")
    branches = sum("left out" in each.reason for each in row.fidelity.kept_as_text)
    assert branches == {"claude-code": 2, "pi": 1}.get(agent, 0)


async def test_logs_are_rows_side_by_side(root: Path) -> None:
    source = await open_source(root, {f"{agent}.jsonl": log for agent, log in LOGS.items()}, style="structured")
    assert await source.count() == len(LOGS)
    page = await source.list_summaries(0, 9, "run_id:s")
    assert [(each.agent, each.steps) for each in page.items] == [(agent, 4) for agent in sorted(LOGS)]
    assert (await source.statistics()).rows == len(LOGS)


async def test_a_session_of_gemini_may_be_one_object(root: Path) -> None:
    content = json.dumps({**GEMINI, "messages": GEMINI_MESSAGES}, indent=1).encode()
    assert await steps_of(root, {"session.json": content}) == [ASKED, CALLED, DONE]


async def test_answers_to_calls_made_together_hang_on_their_calls(root: Path) -> None:
    call = {"type": "tool_use", "name": "f", "input": {}}
    log = lines(
        claude("u1", None, "user", "go"),
        claude("u2", "u1", "assistant", [{**call, "id": "a"}], id="m"),
        claude("u3", "u2", "assistant", [{**call, "id": "b"}], id="m"),
        claude("u4", "u2", "user", [{"type": "tool_result", "tool_use_id": "a", "content": "1"}]),
        claude("u5", "u3", "user", [{"type": "tool_result", "tool_use_id": "b", "content": "2"}]),
        claude("u6", "u5", "assistant", "done", id="n"),
    )
    (row,) = await rows_of(root, {"log.jsonl": log})
    results = row.trajectory.steps[1].observation
    assert results is not None
    assert [(each.source_call_id, each.content) for each in results.results] == [("a", "1"), ("b", "2")]
    assert row.fidelity.kept_as_text == ()


async def test_remarks_and_subagents_alone_end_no_log(root: Path) -> None:
    remark = {"type": "system", "sessionId": "s", "uuid": "u9", "parentUuid": None, "content": "slow"}
    whole = lines(*CLAUDE, remark, {"type": "queue-operation", "sessionId": "s"})
    assert await steps_of(root / "remark", {"log.jsonl": whole}) == [ASKED, CALLED, DONE]
    alone = [event | {"isSidechain": True} for event in CLAUDE if event.get("uuid") != "x2"]
    assert await steps_of(root / "alone", {"log.jsonl": lines(*alone)}) == [ASKED, CALLED, DONE]


async def test_what_the_export_wrote_as_sessions_is_read_back(root: Path, tmp_path: Path) -> None:
    before = await open_source(root, {"log.jsonl": lines(*STS, *STS[1:3])}, style="structured")
    done = await export_trajectories(before, ExportRequest(path=tmp_path / "sessions", format="sts"))
    assert done.rows == 1
    files = {path.name: path.read_bytes() for path in (tmp_path / "sessions").rglob("*.jsonl")}
    assert await steps_of(root / "again", files) == [ASKED, CALLED, DONE, ASKED, (*CALLED[:4], [])]


async def test_an_empty_message_of_a_session_is_a_step(root: Path) -> None:
    empty = [
        {"type": "message", "message": {"role": role, "content": content}}
        for role, content in (("assistant", ""), ("user", []))
    ]
    assert await steps_of(root, {"log.jsonl": lines(STS[0], *empty)}) == [
        ("agent", "", None, [], []),
        ("user", "", None, [], []),
    ]


async def test_older_logs_of_codex_have_no_envelopes(root: Path) -> None:
    items = [event["payload"] for event in CODEX if event["type"] == "response_item"]
    log = lines({"id": "s", "timestamp": "2026-01-01T00:00:00Z", "instructions": None}, *items)
    assert await steps_of(root, {"log.jsonl": log}) == [ASKED, CALLED, DONE]


async def test_lines_of_no_known_log_are_refused(root: Path) -> None:
    source = await open_source(root, {"a.jsonl": lines(*[{"type": "x", "timestamp": "t", "payload": {}}] * 3)})
    with pytest.raises(BadParquet, match="its lines are of no agent's log that is known"):
        await source.count()


async def test_a_line_that_is_no_json_is_told(root: Path) -> None:
    (row,) = await rows_of(root, {"log.jsonl": lines(*STS) + b'\n{"type": "mess'})
    assert [each.reason for each in row.fidelity.kept_as_text] == ["line 6 of its log is no JSON object, and left out"]


async def test_a_list_of_messages_is_one_trajectory(root: Path) -> None:
    content = json.dumps([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], indent=1).encode()
    assert await steps_of(root, {"x.traj.json": content}) == [("user", "a", None, [], []), ("agent", "b", None, [], [])]


# ---- events ---------------------------------------------------------------------------------------------------------

EVENTS: list[dict[str, Any]] = [
    {"id": 0, "source": "agent", "action": "system", "args": {"content": "be kind"}},
    {"id": 1, "source": "user", "action": "message", "args": {"content": "mend it"}},
    {"id": 2, "source": "agent", "action": "run", "args": {"command": "ls", "thought": "hm"}},
    {"id": 3, "source": "agent", "cause": 2, "observation": "run", "content": "a.py"},
    {"id": 4, "source": "environment", "observation": "agent_state_changed", "content": ""},
    {"id": 5, "source": "agent", "action": "message", "args": {"content": "done"}},
]
EVENT_STEPS: list[Told] = [
    ("system", "be kind", None, [], []),
    ASKED,
    ("agent", "", "hm", ['run {"command": "ls"}'], ["a.py"]),
    DONE,
]


@pytest.mark.parametrize("column", ["history", "trajectory", "events"])
async def test_events_become_steps(root: Path, column: str) -> None:
    run = {"agent_class": "CodeActAgent", "llm_config": {"model": "m"}}
    (row,) = await rows_of(root, {"output.jsonl": lines({"instance_id": "i", "metadata": run, column: EVENTS})})
    assert [told(step) for step in row.trajectory.steps] == EVENT_STEPS
    assert (row.trajectory.agent.name, row.trajectory.agent.model_name) == ("CodeActAgent", "m")
    assert [each.reason for each in row.fidelity.kept_as_text] == [
        "event 4 (agent_state_changed) says nothing, and is left out"
    ]


async def test_events_in_structs_and_in_pairs_are_read_too(root: Path) -> None:
    table = pa.Table.from_pylist([{"history": EVENTS}])
    assert await steps_of(root / "structs", {"a.parquet": parquet(table)}) == EVENT_STEPS
    pairs = lines({"history": [EVENTS[:2], EVENTS[2:4], EVENTS[4:]]})
    assert await steps_of(root / "pairs", {"a.jsonl": pairs}) == EVENT_STEPS


ACTIONS: list[dict[str, Any]] = [
    {"class_": "text_observation", "source": "user", "content": "mend it"},
    {"class_": "code_action", "language": "bash", "content": "ls", "description": "I look."},
    {"class_": "text_observation", "source": "environment", "content": "a.py"},
    {"class_": "api_action", "function": "goto", "kwargs": {"url": "x"}, "description": None},
    {"class_": "web_observation", "url": "x", "axtree": "a page"},
    {"class_": "message_action", "content": "done", "description": None},
]


async def test_actions_of_the_agent_data_protocol_become_steps(root: Path) -> None:
    assert await steps_of(root, {"full_std.jsonl": lines({"id": "x", "content": ACTIONS, "details": {}})}) == [
        ASKED,
        ("agent", "I look.", None, ['bash {"code": "ls"}'], ["a.py"]),
        ("agent", "", None, ['goto {"url": "x"}'], ["a page"]),
        DONE,
    ]


# ---- turns ----------------------------------------------------------------------------------------------------------

TURNS = [
    {"session_id": "a", "turn_index": 0, "turn_type": "user_prompt", "content": "mend it", "model": None},
    {"session_id": "b", "turn_index": 0, "turn_type": "user_prompt", "content": "other", "model": "n"},
    {"session_id": "a", "turn_index": 2, "turn_type": "assistant_response", "content": "done", "model": "m"},
    {"session_id": "a", "turn_index": 1, "turn_type": "assistant_thinking", "content": "hm", "model": "m"},
]


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv", "arrow"])
async def test_turns_are_put_together_by_session(root: Path, form: str) -> None:
    table = pa.Table.from_pylist(TURNS)
    arrow = io.BytesIO()
    with pa.ipc.new_stream(arrow, table.schema) as writer:
        writer.write_table(table)
    cells = [[str(value or ("" if name == "model" else value)) for name, value in turn.items()] for turn in TURNS]
    files = {
        "parquet": parquet(table, row_group_size=2),
        "jsonl": lines(*TURNS),
        "csv": "\n".join(",".join(row) for row in ([*TURNS[0]], *cells)).encode(),
        "arrow": arrow.getvalue(),
    }
    rows = await rows_of(root, {f"train.{form}": files[form]})
    assert [[told(step) for step in row.trajectory.steps] for row in rows] == [
        [ASKED, ("agent", "done", "hm", [], [])],
        [("user", "other", None, [], [])],
    ]
    assert [(row.trajectory.session_id, row.trajectory.agent.model_name) for row in rows] == [("a", "m"), ("b", "n")]


async def test_turns_are_reached_one_by_one(root: Path) -> None:
    turns = [{"session_id": f"s{turn // 3}", "role": "user", "content": str(turn)} for turn in range(300)]
    source = await open_source(root, {"a.parquet": parquet(pa.Table.from_pylist(turns), row_group_size=7)})
    assert await source.count() == 100
    trajectory = await source.get_trajectory(77)
    assert trajectory is not None
    assert [step.message for step in trajectory.steps] == ["231", "232", "233"]
    assert await source.find_rows("s50") == (50,)


# ---- questions and answers ------------------------------------------------------------------------------------------

ASK, ANSWER = [{"role": "user", "content": "q"}], [{"role": "assistant", "content": "a"}]
SAID: list[Told] = [("user", "q", None, [], []), ("agent", "a", None, [], [])]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q", "completion": "a"},
        {"prompt": ASK, "completion": ANSWER},
        {"prompt": "q", "response": "a"},
        {"prompt": "q", "chosen": [*ASK, *ANSWER], "rejected": ASK},
        {"prompt": ASK, "chosen": ANSWER},
        {"question": "q", "chosen": "a", "rejected": "b"},
        {"input": ASK, "chosen": ANSWER, "rejected": ANSWER},
        {"chosen": [*ASK, *ANSWER], "rejected": [*ASK, *ANSWER]},
        {"messages": [*ASK, *ANSWER], "prompt": "another"},
    ],
)
async def test_what_is_asked_and_what_completes_it(root: Path, row: dict[str, Any]) -> None:
    assert await steps_of(root / "json", {"a.jsonl": lines(row)}) == SAID
    assert await steps_of(root / "parquet", {"a.parquet": parquet(pa.Table.from_pylist([row]))}) == SAID


async def test_a_query_is_answered_by_calls(root: Path) -> None:
    answers = json.dumps([{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}])
    tools = json.dumps([{"type": "function", "function": {"name": "f", "parameters": {}}}])
    (row,) = await rows_of(root, {"a.jsonl": lines({"id": 1, "query": "q", "answers": answers, "tools": tools})})
    assert [told(step) for step in row.trajectory.steps] == [
        ("user", "q", None, [], []),
        ("agent", "", None, ['f {"a": 1}', "g {}"], []),
    ]
    assert row.fidelity.tool_definitions


GREETING = "\n\nHuman: hi\nUser: no mark\n\nAssistant: yo"
GREETED: list[Told] = [("user", "hi\nUser: no mark", None, [], []), ("agent", "yo", None, [], [])]


@pytest.mark.parametrize(
    "row",
    [
        {"chosen": GREETING, "rejected": "\n\nHuman: hi\n\nAssistant: no"},
        {"prompt": "\n\nHuman: hi\nUser: no mark\n\nAssistant:", "response": "yo", "chosen": "yo"},
        {"text": GREETING},
        {"dialogue": GREETING.replace("Human", "USER").replace("Assistant", "ASSISTANT") + " <|endoftext|>\n\n\n"},
        {"messages": "### Human: hi\nUser: no mark### Assistant: yo</s>"},
        {"text": "<|im_start|>user\nhi\nUser: no mark<|im_end|>\n<|im_start|>assistant\nyo<|im_end|>\n"},
    ],
)
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
async def test_marks_in_a_text_say_who_speaks(root: Path, row: dict[str, str], ending: str) -> None:
    content = lines(row) if ending == "jsonl" else parquet(pa.Table.from_pylist([row]))
    assert await steps_of(root, {f"data/train.{ending}": content}) == GREETED


async def test_calls_and_their_answers_are_found_between_marks(root: Path) -> None:
    chat = (
        'USER: mend it\n\n\nASSISTANT: <functioncall> {"name": "run", "arguments": \'{"c": 1}\'} <|endoftext|>'
        '\n\n\nFUNCTION RESPONSE: {"ok": true}\n\n\nASSISTANT: done <|endoftext|>\n\n\n'
    )
    files = {"data/train.jsonl": lines({"system": "SYSTEM: You mend.\n", "chat": chat}, {"chat": "USER: alone"})}
    first, second = await rows_of(root, files)
    assert [told(step) for step in first.trajectory.steps] == [
        ("system", "You mend.", None, [], []),
        ASKED,
        ("agent", "", None, ['run {"c": 1}'], ['{"ok": true}']),
        ("agent", "done", None, [], []),
    ]
    assert [told(step) for step in second.trajectory.steps] == [("user", "alone", None, [], [])]


async def test_a_text_without_marks_is_no_transcript(root: Path) -> None:
    with pytest.raises(BadParquet, match="no marks in it say who speaks"):
        await rows_of(root, {"data/train.jsonl": lines({"text": "Once.\nUser: said she.\nAssistant: said he."})})
    assert await steps_of(root, {"data/train.jsonl": lines({"chosen": "Human: only one"})}) == [
        ("agent", "Human: only one", None, [], [])
    ]


async def test_messages_count_before_a_transcript_of_them(root: Path) -> None:
    row = {"text": GREETING, "messages": [{"role": "user", "content": "mend it"}]}
    assert await steps_of(root, {"data/train.jsonl": lines(row)}) == [ASKED]


LOGGED: list[dict[str, Any]] = [
    {"id": 1, "source": "user", "action": "message", "args": {"content": "mend it"}},
    {"id": 2, "source": "agent", "action": "run", "args": {"command": "ls"}},
    {"id": 3, "source": "agent", "cause": 2, "observation": "run", "content": "a", "extras": {}},
]


@pytest.mark.parametrize("name", ["out/trajectory.json", "out/t.json", "data/run.jsonl"])
async def test_a_file_that_is_a_list_of_events_is_one_session(root: Path, name: str) -> None:
    made = {"tool_call_metadata": {"model_response": {"model": "gpt-9"}}}
    events = [LOGGED[0], LOGGED[1] | made, LOGGED[2]]
    (row,) = await rows_of(root, {name: lines(*events) if name.endswith("l") else json.dumps(events).encode()})
    assert [told(step) for step in row.trajectory.steps] == [
        ASKED,
        ("agent", "", None, ['run {"command": "ls"}'], ["a"]),
    ]
    assert (row.trajectory.agent.name, row.trajectory.agent.model_name) == ("openhands", "gpt-9")
