"""Parsers of JSON that stands inside other text, bounded in depth and tries. Pure."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

MAX_DEPTH = 100
"""How deep an object may nest: a document must still be written and read with it inside."""

MAX_STARTS = 32
"""How many braces are tried as the start of an object, so that time grows with the text alone."""

_START = re.compile(r'\{\s*"')
_decoder = json.JSONDecoder()


class NotJson(ValueError):
    """Says why a text is no JSON, for people."""


def parse_json(text: str) -> Any:
    """The value that a text is the JSON of.

    Raises:
        NotJson: It is none, or is nested deeper than `MAX_DEPTH`.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_deep(value):
        raise NotJson(f"it is nested deeper than {MAX_DEPTH} levels")
    return value


def parse_object(text: str) -> dict[str, Any]:
    """The same where the value is an object.

    Raises:
        NotJson: It is anything else.
    """
    value = parse_json(text)
    if not isinstance(value, dict):
        raise NotJson("it is no object")
    return value


def object_at(text: str, start: int) -> tuple[dict[str, Any], int]:
    """The object that starts at a brace, and where it ends.

    Raises:
        NotJson: There is none.
    """
    try:
        _, end = _decoder.raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None
    return parse_object(text[start:end]), end


def objects_in(text: str) -> Iterator[dict[str, Any] | NotJson]:
    """The objects that stand in a text, none inside another, and why others are none; the first `MAX_STARTS`."""
    end = 0
    for _ in range(MAX_STARTS):
        start = _START.search(text, end)
        if start is None:
            return
        try:
            found, end = object_at(text, start.start())
            yield found
        except NotJson as error:
            end = start.end()
            yield error


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [each for each in value.values() if isinstance(each, dict | list)]
    return [each for each in value if isinstance(each, dict | list)] if isinstance(value, list) else []
