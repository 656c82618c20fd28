"""Calls in fields of a message: ``tool_calls``, and ``function_call`` as it was before."""

from collections.abc import Mapping
from typing import Any

from hfsvc.trajectories.styles.notations.base import Broken, Call
from hfsvc.trajectories.styles.notations.json_values import NotJson, parse_json, parse_object

RAW = "_raw"
"""The name of the only argument where arguments are text that holds no object."""


def calls_of(fields: Mapping[str, Any]) -> list[Call] | Broken:
    """All calls of a message; none where one of them is broken."""
    try:
        many = _read(fields.get("tool_calls"))
        one = _read(fields.get("function_call"))
    except NotJson as error:
        return Broken(f"its calls are text, and no JSON: {error}")
    if not isinstance(many, list | None):
        return Broken("its tool_calls are no list")
    found = [call_of(each) for each in [*(many or []), *([one] if one is not None else [])]]
    broken = next((each for each in found if isinstance(each, Broken)), None)
    return broken or [each for each in found if isinstance(each, Call)]


def call_of(held: Any) -> Call | Broken:
    """A call of ``{"name", "arguments"}``, or of that in ``function`` beside an ``id``."""
    if not isinstance(held, dict):
        return Broken("a call is no object")
    function = held["function"] if isinstance(held.get("function"), dict) else held
    name = function.get("name")
    if not isinstance(name, str):
        return Broken("a call names no function")
    arguments, unread = _arguments(function.get("arguments"))
    return Call(name, arguments, id_of(held.get("id")), unread)


def id_of(value: Any) -> str | None:
    """An id as text; None where there is none."""
    return str(value) if isinstance(value, str | int) and value != "" else None


def _arguments(value: Any) -> tuple[dict[str, Any], str | None]:
    if isinstance(value, dict):
        return value, None
    if value is None or value == "":
        return {}, None
    if not isinstance(value, str):
        return {RAW: value}, "its arguments are no object"
    try:
        return parse_object(value), None
    except NotJson as error:
        return {RAW: value}, f"its arguments are no JSON object: {error}"


def _read(value: Any) -> Any:
    return parse_json(value) if isinstance(value, str) and value else value or None
