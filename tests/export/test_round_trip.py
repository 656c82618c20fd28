"""Rows with everything in them, exported in every format and read again: what was lost on the way."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hfsvc.atif import Step, TextPart
from hfsvc.export import ExportRequest, export_trajectories
from hfsvc.models import Style, TrajectoryRow

from ..trajectories.tables import open_source

Json = dict[str, Any]
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("read", "write")]
NOTES = ("original_role", "original_fields", "raw", "original_index", "original_part", "original_column")


def call(name: str, id: Any = None, **arguments: Any) -> Json:
    made: Json = {"type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return made if id is None else {"id": id, **made}


def said(role: str, content: Any, **fields: Any) -> Json:
    return {"role": role, "content": content, **fields}


USER, DONE = said("user", "Zähl die Zeilen 🙂\u2028"), said("assistant", "done")
ROWS: dict[str, Json] = {
    "everything": {
        "messages": [
            said("system", "be brief", weight=0),
            USER,
            said("assistant", "", reasoning_content="two at once", tool_calls=[call("read", "a", p="é"), call("write", "b")]),
            said("tool", "2", tool_call_id="b", name="write", status={"code": 0}),
            said("tool", "1", tool_call_id="a", name="read"),
            said("assistant", "mm", loss=False),
            said("user", "", name="ann"),
            said("assistant", None, tool_calls=[call("read", "c")]),
            said("tool", "", tool_call_id="c"),
            DONE,
        ],
        "tools": TOOLS,
    },
    "ids that are counted anew": {
        "messages": [
            USER,
            said("assistant", "", tool_calls=[call("read", "call_0"), call("write", "call_1")]),
            said("tool", "1", tool_call_id="call_0"),
            said("tool", "2", tool_call_id="call_1"),
            said("assistant", "", tool_calls=[call("read", "call_0")]),
            said("tool", "3", tool_call_id="call_0"),
            DONE,
        ]
    },
    "speakers by other names": {
        "messages": [
            said("System", "be brief"),
            said("Human", "go"),
            said("tool_use", '{"name": "read", "arguments": {"p": 1}}'),
            said("toolResult", "1"),
            said("ASSISTANT", "done"),
            said("USER", "and?"),
            said("Bot", "<thinking>hm</thinking>\nno"),
        ]
    },
    "blocks that were run": {
        "messages": [
            USER,
            said("assistant", "THOUGHT: I look\n\n```bash\nls\n```"),
            said("user", "<returncode>0</returncode>\n<output>\na\n</output>"),
            said("assistant", "THOUGHT: done\n\n```bash\necho done\n```"),
        ]
    },
    "results in one list": {
        "messages": [
            USER,
            said("assistant", '[read(p=1), write(p="x")]'),
            said("tool", '[{"name": "read", "results": {"r": 1}}, {"name": "write", "results": "2"}]'),
            DONE,
        ]
    },
    "an action told twice": {
        "messages": [
            USER,
            said("assistant", "Thought: go\n\nCode:\n```py\nprint(1)\n```<end_code>"),
            said("tool-call", "Calling tools:\n[{'id': 'call_1', 'type': 'function', 'function': {'name': 'python_interpreter', 'arguments': 'print(1)'}}]"),
            said("tool-response", "Call id: call_1\nObservation:\n1"),
            DONE,
        ]
    },
    "calls without arguments": {
        "messages": [
            USER,
            said("assistant", "", tool_calls=[{"id": "a", "type": "function", "function": {"name": "read", "arguments": None}}]),
            said("tool", "1", tool_call_id="a"),
            said("assistant", "", tool_calls=[{"id": "b", "type": "function", "function": {"name": "read", "arguments": "null"}}]),
            said("tool", "2", tool_call_id="b"),
            DONE,
        ]
    },
    "thinking about tags": {
        "messages": [USER, said("assistant", "A", reasoning_content="a </think> tag"), USER,
                     said("assistant", "B", reasoning_content="</think> and </thinking>")]
    },
    "results without ids": {
        "messages": [
            USER,
            said("assistant", "", tool_calls=[call("read"), call("write")]),
            said("tool", "2", name="write"),
            said("user", "and?"),
            said("tool", "1", name="read"),
            DONE,
        ]
    },
    "calls in texts": {
        "messages": [
            said("system", f"Tools:\n<tools>\n{json.dumps(TOOLS)}\n</tools>"),
            USER,
            said("assistant", '<think>\nhm\n</think>\nI read.\n<tool_call>\n{"name": "read", "arguments": {"p": "é"}}\n</tool_call>'),
            said("tool", "<tool_response>1</tool_response>"),
            said("assistant", "<function=write>\n<parameter=p>\na\nb\n</parameter>\n</function>"),
            said("user", "OBSERVATION:\nok"),
            DONE,
        ]
    },
    "one result of several calls": {
        "messages": [
            USER,
            said("assistant", '<tool_call>{"name": "read"}</tool_call>\n<tool_call>{"name": "write"}</tool_call>'),
            said("user", "New Terminal Output:\n$"),
            DONE,
        ]
    },
    "parts and images": {
        "messages": [
            said("user", [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "https://e.org/a.png"}}]),
            said("assistant", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
            said("user", [{"type": "text", "text": "one"}]),
            DONE,
        ]
    },
    "blocks": {
        "messages": [
            USER,
            said("assistant", [{"type": "thinking", "thinking": "t"}, {"type": "text", "text": "m"}, {"type": "tool_use", "id": "a", "name": "read", "input": {"p": 1}}]),
            said("user", [{"type": "tool_result", "tool_use_id": "a", "content": "1", "is_error": True}, {"type": "text", "text": "go on"}]),
            DONE,
        ]
    },
    "roles that are calls": {
        "messages": [
            said("human", "q"),
            said("function_call", '{"name": "read", "arguments": {"p": 1}}'),
            said("observation", "1"),
            said("gpt", "done"),
        ]
    },
    "fields of a call": {
        "messages": [
            USER,
            said("assistant", "x", tool_calls=[{"id": 5, "name": "read", "args": {"a": [1, None]}, "server": "s"}]),
            said("tool", "1", tool_call_id=5),
            said("assistant", "", function_call={"name": "write", "arguments": "no json"}),
            said("function", "2", name="write"),
            said("planner", "a plan", weight=1),
            said("developer", "rules"),
            DONE,
        ]
    },
    "harmony": {
        "messages": [
            USER,
            said("assistant", "thinking", channel="analysis"),
            said("assistant", '{"p": 1}', channel="commentary", recipient="functions.read"),
            said("tool", "1", name="functions.read"),
            said("assistant", "done", channel="final"),
        ]
    },
}  # fmt: skip
FORMATS = [
    ("jsonl", "x.jsonl"), ("jsonl", "x.jsonl.gz"), ("jsonl", "x.jsonl.zst"), ("parquet", "x.parquet"), ("atif-dir", "jobs"),
    ("openai", "x.jsonl"), ("openai", "x.jsonl.gz"), ("openai", "x.jsonl.zst"), ("openai", "x.parquet"),
    ("sharegpt", "x.jsonl"), ("sharegpt", "x.jsonl.gz"), ("sharegpt", "x.jsonl.zst"), ("sharegpt", "x.parquet"), ("sts", "sessions"),
]  # fmt: skip
WHOLE = {"jsonl", "parquet", "atif-dir"}
"""Formats that hold documents."""


def lines_of(rows: Sequence[Json]) -> dict[str, bytes]:
    return {"rows.jsonl": b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)}


async def read(root: Path, files: dict[str, bytes], style: Style) -> list[TrajectoryRow]:
    source = await open_source(root, files, style=style)
    return [row async for row in source.stream_rows()]


async def exported(folder: Path, rows: Sequence[Json], style: Style, format: Any, name: str) -> dict[str, bytes]:
    """The files of an export of rows that were read in a style."""
    source = await open_source(folder / "source", lines_of(rows), style=style)
    path = folder / name
    await export_trajectories(source, ExportRequest(path=path, format=format))
    if path.is_file():
        return {f"data/{name}": path.read_bytes()}
    found = sorted(each for each in path.rglob("*") if each.is_file())
    return {str(each.relative_to(path)): each.read_bytes() for each in found}


def told(row: TrajectoryRow) -> Json:
    """What a chat can hold of a trajectory: who said, thought, called and got what, and what else a message had."""
    steps = [step for step in row.trajectory.steps if _speaks(step)]
    results = [each for step in row.trajectory.steps for each in _results(step)]
    return {
        "spoken": [(step.source, _plain(step.message), step.reasoning_content) for step in steps],
        "calls": [
            (each.function_name, each.arguments, _kept(each.extra)) for step in steps for each in step.tool_calls or ()
        ],
        "results": sorted(map(str, results)),
        "tools": row.trajectory.agent.tool_definitions,
        "fields": [_fields(step.extra) for step in steps],
    }


def _speaks(step: Step) -> bool:
    return not (step.source == "system" and step.message == "" and step.observation)


def _results(step: Step) -> list[tuple[Any, ...]]:
    names = {call.tool_call_id: call.function_name for call in step.tool_calls or ()}
    held = step.observation.results if step.observation else []
    return [
        (names.get(each.source_call_id or ""), _plain(each.content), sorted(_fields(each.extra).items()))
        for each in held
    ]


def _plain(content: Any) -> Any:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(
        part.text if isinstance(part, TextPart) else f"[{part.source.media_type}: {part.source.path}]"
        for part in content
    )


def _kept(extra: Any) -> Json:
    return {name: value for name, value in (extra or {}).items() if name != "unread"}


def _fields(extra: Any) -> Json:
    """What else a message had; what a document says in places of its own left aside."""
    said = {
        "tool_calls",
        "function_call",
        "tool_call_id",
        "reasoning_content",
        "recipient",
        "content",
        "timestamp",
        "model",
    }
    fields = {**(extra or {}), **(extra or {}).get("original_fields", {})}
    return {
        name: value
        for name, value in fields.items()
        if name not in {*said, *NOTES} and (name, value) != ("channel", "analysis")
    }


@pytest.mark.parametrize(("format", "name"), FORMATS, ids=lambda each: str(each).replace(".", "-"))
@pytest.mark.parametrize("style", ["messages", "structured"])
@pytest.mark.parametrize("kind", ROWS)
async def test_nothing_is_lost_on_the_way(tmp_path: Path, kind: str, style: Style, format: str, name: str) -> None:
    files = await exported(tmp_path, [ROWS[kind]], style, format, name)
    (after,) = await read(tmp_path / "after", files, "structured")
    (before,) = await read(tmp_path / "before", lines_of([ROWS[kind]]), style if format in WHOLE else "structured")
    if format in WHOLE:
        assert after.trajectory == before.trajectory
    else:
        assert told(after) == expected(before, kind, style, format)


def expected(before: TrajectoryRow, kind: str, style: Style, format: str) -> Json:
    """What is to be read of an export."""
    found = told(before)
    if format == "sharegpt" and kind == "everything":
        # The prompt is a column there, which has no fields.
        found["fields"][0] = {}
    if style == "structured" and format in {"openai", "sts"} and kind == "one result of several calls":
        found["results"] = [str(("read", "", [])), str(("write", "New Terminal Output:\n$", []))]
    return found


# ---- any row --------------------------------------------------------------------------------------------------------

words = st.text('aé🙂\u2028\\"\n\t<{\x00', max_size=6)
plain = st.text("ab é🙂", max_size=6)
names = st.sampled_from(["read", "write"])
further = st.dictionaries(
    st.sampled_from(["weight", "loss", "meta"]), st.integers(0, 3) | words | st.just({"a": [1]}), max_size=2
)
arguments = st.dictionaries(
    st.sampled_from("pq"), st.integers() | words | st.lists(st.booleans(), max_size=2), max_size=2
)


@st.composite
def rows_of_chats(draw: st.DrawFn) -> Json:
    """A row as chats have it: turns of calls, whose results come in any order, and of words."""
    messages: list[Json] = [said("system", draw(plain))] if draw(st.booleans()) else []
    messages.append(said("user", draw(plain), **draw(further)))
    for turn in range(draw(st.integers(1, 3))):
        with_ids = draw(st.booleans())
        ids = [f"c{turn}_{number}" if with_ids else None for number in range(draw(st.integers(0, 3)))]
        calls = [call(draw(names), id, **draw(arguments)) for id in ids]
        thought = {"reasoning_content": draw(plain.filter(str.strip))} if draw(st.booleans()) else {}
        held = {"tool_calls": calls} if calls else {}
        messages.append(said("assistant", draw(plain), **thought, **held, **draw(further)))
        results = [said("tool", draw(plain), **({"tool_call_id": id} if id else {}), **draw(further)) for id in ids]
        messages += draw(st.permutations(results)) if with_ids else results
        messages += [said("user", draw(plain))] if draw(st.booleans()) else []
    return {"messages": [*messages, DONE]}


@pytest.mark.parametrize(("format", "name"), [each for each in FORMATS if not each[1].endswith((".gz", ".zst"))])
@pytest.mark.parametrize("style", ["messages", "structured"])
@settings(max_examples=5)
@given(rows=st.lists(rows_of_chats(), min_size=1, max_size=3))
async def test_nothing_of_any_row_is_lost(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Json], style: Style, format: str, name: str
) -> None:
    folder = tmp_path_factory.mktemp("round")
    files = await exported(folder, rows, style, format, name)
    after = await read(folder / "after", files, "structured")
    before = await read(folder / "before", lines_of(rows), style if format in WHOLE else "structured")
    if format in WHOLE:
        assert [each.trajectory for each in after] == [each.trajectory for each in before]
    else:
        assert list(map(told, after)) == list(map(told, before))
