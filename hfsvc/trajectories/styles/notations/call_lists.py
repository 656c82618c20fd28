"""Texts that are nothing but calls: JSON, one object, a list or several, or the same as a literal of Python. Pure."""

import json
import re
from typing import Any

from hfsvc.trajectories.styles.notations.base import Broken, Call
from hfsvc.trajectories.styles.notations.json_values import NotJson, object_at, parse_json
from hfsvc.trajectories.styles.notations.openai_calls import all_of
from hfsvc.trajectories.styles.notations.python_values import NotPython, literal

_BETWEEN = re.compile(r"[\s;,]*")
_decoder = json.JSONDecoder()


def calls_in(text: str) -> list[Call] | Broken:
    """The calls that a whole text is; at least one."""
    try:
        held, end = values_at(text, 0)
        if text[end:].strip():
            return Broken("its JSON is followed by something else")
    except NotJson as error:
        try:
            held = _listed(literal(text))
        except NotPython:
            return Broken(f"its JSON does not parse: {error}")
    return all_of(held) if held else Broken("it holds no call")


def values_at(text: str, start: int) -> tuple[list[Any], int]:
    """The objects that stand one after the other from a place on, or in one list, and where they end.

    Raises:
        NotJson: There is none.
    """
    start = _skipped(text, start)
    if text.startswith("[", start):
        return _list_at(text, start)
    found: list[Any] = []
    end = position = start
    while not found or text.startswith("{", position):
        each, end = object_at(text, position)
        found.append(each)
        position = _skipped(text, end)
    return found, end


def unfenced(text: str) -> str:
    """What a fence holds, where the whole text is one; else the text."""
    stripped = text.strip()
    if len(stripped) < len("``````") or not (stripped.startswith("```") and stripped.endswith("```")):
        return text
    label, _, inner = stripped[3:-3].partition("\n")
    return text if "```" in inner or not (label == "" or label.strip().isidentifier()) else inner


def _list_at(text: str, start: int) -> tuple[list[Any], int]:
    try:
        _, end = _decoder.raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None
    return _listed(parse_json(text[start:end])), end


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _skipped(text: str, start: int) -> int:
    blank = _BETWEEN.match(text, start)
    return blank.end() if blank else start
