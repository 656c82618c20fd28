"""The format ``openai``, which trainers read: chat messages with tools. Pure."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from hfsvc.atif import ToolCall, Trajectory
from hfsvc.export.bare_chat import bare_messages, is_bare
from hfsvc.export.chat import ChatMessage, chat_messages, function_of, further_keys
from hfsvc.models import TrajectoryRow
from hfsvc.trajectories.columns.column_kinds import batch_of, json_text
from hfsvc.trajectories.layouts.conversation import FURTHER
from hfsvc.trajectories.styles.notations import terminus
from hfsvc.trajectories.styles.notations.tools import TOOL_FIELDS, Tools, tools_of
from hfsvc.trajectories.styles.provenance import FIELDS

Json = dict[str, Any]
_NESTED = {"tool_calls", "function"}
_CALL = pa.struct({
    "id": pa.string(),
    "type": pa.string(),
    "function": pa.struct({"name": pa.string(), "arguments": pa.string()}),
    FURTHER: pa.string(),
})
MESSAGE = pa.struct({
    "role": pa.string(),
    "content": pa.string(),
    "reasoning_content": pa.string(),
    "tool_calls": pa.list_(_CALL),
    "tool_call_id": pa.string(),
    "name": pa.string(),
    FURTHER: pa.string(),
})
OPENAI_SCHEMA = pa.schema({"messages": pa.list_(MESSAGE), "tools": pa.string()})


def openai_row(row: TrajectoryRow) -> Json:
    """A trajectory as ``messages``, and as ``tools`` the schemas on offer where they are known.

    Calls and results are told apart where the document does; a document of bare messages gives those of its row, with
    the roles that chats know, content as text, and calls and thinking where chats have them.
    """
    trajectory = row.trajectory
    messages = (
        list(bare_messages(trajectory))
        if is_bare(row)
        else [_message(each) for each in chat_messages(trajectory, all_answered=True)]
    )
    tools = offered_tools(row) or _tools_of_harness(trajectory)
    return {"messages": messages} if tools is None else {"messages": messages, "tools": tools}


def openai_batch(rows: Sequence[TrajectoryRow]) -> pa.RecordBatch:
    """The same as a batch of `OPENAI_SCHEMA`: the tools as JSON text, since their schemas differ."""
    return batch_of([_tabled(openai_row(row)) for row in rows], OPENAI_SCHEMA)


def offered_tools(row: TrajectoryRow) -> Tools | None:
    """The tools on offer: of the document, or of a column or a field that stayed what it is."""
    trajectory = row.trajectory
    if trajectory.agent.tool_definitions is not None:
        return trajectory.agent.tool_definitions
    if found := tools_of(row.tools):
        return found
    fields = ((step.extra or {}).get(FIELDS) or {} for step in trajectory.steps if step.source != "agent")
    return next((found for each in fields for name in TOOL_FIELDS if (found := tools_of(each.get(name)))), None)


def _tools_of_harness(trajectory: Trajectory) -> Tools | None:
    """The tools of the Terminus 2 harness, where a run called those and no others."""
    called = {call.function_name for step in trajectory.steps for call in step.tool_calls or ()}
    return terminus.TOOLS if called and called <= {terminus.RUN, terminus.DONE} else None


def _message(message: ChatMessage) -> Json:
    made: Json = {"role": message.role, "content": message.content}
    if message.reasoning is not None:
        # What chat templates look for.
        made["reasoning_content"] = message.reasoning
    if message.calls:
        made["tool_calls"] = [_call(call) for call in message.calls]
    if message.call_id is not None:
        made["tool_call_id"] = message.call_id
    return {**made, **message.fields}


def _call(call: ToolCall) -> Json:
    return {"id": call.tool_call_id, "type": "function", "function": function_of(call), **further_keys(call)}


def _tabled(row: Json) -> Json:
    tools = {"tools": json_text(row["tools"])} if "tools" in row else {}
    return {"messages": [tabled_message(each) for each in row["messages"]], **tools}


def tabled_message(message: Json) -> Json:
    """A chat message as tables hold it."""
    calls = [with_further(call, _CALL) for call in message.get("tool_calls") or ()]
    return with_further(message, MESSAGE) | {"tool_calls": calls or None}


def with_further(held: Json, columns: pa.StructType) -> Json:
    """An object for a column; what the column has no field for stands in one text."""
    known = {field.name for field in columns}
    # A field of another type than its column is no less further.
    fits = {
        name for name, value in held.items() if name in known and (name in _NESTED or isinstance(value, str | None))
    }
    further = {name: value for name, value in held.items() if name not in fits}
    return {name: held[name] for name in fits} | ({FURTHER: readable_json(further)} if further else {})


def readable_json(value: Any) -> str:
    """A value as JSON text for people: no escapes, and any value that JSON lacks as text."""
    return json.dumps(value, ensure_ascii=False, default=str)
