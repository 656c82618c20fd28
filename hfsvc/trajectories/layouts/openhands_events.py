"""The layout ``openhands``: events of OpenHands, which are actions and observations and no messages. Pure.

Source: ``output.jsonl`` of OpenHands' evaluations and its exported trajectories, 2024 to 2026: a list of events in
``history``, in pairs in older ones.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from hfsvc.models import LayoutName, ReadOptions
from hfsvc.trajectories.files.arrow_values import is_list
from hfsvc.trajectories.files.lenient_json import read_json
from hfsvc.trajectories.layouts.conversation import LIKELY_COLUMNS, Conversation, Message, Unreadable
from hfsvc.trajectories.layouts.message_counts import CountedByRow
from hfsvc.trajectories.layouts.metadata import MetadataColumns, columns_read
from hfsvc.trajectories.layouts.objects import Objects, find_objects, may_hold_objects

COLUMNS = (*LIKELY_COLUMNS, "events")
Event = Mapping[str, Any]
# Of an event, what becomes part of its message.
_READ = frozenset({"source", "action", "observation", "args", "content", "tool_call_metadata"})
_SAID = frozenset({"message", "system"})


class OpenHandsLayout(CountedByRow):
    """Rows whose messages are told by events, as a file with these columns has them."""

    name: LayoutName = "openhands"

    def __init__(self, messages: str, metadata: MetadataColumns) -> None:
        self.messages = messages
        self.metadata = metadata

    @property
    def columns(self) -> list[str]:
        return [self.messages, *columns_read(self.metadata)]

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        for columns, found in zip(self.metadata.rows(batch), find_objects(batch.column(self.messages)), strict=True):
            read = found if isinstance(found, str) else read_events(found.objects)
            if isinstance(read, str):
                yield Unreadable(self.messages, read)
            else:
                notes = () if isinstance(found, str) else found.notes
                messages, left_out = read
                yield Conversation(messages, _about(columns), (*notes, *left_out))

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        return [self.messages]

    def count(self, batch: pa.RecordBatch) -> list[int]:
        found = find_objects(batch.column(self.messages))
        read = (each if isinstance(each, str) else read_events(each.objects) for each in found)
        return [0 if isinstance(each, str) else len(each[0]) for each in read]


def fit(schema: pa.Schema, options: ReadOptions) -> list[OpenHandsLayout] | str:
    """The readers of columns that may hold events, or what a file with these columns lacks."""
    wanted = (options.columns["messages"],) if "messages" in options.columns else COLUMNS
    fitting = [name for name in wanted if schema.names.count(name) == 1 and _may_hold_events(schema.field(name).type)]
    if not fitting:
        return f"it has no events in a column {' or '.join(map(repr, wanted))}"
    metadata = MetadataColumns(schema, fitting, _with_run(schema, options))
    return [OpenHandsLayout(name, metadata) for name in fitting]


def _may_hold_events(kind: pa.DataType) -> bool:
    if is_list(kind) and pa.types.is_struct(kind.value_type):
        return {"action", "observation"} & {field.name for field in kind.value_type} != set()
    return may_hold_objects(kind)


def _with_run(schema: pa.Schema, options: ReadOptions) -> ReadOptions:
    """The same options, which ask for what OpenHands tells of the run, too."""
    if "metadata" not in schema.names or "metadata" in options.columns:
        return options
    return msgspec.structs.replace(options, columns={**options.columns, "metadata": "metadata"})


def _about(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns with the agent and the model that OpenHands names in ``metadata``."""
    run = columns.get("metadata")
    try:
        run = read_json(run).value if isinstance(run, str) else run
    except (ValueError, RecursionError):
        return columns
    if not isinstance(run, dict):
        return columns
    settings = run.get("llm_config")
    found = {"agent": run.get("agent_class"), "model": settings.get("model") if isinstance(settings, dict) else None}
    return {name: value for name, value in found.items() if isinstance(value, str)} | columns


def read_events(events: Objects) -> tuple[list[Message], list[tuple[int, str]]] | str:
    """The messages that events tell, and those events that tell none; else why they are no events."""
    if not any("source" in each and ("action" in each or "observation" in each) for each in events):
        return "none of its objects is an event with a source, and an action or an observation"
    ids = {event.get("id"): _call_id(event) for event in events if _is_call(event)}
    messages: list[Message] = []
    left_out: list[tuple[int, str]] = []
    for event in events:
        message = _observed(event, ids) if event.get("observation") else _acted(event)
        if message is None:
            kind = event.get("action") or event.get("observation")
            left_out.append((
                max(0, len(messages) - 1),
                f"event {event.get('id')} ({kind}) says nothing, and is left out",
            ))
        else:
            messages.append(message)
    return (messages, left_out) if messages else "none of its events says anything"


def _is_call(event: Event) -> bool:
    return bool(event.get("action")) and event.get("source") == "agent" and event["action"] not in _SAID


def _call_id(event: Event) -> str:
    told = _told(event).get("tool_call_id")
    return told if isinstance(told, str) and told else f"event_{event.get('id')}"


def _told(event: Event) -> Mapping[str, Any]:
    found = event.get("tool_call_metadata")
    return found if isinstance(found, dict) else {}


def _args(event: Event) -> dict[str, Any]:
    found = event.get("args")
    return found if isinstance(found, dict) else {}


def _acted(event: Event) -> Message | None:
    args, fields = _args(event), _others(event)
    source = event.get("source")
    if _is_call(event):
        return _call(event, args, fields)
    content = args.get("content") or event.get("message") or event.get("content") or ""
    if args.get("thought"):
        fields = {"thought": args["thought"], **fields}
    if not content and "thought" not in fields:
        return None
    if event.get("action") == "system":
        return Message("system", content, fields)
    return Message({"agent": "assistant", "user": "user"}.get(str(source), "system"), content, fields)


def _call(event: Event, args: Mapping[str, Any], fields: Mapping[str, Any]) -> Message:
    name = _told(event).get("function_name") or event["action"]
    arguments = {name: value for name, value in args.items() if value is not None and name != "thought"}
    call = {"id": _call_id(event), "type": "function", "function": {"name": name, "arguments": arguments}}
    thought = {"thought": args["thought"]} if args.get("thought") else {}
    return Message("assistant", "", {**thought, "tool_calls": [call], **fields})


def _observed(event: Event, ids: Mapping[Any, str]) -> Message | None:
    content, cause = event.get("content"), event.get("cause")
    told = _told(event).get("tool_call_id")
    id = told if told in ids.values() else ids.get(cause)
    if id is None and not content:
        return None
    fields = _others(event) | {"observation": event["observation"]}
    return Message("tool", content or "", fields if id is None else {"tool_call_id": id, **fields})


def _others(event: Event) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in _READ and value not in (None, {})}
