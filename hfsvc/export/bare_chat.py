"""The messages of a row in which nothing was interpreted, as chats have them: fields, blocks and channels told apart. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from hfsvc.atif import Step, Trajectory
from hfsvc.export.chat import chat_role, further_fields, text_of
from hfsvc.export.lines import plain_json
from hfsvc.models import TrajectoryRow
from hfsvc.trajectories.layouts.conversation import CALLS, REASONING, Message
from hfsvc.trajectories.styles.agent_message import read_agent_message
from hfsvc.trajectories.styles.content_blocks import without_blocks
from hfsvc.trajectories.styles.notations import harmony
from hfsvc.trajectories.styles.notations.base import Call
from hfsvc.trajectories.styles.notations.json_values import NotJson, parse_json
from hfsvc.trajectories.styles.notations.openai_calls import ARGUMENTS, NAMES
from hfsvc.trajectories.styles.open_calls import answered_id
from hfsvc.trajectories.styles.parts import content_of
from hfsvc.trajectories.styles.provenance import COLUMN
from hfsvc.trajectories.styles.roles import is_call, kind_of
from hfsvc.trajectories.styles.to_rows import to_rows

Json = dict[str, Any]


def is_bare(row: TrajectoryRow) -> bool:
    """Whether a document has the messages of its row as they were, and nothing was interpreted."""
    return row.fidelity.style == "messages" and not any(map(_has_structure, row.trajectory.steps))


def _has_structure(step: Step) -> bool:
    return bool(step.tool_calls or step.observation or step.reasoning_content)


def prompt_of(trajectory: Trajectory) -> str | None:
    """The prompt that stood in a column of the row."""
    first = trajectory.steps[0]
    if COLUMN in (first.extra or {}):
        return text_of(first.message)
    prompt = (trajectory.extra or {}).get("system")
    return prompt if isinstance(prompt, str) and prompt else None


def bare_messages(trajectory: Trajectory) -> Iterator[Json]:
    """The messages of a row in which nothing was interpreted, as the format ``openai`` has them."""
    prompt = prompt_of(trajectory)
    if prompt is not None:
        yield {"role": "system", "content": prompt}
    for each in to_rows(trajectory):
        yield from (_bare_message(part) for part in without_blocks(row_message(each)))


def _bare_message(message: Message) -> Json:
    fields = _told_apart(message)
    made: Json = {"role": chat_role(message.role), "content": text_of(content_of(fields.pop("content")))}
    texts = (fields.get(name) for name in REASONING)
    reasoning = next((each for each in texts if isinstance(each, str) and each.strip()), None)
    calls = calls_in_fields(fields)
    if not calls and (calls := _written_calls(message)) and is_call(message.role):
        made["content"] = ""
    if reasoning:
        made["reasoning_content"] = reasoning
    if calls:
        made["tool_calls"] = calls
    if (answered := answered_id(message)) is not None:
        made["tool_call_id"] = answered
    return {**made, **further_fields(fields)}


def _told_apart(message: Message) -> Json:
    """The fields of a message with its content; what a channel or a recipient says of it in fields of its own."""
    fields = {**message.fields, "content": message.content}
    said = harmony.of_fields(fields, text_of(content_of(message.content))) if kind_of(message.role) == "agent" else None
    if said is None or any(fields.get(name) for name in CALLS):
        return fields
    calls = [written_call(each) for each in said.calls]
    thought = {"reasoning_content": said.reasoning} if said.reasoning else {}
    return {**fields, "content": said.message, **thought, **({"tool_calls": calls} if calls else {})}


def written_call(call: Call) -> Json:
    """A call as texts hold it: name, arguments, id where it has one, and what else it says."""
    id = {} if call.id is None else {"id": call.id}
    return {**(call.extra or {}), "name": call.name, "arguments": call.arguments, **id}


def row_message(message: Json) -> Message:
    """A message that `to_rows` gives, as layouts read one."""
    fields = {name: value for name, value in message.items() if name not in {"role", "content"}}
    return Message(message["role"], message["content"], fields)


def calls_in_fields(message: Mapping[str, Any]) -> list[Json] | None:
    """The calls in the fields of a message, in the form of the format ``openai``; None where there are none."""
    many, one = (_parsed(message.get(name)) for name in ("tool_calls", "function_call"))
    calls = [*many, one] if isinstance(many, list) else [one]
    listed = [_plain_call(call) for call in calls if isinstance(call, dict)]
    return listed if listed or isinstance(many, list) else None


def _written_calls(message: Message) -> list[Json]:
    """The calls that are all that a message is, or that a field holds as text of Python."""
    as_role = is_call(message.role) and isinstance(message.content, str)
    if not as_role and "function_calls" not in message.fields:
        return []
    read = read_agent_message(message, message.content if as_role else "")
    calls = read.calls if read.notation in {"role", "function_calls"} else []
    return [
        {"type": "function", "function": {"name": each.name, "arguments": plain_json(each.arguments)}}
        | ({} if each.id is None else {"id": each.id})
        for each in calls
    ]


def _parsed(calls: Any) -> Any:
    try:
        return parse_json(calls) if isinstance(calls, str) else calls
    except NotJson:
        return None


def _plain_call(call: Json) -> Json:
    held = next((call[name] for name in ("function", "custom") if isinstance(call.get(name), dict)), call)
    arguments = next((held[name] for name in ARGUMENTS if held.get(name) is not None), None)
    named = next((held[name] for name in NAMES if isinstance(held.get(name), str)), held.get("name"))
    function = {"name": _text(named), "arguments": "{}" if arguments is None else _text(arguments)}
    made = {"id": _text(call.get("id")), "type": "function", "function": function}
    return _further_keys(call, held) | {name: value for name, value in made.items() if value is not None}


def _further_keys(call: Json, held: Json) -> Json:
    """What else a call of a row says, inside and outside."""
    read = {"id", "type", "index", "function", "custom", *ARGUMENTS, *NAMES}
    return {name: value for name, value in {**call, **held}.items() if name not in read and value is not None}


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else plain_json(value)
