"""The formats ``openai`` and ``sharegpt``, which trainers read: chat messages with tools, or bare turns. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from hfsvc.atif import Step, ToolCall, Trajectory
from hfsvc.export.chat import ChatMessage, chat_messages, chat_role, function_of, further_fields
from hfsvc.export.columns import batch_of, json_text
from hfsvc.export.lines import plain_json
from hfsvc.models import TrajectoryRow
from hfsvc.trajectories.layouts.conversation import CALLS, REASONING, Message
from hfsvc.trajectories.styles.agent_message import read_agent_message
from hfsvc.trajectories.styles.content_blocks import without_blocks
from hfsvc.trajectories.styles.notations.base import Call
from hfsvc.trajectories.styles.notations.json_values import NotJson, parse_json
from hfsvc.trajectories.styles.notations.openai_calls import ARGUMENTS, NAMES, calls_of
from hfsvc.trajectories.styles.open_calls import assign
from hfsvc.trajectories.styles.parts import text_of
from hfsvc.trajectories.styles.provenance import COLUMN
from hfsvc.trajectories.styles.roles import IS_CALL, Kind, kind_of
from hfsvc.trajectories.styles.to_rows import to_rows, written

Json = dict[str, Any]

_SPEAKERS: dict[Kind, str] = {"agent": "gpt", "user": "human", "tool": "observation", "system": "system"}
_CALL = pa.struct({
    "id": pa.string(),
    "type": pa.string(),
    "function": pa.struct({"name": pa.string(), "arguments": pa.string()}),
})
MESSAGE = pa.struct({
    "role": pa.string(),
    "content": pa.string(),
    "reasoning_content": pa.string(),
    "tool_calls": pa.list_(_CALL),
    "tool_call_id": pa.string(),
    "name": pa.string(),
})
_TURN = pa.struct({"from": pa.string(), "value": pa.string()})
OPENAI_SCHEMA = pa.schema({"messages": pa.list_(MESSAGE), "tools": pa.string()})
SHAREGPT_SCHEMA = pa.schema({"conversations": pa.list_(_TURN), "system": pa.string(), "tools": pa.string()})


def openai_row(row: TrajectoryRow) -> Json:
    """A trajectory as ``messages``, and as ``tools`` the schemas on offer where they are known.

    Calls and results are told apart where the document does; a document of bare messages gives those of its row, with
    the roles that chats know, content as text, and calls and thinking where chats have them.
    """
    trajectory = row.trajectory
    bare = row.fidelity.style == "messages" and not any(map(_has_structure, trajectory.steps))
    messages = list(_bare(trajectory)) if bare else [_message(each) for each in chat_messages(trajectory)]
    tools = trajectory.agent.tool_definitions
    return {"messages": messages} if tools is None else {"messages": messages, "tools": tools}


def openai_batch(rows: Sequence[TrajectoryRow]) -> pa.RecordBatch:
    """The same as a batch of `OPENAI_SCHEMA`: the tools as JSON text, since their schemas differ."""
    return batch_of([_tabled(openai_row(row)) for row in rows], OPENAI_SCHEMA)


def sharegpt_row(row: TrajectoryRow) -> Json:
    """A trajectory as ``conversations`` of ``from`` and ``value``, with ``system`` and ``tools`` beside them.

    Thinking, calls and results stand in the texts: of what was built from a row these are the texts of that row, and
    what stood in fields of its own is written before and after them; any other document is written as Harbor's exporter
    writes it. The prompt that a row opens with is ``system``, wherever it stood; tools are JSON text.
    """
    messages = [part for each in to_rows(row.trajectory) for part in without_blocks(_read(each))]
    system = _prompt(row.trajectory)
    if system is None and messages and kind_of(messages[0].role) == "system" and not messages[0].fields:
        system = text_of(messages.pop(0).content)
    tools = row.trajectory.agent.tool_definitions
    return {
        "conversations": [_turn(each) for each in _answers_in_order(messages)],
        "system": system,
        "tools": plain_json(tools) if tools else None,
    }


def sharegpt_batch(rows: Sequence[TrajectoryRow]) -> pa.RecordBatch:
    """The same as a batch of `SHAREGPT_SCHEMA`."""
    return batch_of([sharegpt_row(row) for row in rows], SHAREGPT_SCHEMA)


def _has_structure(step: Step) -> bool:
    return bool(step.tool_calls or step.observation or step.reasoning_content)


def _answers_in_order(messages: list[Message]) -> Iterator[Message]:
    """Messages whose results stand in the order of their calls: a turn has no other way to say which it answers."""
    calls: list[Call] = []
    for is_result, group in groupby(messages, lambda each: kind_of(each.role) == "tool"):
        run = list(group)
        yield from _sorted_results(run, calls) if is_result and len(run) > 1 else run
        calls = [] if is_result else [call for each in run if kind_of(each.role) == "agent" for call in _calls(each)]


def _sorted_results(results: list[Message], calls: list[Call]) -> list[Message]:
    ids = [call.id for call in calls]
    given = [each.fields.get("tool_call_id") for each in results]
    names = [each.fields.get("name") for each in results]
    order: list[int | None] = [ids.index(id) if id in ids else None for id in given]
    if not any(given):
        order = assign([call.name for call in calls], [name if isinstance(name, str) else None for name in names])
    places = [place for place in order if place is not None]
    if len(places) < len(results):
        return results
    return [each for _, each in sorted(zip(places, results, strict=True), key=itemgetter(0))]


def _calls(message: Message) -> list[Call]:
    calls = calls_of(message.fields)
    return calls if isinstance(calls, list) else []


def _turn(message: Message) -> Json:
    role, text = message.role or "system", text_of(message.content)
    kind = kind_of(role)
    if kind == "agent":
        text = _spoken(message, text)
    return {"from": "function_call" if role in IS_CALL else _SPEAKERS.get(kind, role), "value": text}


def _spoken(message: Message, text: str) -> str:
    """What an agent said with what it thought and called, all as text; as it is where all stands in the text."""
    if not message.fields:
        return text
    read = read_agent_message(message, text)
    if not message.fields.keys() & {*CALLS, *REASONING, "channel", "recipient"}:
        return text
    calls = [ToolCall(tool_call_id="", function_name=call.name, arguments=call.arguments) for call in read.calls]
    return str(written(read.reasoning, read.message, calls))


def _prompt(trajectory: Trajectory) -> str | None:
    """The prompt that stood in a column of the row."""
    first = trajectory.steps[0]
    if COLUMN in (first.extra or {}):
        return text_of(first.message)
    prompt = (trajectory.extra or {}).get("system")
    return prompt if isinstance(prompt, str) and prompt else None


def _bare(trajectory: Trajectory) -> Iterator[Json]:
    """The messages of a row in which nothing was interpreted."""
    prompt = _prompt(trajectory)
    if prompt is not None:
        yield {"role": "system", "content": prompt}
    for each in to_rows(trajectory):
        yield from (_bare_message(part) for part in without_blocks(_read(each)))


def _bare_message(message: Message) -> Json:
    fields = dict(message.fields)
    made: Json = {"role": chat_role(message.role), "content": text_of(message.content)}
    reasoning = next((fields[name] for name in REASONING if isinstance(fields.get(name), str)), None)
    calls = _tabled_calls(fields)
    if not calls and (calls := _written_calls(message)) and message.role in IS_CALL:
        made["content"] = ""
    if reasoning:
        made["reasoning_content"] = reasoning
    if calls:
        made["tool_calls"] = [{name: value for name, value in call.items() if value is not None} for call in calls]
    if (answered := fields.get("tool_call_id")) is not None:
        made["tool_call_id"] = _text(answered)
    return {**made, **further_fields(fields)}


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
    return {"id": call.tool_call_id, "type": "function", "function": function_of(call)}


# ---- tables ---------------------------------------------------------------------------------------------------------


def _tabled(row: Json) -> Json:
    tools = {"tools": json_text(row["tools"])} if "tools" in row else {}
    return {"messages": [tabled_message(each) for each in row["messages"]], **tools}


def tabled_message(message: Json) -> Json:
    """A chat message as tables hold it."""
    texts = {name: value for name, value in message.items() if isinstance(value, str)}
    made = texts | {"content": text_of(message["content"]), "tool_calls": _tabled_calls(message)}
    return made | {"tool_call_id": _text(message.get("tool_call_id"))}


def _tabled_calls(message: Mapping[str, Any]) -> list[Json] | None:
    many, one = (_parsed(message.get(name)) for name in ("tool_calls", "function_call"))
    calls = [*many, one] if isinstance(many, list) else [one]
    listed = [_tabled_call(call) for call in calls if isinstance(call, dict)]
    return listed if listed or isinstance(many, list) else None


def _written_calls(message: Message) -> list[Json]:
    """The calls that are all that a message is, or that a field holds as text of Python."""
    is_call = message.role in IS_CALL and isinstance(message.content, str)
    if not is_call and "function_calls" not in message.fields:
        return []
    read = read_agent_message(message, message.content if is_call else "")
    calls = read.calls if read.notation in {"role", "function_calls"} else []
    return [
        {"type": "function", "function": {"name": each.name, "arguments": plain_json(each.arguments)}} for each in calls
    ]


def _parsed(calls: Any) -> Any:
    try:
        return parse_json(calls) if isinstance(calls, str) else calls
    except NotJson:
        return None


def _tabled_call(call: Json) -> Json:
    held = next((call[name] for name in ("function", "custom") if isinstance(call.get(name), dict)), call)
    arguments = next((held[name] for name in ARGUMENTS if held.get(name) is not None), None)
    named = next((held[name] for name in NAMES if isinstance(held.get(name), str)), held.get("name"))
    function = {"name": _text(named), "arguments": "null" if arguments is None else _text(arguments)}
    return {"id": _text(call.get("id")), "type": "function", "function": function}


def _read(message: Json) -> Message:
    fields = {name: value for name, value in message.items() if name not in {"role", "content"}}
    return Message(message["role"], message["content"], fields)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else plain_json(value)
