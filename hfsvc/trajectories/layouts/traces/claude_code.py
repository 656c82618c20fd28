"""Sessions of Claude Code: a line an event, each with its parent; an answer is several lines of one message. Pure.

Source: ``~/.claude/projects/*/*.jsonl`` of Claude Code 1 and 2, as they lie in datasets of the Hub's format agent-traces.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from hfsvc.trajectories.layouts.traces.blocks import read_blocks
from hfsvc.trajectories.layouts.traces.parents import last_branch
from hfsvc.trajectories.layouts.traces.turns import Event, Session, TurnBuilder

_SPEAKING = frozenset({"user", "assistant"})


def is_of(events: Sequence[Event]) -> bool:
    """Whether a log is of this kind."""
    return any(event.get("type") in _SPEAKING and "sessionId" in event and "uuid" in event for event in events)


def read(events: Sequence[Event]) -> Session:
    """The session of a log."""
    chained = [event for event in events if not event.get("isSidechain")]
    if not any(map(_is_said, chained)):
        # The log of a subagent alone.
        chained = [*events]
    said = [event for event in chained if _is_said(event)]
    kept = _kept(said, last_branch(chained, _id_in_chain, ("parentUuid", "logicalParentUuid"), _is_said))
    turns = TurnBuilder()
    before: Any = None
    for event in kept:
        answer = event["message"].get("id") if event["type"] == "assistant" else None
        if answer is None or answer != before:
            turns.close()
        before = answer
        read_blocks(turns, event["message"], event)
    turns.close()
    return Session(turns.messages, _columns(kept), tuple(_notes(events, chained, said, kept)))


def _is_said(event: Event) -> bool:
    return event.get("type") in _SPEAKING and isinstance(event.get("message"), dict)


def _id_in_chain(event: Event) -> str | None:
    id = event.get("uuid")
    return id if isinstance(id, str) else None


def _kept(said: Sequence[Event], branch: set[str]) -> list[Event]:
    """The branch, with the answers to calls made together, which hang on the call and not on one another."""
    on_branch = [event for event in said if event.get("uuid") in branch]
    answers = {event["message"].get("id") for event in on_branch} - {None}
    calls = {
        id
        for event in said
        if event.get("uuid") in branch or event["message"].get("id") in answers
        for id in _ids(event, "id")
    }
    return [
        event
        for event in said
        if event.get("uuid") in branch
        or event["message"].get("id") in answers
        or calls.intersection(_ids(event, "tool_use_id"))
    ]


def _ids(event: Event, key: str) -> Iterator[str]:
    content = event["message"].get("content")
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict) and isinstance(block.get(key), str):
            yield block[key]


def _columns(events: Sequence[Event]) -> dict[str, Any]:
    models = [event["message"].get("model") for event in events if event["type"] == "assistant"]
    found = {
        "agent": "claude-code",
        "model": next((model for model in models if model and model != "<synthetic>"), None),
        "run_id": next((event["sessionId"] for event in events if event.get("sessionId")), None),
        "date": next((event["timestamp"] for event in events if event.get("timestamp")), None),
    }
    return {name: value for name, value in found.items() if value is not None}


def _notes(
    events: Sequence[Event], chained: Sequence[Event], said: Sequence[Event], kept: Sequence[Event]
) -> Iterator[tuple[int, str]]:
    if aside := len(events) - len(chained):
        yield 0, f"{aside} events of subagents are left out"
    if left := len(said) - len(kept):
        yield 0, f"{left} messages of branches that the session left are left out"
