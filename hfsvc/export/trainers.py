"""The formats ``openai`` and ``sharegpt``, which trainers read: chat messages with tools, or bare turns. Pure."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from hfsvc.atif import Step, ToolCall
from hfsvc.export.chat import ChatMessage, chat_messages, function_of
from hfsvc.export.columns import batch_of, json_text
from hfsvc.export.lines import plain_json
from hfsvc.models import TrajectoryRow
from hfsvc.trajectories.styles.notations.json_values import NotJson, parse_json
from hfsvc.trajectories.styles.parts import text_of
from hfsvc.trajectories.styles.to_rows import to_rows

Json = dict[str, Any]

_SPEAKERS = {"assistant": "gpt", "user": "human", "tool": "observation"}
_CALL = pa.struct({
    "id": pa.string(),
    "type": pa.string(),
    "function": pa.struct({"name": pa.string(), "arguments": pa.string()}),
})
_MESSAGE = pa.struct({
    "role": pa.string(),
    "content": pa.string(),
    "reasoning_content": pa.string(),
    "tool_calls": pa.list_(_CALL),
    "tool_call_id": pa.string(),
})
_TURN = pa.struct({"from": pa.string(), "value": pa.string()})
OPENAI_SCHEMA = pa.schema({"messages": pa.list_(_MESSAGE), "tools": pa.string()})
SHAREGPT_SCHEMA = pa.schema({"conversations": pa.list_(_TURN)})


def openai_row(row: TrajectoryRow) -> Json:
    """A trajectory as ``messages``, and as ``tools`` the schemas on offer where they are known.

    Calls and results are told apart where the document does; a document of bare messages gives those of its row.
    """
    trajectory = row.trajectory
    is_flat = not any(map(_has_structure, trajectory.steps))
    messages = to_rows(trajectory) if is_flat else [_message(each) for each in chat_messages(trajectory)]
    tools = trajectory.agent.tool_definitions
    return {"messages": messages} if tools is None else {"messages": messages, "tools": tools}


def openai_batch(rows: Sequence[TrajectoryRow]) -> pa.RecordBatch:
    """The same as a batch of `OPENAI_SCHEMA`: the tools as JSON text, since their schemas differ."""
    return batch_of([_tabled(openai_row(row)) for row in rows], OPENAI_SCHEMA)


def sharegpt_row(row: TrajectoryRow) -> Json:
    """A trajectory as ``conversations`` of ``from`` and ``value``, thinking, calls and results in the text.

    What was built from a row has the texts of that row; any other document is written as Harbor's exporter writes it.
    """
    return {"conversations": [_turn(each) for each in to_rows(row.trajectory)]}


def sharegpt_batch(rows: Sequence[TrajectoryRow]) -> pa.RecordBatch:
    """The same as a batch of `SHAREGPT_SCHEMA`."""
    return batch_of([sharegpt_row(row) for row in rows], SHAREGPT_SCHEMA)


def _has_structure(step: Step) -> bool:
    return bool(step.tool_calls or step.observation or step.reasoning_content)


def _turn(message: Json) -> Json:
    role = message["role"]
    return {"from": _SPEAKERS.get(role, role), "value": text_of(message["content"])}


def _message(message: ChatMessage) -> Json:
    made: Json = {"role": message.role, "content": message.content}
    if message.reasoning is not None:
        # What chat templates look for.
        made["reasoning_content"] = message.reasoning
    if message.calls:
        made["tool_calls"] = [_call(call) for call in message.calls]
    if message.call_id is not None:
        made["tool_call_id"] = message.call_id
    return made


def _call(call: ToolCall) -> Json:
    return {"id": call.tool_call_id, "type": "function", "function": function_of(call)}


# ---- tables ---------------------------------------------------------------------------------------------------------


def _tabled(row: Json) -> Json:
    tools = {"tools": json_text(row["tools"])} if "tools" in row else {}
    return {"messages": [_tabled_message(each) for each in row["messages"]], **tools}


def _tabled_message(message: Json) -> Json:
    texts = {name: value for name, value in message.items() if isinstance(value, str)}
    made = texts | {"content": text_of(message["content"]), "tool_calls": _tabled_calls(message)}
    return made | {"tool_call_id": _text(message.get("tool_call_id"))}


def _tabled_calls(message: Json) -> list[Json] | None:
    many, one = (_parsed(message.get(name)) for name in ("tool_calls", "function_call"))
    calls = [*many, one] if isinstance(many, list) else [one]
    listed = [_tabled_call(call) for call in calls if isinstance(call, dict)]
    return listed if listed or isinstance(many, list) else None


def _parsed(calls: Any) -> Any:
    try:
        return parse_json(calls) if isinstance(calls, str) else calls
    except NotJson:
        return None


def _tabled_call(call: Json) -> Json:
    held = call["function"] if isinstance(call.get("function"), dict) else call
    arguments = held.get("arguments")
    function = {"name": _text(held.get("name")), "arguments": "null" if arguments is None else _text(arguments)}
    return {"id": _text(call.get("id")), "type": _text(call.get("type")), "function": function}


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else plain_json(value)
