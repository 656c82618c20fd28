"""Sessions of Codex: lines of items as OpenAI's Responses API has them, in envelopes or bare. Pure.

Source: ``~/.codex/sessions/**/rollout-*.jsonl`` of Codex CLI, as they lie in datasets of the Hub's format agent-traces.
"""

from collections.abc import Sequence
from typing import Any

from hfsvc.trajectories.files.lenient_json import read_json
from hfsvc.trajectories.layouts.traces.turns import Event, Session, TurnBuilder, text_or_parts

_ENVELOPES = frozenset({"session_meta", "turn_context", "response_item", "event_msg", "compacted"})
_ITEMS = frozenset({"message", "reasoning", "function_call", "function_call_output"})
CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "web_search_call", "tool_search_call"})
_PARTS = {"input_text": "text", "output_text": "text", "summary_text": "text"}


def is_of(events: Sequence[Event]) -> bool:
    """Whether a log is of this kind."""
    return any(
        (event.get("type") in _ENVELOPES and "payload" in event)
        or (event.get("type") in _ITEMS and "message" not in event)
        for event in events
    )


def read(events: Sequence[Event]) -> Session:
    """The session of a log."""
    turns = TurnBuilder()
    about: dict[str, Any] = {"agent": "codex"}
    strange: dict[str, int] = {}
    for event in events:
        kind, payload = event.get("type"), event.get("payload")
        item = payload if isinstance(payload, dict) else event
        if kind in {"session_meta", "turn_context"} or (kind is None and "id" in event):
            _read_about(about, item)
        elif kind == "compacted":
            turns.add("system", item.get("message") or "", {"type": "compacted"})
        elif kind == "event_msg":
            _read_event(turns, item)
        elif not read_item(turns, item, event.get("timestamp")):
            strange[str(item.get("type"))] = strange.get(str(item.get("type")), 0) + 1
    turns.close()
    notes = tuple((0, f"{count} items of the type {kind} are left out") for kind, count in strange.items())
    return Session(turns.messages, about, notes)


def _read_about(about: dict[str, Any], item: Event) -> None:
    prompt = item.get("base_instructions")
    found = {
        "run_id": item.get("id") or item.get("session_id"),
        "date": item.get("timestamp"),
        "model": item.get("model"),
        "system": prompt.get("text") if isinstance(prompt, dict) else prompt or item.get("instructions"),
    }
    for name, value in found.items():
        if isinstance(value, str) and value:
            about.setdefault(name, value)


def _read_event(turns: TurnBuilder, item: Event) -> None:
    # All else is told by items, too.
    if item.get("type") == "thread_rolled_back":
        turns.close()
        _roll_back(turns, item.get("num_turns") or 0)


def _roll_back(turns: TurnBuilder, times: int) -> None:
    starts = [index for index, message in enumerate(turns.messages) if message.role == "user"]
    if times and starts:
        del turns.messages[starts[max(0, len(starts) - times)] :]


def read_item(turns: TurnBuilder, item: Event, timestamp: Any) -> bool:
    """Add an item to the turns; False for one of a type that nobody knows."""
    kind = item.get("type")
    kept = {} if timestamp is None else {"timestamp": timestamp}
    if kind == "message":
        _read_message(turns, item, kept)
    elif kind == "reasoning":
        if thought := text_or_parts([_part(each) for each in (item.get("summary") or item.get("content") or ())]):
            turns.think(thought if isinstance(thought, str) else str(thought))
    elif kind in CALLS:
        turns.call(*_call(item), kept)
    elif isinstance(kind, str) and kind.endswith("_output"):
        turns.answer(_output(item.get("output")), item.get("call_id"), kept)
    else:
        return kind in {"ghost_snapshot", "record_type", None} or "record_type" in item
    return True


def _read_message(turns: TurnBuilder, item: Event, kept: dict[str, Any]) -> None:
    content = item.get("content")
    said = text_or_parts([_part(each) for each in content]) if isinstance(content, list) else content
    if item.get("role") == "assistant":
        turns.say(said, kept)
    else:
        # What OpenAI calls the developer are instructions.
        role = "system" if item.get("role") == "developer" else str(item.get("role"))
        turns.add(role, said, kept)


def _call(item: Event) -> tuple[Any, Any, Any]:
    kind = item.get("type")
    if kind == "function_call":
        return item.get("name"), item.get("arguments"), item.get("call_id")
    if kind == "custom_tool_call":
        return item.get("name"), {"input": item.get("input")}, item.get("call_id")
    name = str(kind).removesuffix("_call")
    return name, item.get("action") or item.get("arguments") or {}, item.get("call_id") or item.get("id")


def _output(output: Any) -> Any:
    if isinstance(output, list):
        return text_or_parts([_part(each) for each in output])
    if isinstance(output, dict):
        return output.get("content") if isinstance(output.get("content"), str) else str(output)
    return _printed(output) if isinstance(output, str) and output.startswith('{"output"') else output or ""


def _printed(output: str) -> str:
    """What a command printed, where its output is JSON with numbers beside it."""
    try:
        found = read_json(output).value
    except (ValueError, RecursionError):
        return output
    printed = found.get("output") if isinstance(found, dict) else None
    return printed if isinstance(printed, str) else output


def _part(part: Any) -> Any:
    if isinstance(part, dict) and part.get("type") in _PARTS:
        return part.get("text") or ""
    return part
