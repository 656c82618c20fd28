"""Calls in fields of a message: ``tool_calls``, ``function_call`` as it was before, and ``function_calls`` as text.

Source: OpenAI's API; ``function_calls``, as calls of Python, stands in the Dolci-Instruct datasets (allenai, 2026).
"""

from collections.abc import Mapping
from typing import Any

from hfsvc.trajectories.layouts.structs import spread
from hfsvc.trajectories.styles.notations.base import Broken, Call
from hfsvc.trajectories.styles.notations.json_values import NotJson, parse_json, parse_object

RAW = "_raw"
"""The name of the only argument where arguments are text that holds no object."""

ARGUMENTS = ("arguments", "parameters", "args", "input")
"""What the arguments are called; the first that is there counts."""

NAMES = ("name", "tool_name", "toolName", "function", "tool")
IDS = ("id", "call_id", "tool_call_id", "toolCallId")
_NESTED = ("function", "custom")
_OUTSIDE, _INSIDE = {"id", "type", "index", "function"}, {"name", "arguments"}
_SAYS_NOTHING = {"type", "index"}


def calls_of(fields: Mapping[str, Any]) -> list[Call] | Broken:
    """All calls of a message; none where one of them is broken."""
    try:
        many = _read(fields.get("tool_calls"))
        one = _read(fields.get("function_call"))
    except NotJson as error:
        return Broken(f"its calls are text, and no JSON: {error}")
    if not isinstance(many, list | None):
        return Broken("its tool_calls are no list")
    return all_of([*(many or []), *([one] if one is not None else [])])


def all_of(held: list[Any]) -> list[Call] | Broken:
    """The calls that a list holds; none where one of them is broken."""
    calls = list[Call]()
    for each in held:
        call = call_of(each)
        if isinstance(call, Broken):
            return call
        calls.append(call)
    return calls


def call_of(held: Any) -> Call | Broken:
    """A call of ``{"name", "arguments"}``, or of that in ``function`` beside an ``id``; other keys are kept."""
    if not isinstance(held, dict):
        return Broken("a call is no object")
    function = held.get("function")
    if isinstance(function, dict) and held.keys() <= _OUTSIDE and function.keys() <= _INSIDE:
        # Nearly every call.
        return _plain(function, held.get("id"))
    return _of_any_keys(held)


def _plain(function: dict[str, Any], id: Any) -> Call | Broken:
    name = function.get("name")
    if not isinstance(name, str):
        return Broken("a call names no function")
    arguments, unread = _arguments(function.get("arguments"))
    return Call(name, arguments, id_of(id), unread)


def _of_any_keys(held: dict[str, Any]) -> Call | Broken:
    held = spread(held)
    nested = next((name for name in _NESTED if isinstance(held.get(name), dict)), None)
    function: dict[str, Any] = held[nested] if nested else held
    name = next((key for key in NAMES if isinstance(function.get(key), str)), None)
    if name is None:
        return Broken("a call names no function")
    given = next((key for key in ARGUMENTS if function.get(key) is not None), None)
    id = next((key for key in IDS if id_of(held.get(key)) is not None), None)
    arguments, unread = _arguments(function.get(given) if given else None)
    outside = {key: value for key, value in held.items() if key not in {nested, id}} if nested else {}
    extra = _further(outside | {key: value for key, value in function.items() if key not in {name, given, id}})
    return Call(function[name], arguments, id_of(held.get(id)) if id else None, _unread(unread, extra), extra)


def id_of(value: Any) -> str | None:
    """An id as text; None where there is none. A column that has gaps makes numbers of whole ones."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, str | int) and value != "" else None


def _further(left: Mapping[str, Any]) -> dict[str, Any] | None:
    """What of a call nobody reads; what is null or empty says nothing."""
    return {
        key: value for key, value in left.items() if key not in _SAYS_NOTHING and value is not None and value != ""
    } or None


def _unread(unread: str | None, extra: Mapping[str, Any] | None) -> str | None:
    further = f"a call has further keys, kept in its extra: {', '.join(map(repr, extra))}" if extra else None
    return "; ".join(filter(None, (unread, further))) or None


def _arguments(value: Any) -> tuple[dict[str, Any], str | None]:
    if isinstance(value, dict):
        return value, None
    if value is None or value in ("", "null"):
        return {}, None
    if not isinstance(value, str):
        return {RAW: value}, "its arguments are no object"
    try:
        return parse_object(value), None
    except NotJson as error:
        return {RAW: value}, f"its arguments are no JSON object: {error}"


def _read(value: Any) -> Any:
    return parse_json(value) if isinstance(value, str) and value else value or None
