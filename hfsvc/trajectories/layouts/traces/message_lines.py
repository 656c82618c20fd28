"""Sessions of a header line and a line a message: Pi, OpenClaw, Droid, and the Hub's Session Trace Simple Format. Pure.

Source: ``~/.pi/agent/sessions`` of Pi, and huggingface.co/docs/hub/session-traces-format (2026).
"""

from collections.abc import Sequence
from typing import Any

from hfsvc.trajectories.layouts.traces.blocks import read_blocks
from hfsvc.trajectories.layouts.traces.parents import last_branch
from hfsvc.trajectories.layouts.traces.turns import Event, Session, TurnBuilder

_HEADERS = frozenset({"session", "session_start"})
_SUMMARIES = {"compaction": "summary", "branch_summary": "summary", "custom_message": "content"}


def is_of(events: Sequence[Event]) -> bool:
    """Whether a log is of this kind."""
    return any(event.get("type") in _HEADERS for event in events) and any(map(_is_message, events))


def read(events: Sequence[Event]) -> Session:
    """The session of a log."""
    about: dict[str, Any] = {}
    chained = any(event.get("parentId") for event in events)
    branch = last_branch(events, _id_in_chain, ("parentId",), _is_message) if chained else set()
    kept = [event for event in events if not chained or event.get("id") in branch]
    turns = TurnBuilder()
    for event in events:
        if event.get("type") in _HEADERS:
            _read_header(about, event)
    for event in kept:
        _read_event(turns, event, about)
    turns.close()
    left = sum(map(_is_message, events)) - sum(map(_is_message, kept))
    notes = ((0, f"{left} messages of branches that the session left are left out"),) if left else ()
    return Session(turns.messages, about, notes)


def _is_message(event: Event) -> bool:
    return event.get("type") == "message" and isinstance(event.get("message"), dict)


def _id_in_chain(event: Event) -> str | None:
    id = event.get("id")
    return id if isinstance(id, str) and event.get("type") not in _HEADERS else None


def _read_header(about: dict[str, Any], event: Event) -> None:
    agent = event.get("harness") or ("droid" if event.get("type") == "session_start" else "pi")
    found = {"agent": agent, "run_id": event.get("id"), "trial_name": event.get("name"), "date": event.get("timestamp")}
    for name, value in found.items():
        if isinstance(value, str) and value:
            about.setdefault(name, value)
    if isinstance(event.get("tools"), list):
        about.setdefault("tools", event["tools"])


def _read_event(turns: TurnBuilder, event: Event, about: dict[str, Any]) -> None:
    kind = event.get("type")
    if _is_message(event):
        message = event["message"]
        turns.close()
        read_blocks(turns, message, event)
        if message.get("role") == "assistant" and isinstance(message.get("model"), str):
            about.setdefault("model", message["model"])
    elif kind in _SUMMARIES and (text := event.get(_SUMMARIES[kind])):
        turns.add("system", text, {"type": kind})
