"""The format ``sharegpt``: turns of ``from`` and ``value``, with ``system`` and ``tools`` beside them. Pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from hfsvc.export.bare_chat import prompt_of, row_message, written_call
from hfsvc.export.chat import further_fields, text_of
from hfsvc.export.lines import plain_json
from hfsvc.export.trainers import offered_tools, readable_json, with_further
from hfsvc.models import TrajectoryRow
from hfsvc.trajectories.columns.column_kinds import batch_of
from hfsvc.trajectories.layouts.conversation import CALLS, FURTHER, REASONING, Message
from hfsvc.trajectories.styles.agent_message import read_agent_message
from hfsvc.trajectories.styles.content_blocks import without_blocks
from hfsvc.trajectories.styles.notations.base import Call
from hfsvc.trajectories.styles.notations.openai_calls import calls_of
from hfsvc.trajectories.styles.open_calls import answered_id, assign
from hfsvc.trajectories.styles.parts import content_of
from hfsvc.trajectories.styles.roles import Kind, is_call, kind_of
from hfsvc.trajectories.styles.to_rows import to_rows, written

Json = dict[str, Any]
_SPEAKERS: dict[Kind, str] = {"agent": "gpt", "user": "human", "tool": "observation", "system": "system"}
_TURN = pa.struct({
    "from": pa.string(),
    "value": pa.string(),
    "tool_call_id": pa.string(),
    "name": pa.string(),
    FURTHER: pa.string(),
})
SHAREGPT_SCHEMA = pa.schema({"conversations": pa.list_(_TURN), "system": pa.string(), "tools": pa.string()})


def sharegpt_row(row: TrajectoryRow) -> Json:
    """A trajectory as ``conversations`` of ``from`` and ``value``, with ``system`` and ``tools`` beside them.

    Thinking, calls and results stand in the texts: of what was built from a row these are the texts of that row, and
    what stood in fields of its own is written before and after them; any other document is written as Harbor's exporter
    writes it. The prompt that a row opens with is ``system``, wherever it stood; tools are JSON text.
    """
    messages = [part for each in to_rows(row.trajectory) for part in without_blocks(row_message(each))]
    system = prompt_of(row.trajectory)
    first = text_of(content_of(messages[0].content)) if messages and kind_of(messages[0].role) == "system" else ""
    if system is None and first:
        system = first
        del messages[0]
    tools = offered_tools(row)
    return {
        "conversations": [_turn(each) for each in _answers_in_order(messages)],
        "system": system,
        "tools": plain_json(tools) if tools else None,
    }


def sharegpt_batch(rows: Sequence[TrajectoryRow]) -> pa.RecordBatch:
    """The same as a batch of `SHAREGPT_SCHEMA`."""
    made = map(sharegpt_row, rows)
    tabled = [each | {"conversations": [with_further(turn, _TURN) for turn in each["conversations"]]} for each in made]
    return batch_of(tabled, SHAREGPT_SCHEMA)


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
    role, text = message.role or "system", text_of(content_of(message.content))
    kind = kind_of(role)
    fields = {**further_fields(message.fields)}
    if kind == "tool" and (id := answered_id(message)):
        fields["tool_call_id"] = id
    speaker = "function_call" if is_call(role) else _SPEAKERS.get(kind, role)
    return {**fields, "from": speaker, "value": _spoken(message, text) if kind == "agent" else text}


def _spoken(message: Message, text: str) -> str:
    """What an agent said with what it thought and called, all as text; as it is where all stands in the text."""
    if not message.fields.keys() & {*CALLS, *REASONING, "channel", "recipient"}:
        return text
    read = read_agent_message(message, text)
    calls = [written_call(each) for each in read.calls]
    said = _with_thinking(read.reasoning, read.message)
    if is_call(message.role) and calls and not said:
        # A turn of calls alone is their JSON.
        return plain_json(calls[0] if len(calls) == 1 else calls)
    return "\n".join(filter(None, (said, *(f"<tool_call>\n{readable_json(each)}\n</tool_call>" for each in calls))))


def _with_thinking(reasoning: str | None, message: str) -> str:
    """A text with the thinking before it; where that speaks of the closing tag, in another one that is read back."""
    if reasoning and "</think>" in reasoning:
        name = next((each for each in ("thinking", "thought") if f"</{each}>" not in reasoning), "seed:think")
        return f"<{name}>{reasoning}</{name}>\n{message}"
    return str(written(reasoning, message, ()))
