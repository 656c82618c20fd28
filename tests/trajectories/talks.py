"""Conversations: real ones, and generated ones that look like them, or nearly so."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from hfsvc.atif import Trajectory
from hfsvc.models import Fidelity, Style
from hfsvc.trajectories.layouts.conversation import Conversation, Message, RowLocation
from hfsvc.trajectories.styles.convert import STYLES
from hfsvc.trajectories.styles.roles import KINDS

LOCATION = RowLocation("acme/notes", "0" * 40, "data/a.parquet", 7, 3)

# What opens, closes and fills the notations, in pieces, so that mixtures of them are tried, too.
PIECES = [
    "<think>", "</think>", "<think></think>", "\n", "\n\n", " ", "prose", "{", "}", "```json\n", "```bash\nls\n```", "```",
    '{"analysis": "a", "plan": "p", "commands": [{"keystrokes": "ls\\n", "duration": 0.1}]}',
    '{"analysis": "", "plan": "", "commands": [], "task_complete": "true"}',
    '{"analysis": "a", "plan": "p", "commands": [{"keystrokes": 1}]}', '"commands"', '{"commands": []}',
    "<response>", "</response>", "<analysis>a</analysis>", "<plan>p</plan>", "<commands>", "</commands>",
    '<keystrokes duration="2">ls\n</keystrokes>', "<task_complete>true</task_complete>",
    "<tool_call>", "</tool_call>", '{"name": "f", "arguments": {"a": 1}}', '{"name": "f", "arguments": "x"}',
    '<tool_call>\n{"name": "f", "arguments": {"a": [1, null]}}\n</tool_call>',
    "<function=f>", "</function>", "<parameter=k>", "</parameter>", "v", "<tools>", "</tools>", '[{"type": "function"}]',
    "[f(a=1)]", '[f(a="x"), g()]', "f(a=1)", "Thought: t\n", "Action: f\n", "Action Input: {}", "Observation: o",
    '<invoke name="f">', '<parameter name="k">', "</parameter>", "</invoke>", "<function_calls>", "</function_calls>",
    "<execute>", "</execute>", "<search>", "</search>", "[TOOL_CALLS]", "<|python_tag|>", "<|channel|>", "analysis", "final",
    " to=functions.f", "<|message|>", "<|start|>assistant", "<|end|>", "<|tool_call_begin|>", "<|tool_call_end|>",
    "<|tool_call_argument_begin|>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<use_mcp_tool>",
    "<tool_name>f</tool_name>", "</use_mcp_tool>", "<tool_calls>", "</tool_calls>", "<arg_key>k</arg_key>",
    "<arg_value>v</arg_value>", "{'name': 'f', 'arguments': {'a': None}}", "```py\nx = 1\n```", "<end_code>", "Calling tools:\n",
    '{"name": "f", "arguments": {"q"', '{"name": "f", "arguments": {}}', "```tool_code\n", "<function_call>", "</function_call>", "<information>",
    "</information>", "<function=f>{}</function>", "Final Answer: 5\n", "Observation: o\nThought: t\nAction: f\nObservation: p\n",
    "New Terminal Output:\n", "Previous response had parsing errors:\n", "OBSERVATION:\n", "é", "\x00", "<", ">", "\\", '"',
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
parts = st.sampled_from([
    {"type": "text", "text": "a"},
    {"type": "image_url", "image_url": {"url": "https://example.org/p.png"}},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    {"type": "other"},
    "b",
    {"type": "thinking", "thinking": "t", "signature": None},
    {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
    {"type": "tool_use", "id": "c2", "name": "g", "input": None, "cache_control": {}},
    {"type": "tool_result", "tool_use_id": "c1", "content": "r", "is_error": True},
    {"type": "tool_result", "content": [{"type": "text", "text": "r"}]},
])
ids = st.sampled_from(["c1", "c2", "", None, 3])
calls = st.fixed_dictionaries(
    {"function": st.fixed_dictionaries({"name": st.sampled_from(["f", ""]), "arguments": texts | values})},
    optional={"id": ids, "type": st.just("function"), "index": st.none()},
)
fields: st.SearchStrategy[Mapping[str, Any]] = st.just({}) | st.fixed_dictionaries(
    {},
    optional={
        "tool_calls": st.lists(calls | values, max_size=3) | values,
        "function_call": st.fixed_dictionaries({"name": st.just("f"), "arguments": texts}) | values,
        "tool_call_id": ids,
        "name": st.just("f"),
        "function_calls": texts | values,
        "functions": texts | values,
        "channel": st.sampled_from(["analysis", "commentary", "final"]),
        "recipient": st.sampled_from(["functions.f", "all", "assistant"]),
        "reasoning_content": texts,
        "thought": values,
    },
)
roles = st.sampled_from([*KINDS, "user", "assistant", "assistant", "developer", "", None])
messages = st.builds(Message, roles, texts | st.none() | st.lists(parts, max_size=3) | values, fields)
columns = st.fixed_dictionaries(
    {},
    optional={
        "agent": texts,
        "run_id": texts,
        "date": texts,
        "system": texts,
        "tools": texts | values | st.just([{"type": "function", "function": {"name": "f", "default": None}}]),
        "resolved": st.booleans(),
    },
)
conversations = st.builds(Conversation, st.lists(messages, min_size=1, max_size=8), columns)


def convert(conversation: Conversation, style: Style) -> tuple[Trajectory, Fidelity]:
    return STYLES[style](conversation, LOCATION)


def rows_of(conversation: Conversation) -> list[dict[str, Any]]:
    """The messages of a conversation as `to_rows` has to give them back."""
    return [{"role": each.role, "content": each.content} | dict(each.fields) for each in conversation.messages]


def talk_of(*contents: str | None, **columns: Any) -> Conversation:
    """A user and an assistant in turns."""
    made = [Message(("user", "assistant")[index % 2], content) for index, content in enumerate(contents)]
    return Conversation(made, columns)


def recorded_rows(folder: Path) -> Iterator[tuple[str, Conversation]]:
    """Every row below a folder that is kept as JSON, and the name of its file."""
    for path in sorted(folder.rglob("*.json*")):
        text = path.read_text("utf-8")
        rows = json.loads(text) if path.suffix == ".json" else map(json.loads, text.splitlines())
        yield from ((path.name, _conversation(row)) for row in rows)


def _conversation(row: dict[str, Any]) -> Conversation:
    name = "messages" if "messages" in row else "conversations"
    return Conversation(list(map(_message, row[name])), {key: row[key] for key in row if key != name})


def _message(message: dict[str, Any]) -> Message:
    held = {key: value for key, value in message.items() if value is not None}
    role = held.pop("role", None) or held.pop("from", None)
    return Message(role, held.pop("content", held.pop("value", None)), held)
