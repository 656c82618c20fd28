"""Sessions of Gemini CLI: one object with a list of messages, or a line a message under a line about the session. Pure.

Source: ``~/.gemini/tmp/*/chats/session-*.json`` and ``.jsonl`` of Gemini CLI, as they lie in datasets of the Hub's format
agent-traces.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from hfsvc.trajectories.layouts.traces.turns import Event, Session, TurnBuilder, kept_of, text_or_parts

_SPEAKING = frozenset({"user", "gemini"})
_REPORTS = frozenset({"info", "error", "warning"})


def is_of(events: Sequence[Event]) -> bool:
    """Whether a log is of this kind."""
    return any("projectHash" in event or event.get("type") == "gemini" for event in events)


def read(events: Sequence[Event]) -> Session:
    """The session of a log."""
    turns = TurnBuilder()
    about: dict[str, Any] = {"agent": "gemini-cli"}
    # A message that goes on is written again, under its own id.
    said: dict[Any, Event] = {}
    for number, event in enumerate(_messages(events, about)):
        said[event.get("id") or number] = event
    for event in said.values():
        _read_message(turns, event, about)
    turns.close()
    return Session(turns.messages, {name: value for name, value in about.items() if value})


def _messages(events: Sequence[Event], about: dict[str, Any]) -> Iterator[Event]:
    for event in events:
        if "projectHash" in event:
            about.setdefault("run_id", event.get("sessionId"))
            about.setdefault("date", event.get("startTime"))
        changed = event.get("$set")
        listed = event.get("messages") or (changed.get("messages") if isinstance(changed, dict) else None)
        yield from (each for each in listed or () if isinstance(each, dict))
        if event.get("type") in _SPEAKING | _REPORTS:
            yield event


def _read_message(turns: TurnBuilder, event: Event, about: dict[str, Any]) -> None:
    kept = kept_of(event) | ({"usage": event["tokens"]} if event.get("tokens") else {})
    content = event.get("content")
    said = text_or_parts([_text(each) for each in content]) if isinstance(content, list) else content or ""
    if event.get("type") != "gemini":
        turns.add("user" if event.get("type") == "user" else "system", said, kept)
        return
    about.setdefault("model", event.get("model"))
    turns.close()
    for thought in event.get("thoughts") or ():
        turns.think(_thought(thought))
    turns.say(said, kept)
    calls = [each for each in event.get("toolCalls") or () if isinstance(each, dict)]
    for call in calls:
        turns.call(call.get("name"), call.get("args"), call.get("id"), kept)
    for call in calls:
        if (result := _result(call)) is not None:
            turns.answer(result, call.get("id"), {"name": call.get("name")})
    turns.close()


def _text(part: Any) -> Any:
    return part["text"] if isinstance(part, dict) and isinstance(part.get("text"), str) else part


def _thought(thought: Any) -> str:
    if not isinstance(thought, dict):
        return str(thought)
    return ": ".join(str(thought[name]) for name in ("subject", "description") if thought.get(name))


def _result(call: Event) -> Any:
    """What a call gave: the text in its function's responses, else what was shown."""
    for part in call.get("result") or ():
        answer = part.get("functionResponse", {}).get("response") if isinstance(part, dict) else None
        if isinstance(answer, dict):
            return next(
                (answer[name] for name in ("output", "error") if isinstance(answer.get(name), str)), str(answer)
            )
    shown = call.get("resultDisplay")
    return shown if isinstance(shown, str | None) else str(shown)
