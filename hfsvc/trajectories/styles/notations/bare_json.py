"""A call as bare JSON: a whole text that is ``{"name", "arguments"}``, or a list of such.

Source: models that were told to answer with JSON alone, as Llama's template does; xLAM writes ``{"thought", "tool_calls"}``. Objects with keys that no call has are
data; in a fence they are an example.
"""

import re
from typing import Any

from hfsvc.trajectories.styles.notations.base import Broken, ParsedText
from hfsvc.trajectories.styles.notations.call_lists import values_at
from hfsvc.trajectories.styles.notations.json_values import NotJson, parse_object
from hfsvc.trajectories.styles.notations.openai_calls import all_of
from hfsvc.trajectories.styles.notations.special_tokens import without_end

_OPENING = re.compile(r"\s*(?:\[\s*)?\{")
_KEYS = {"name", "arguments", "parameters", "args", "input", "id", "type", "function", "index"}


def opens(text: str) -> int:
    """0 where the whole text may be calls, else -1."""
    if not _OPENING.match(text) or '"name"' not in text:
        return -1
    return (
        0
        if ('"arguments"' in text or '"parameters"' in text or '"args"' in text) and (_held(text) or _wrapped(text))
        else -1
    )


def parse(text: str) -> ParsedText | Broken:
    """The calls of a text."""
    wrapped = _wrapped(text)
    calls = all_of(_held(text) or (wrapped or {}).get("tool_calls") or [])
    return (
        calls if isinstance(calls, Broken) else ParsedText("", calls, wrapped["thought"] or None if wrapped else None)
    )


def first_name(text: str) -> str:
    """What the first call of a text calls."""
    found = parse(text)
    return found.calls[0].name if isinstance(found, ParsedText) else ""


def _held(text: str) -> list[Any] | None:
    whole = without_end(text)
    try:
        held, end = values_at(whole, 0)
    except NotJson:
        return None
    return held if held and not whole[end:].strip() and all(map(is_call, held)) else None


def _wrapped(text: str) -> dict[str, Any] | None:
    """An object of a thought and calls, as xLAM writes it."""
    if '"tool_calls"' not in text:
        return None
    try:
        held = parse_object(without_end(text))
    except NotJson:
        return None
    calls, thought = held.get("tool_calls"), held.setdefault("thought", "")
    is_one = held.keys() == {"thought", "tool_calls"} and isinstance(thought, str) and isinstance(calls, list)
    return held if is_one and calls and all(map(is_call, calls)) else None


def is_call(held: Any) -> bool:
    """Whether an object is a call and nothing else: data has other keys."""
    if not isinstance(held, dict) or not held.keys() <= _KEYS:
        return False
    function = held["function"] if isinstance(held.get("function"), dict) else held
    given = next((function[key] for key in ("arguments", "parameters", "args") if key in function), None)
    return isinstance(function.get("name"), str) and (isinstance(given, dict) or _is_object(given))


def _is_object(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(parse_object(value) or True)
    except NotJson:
        return False
