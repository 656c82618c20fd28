"""Calls in tags: ``<function=NAME><parameter=KEY>VALUE</parameter></function>``.

Seed writes them in ``<seed:tool_call>``. Values stay text, without one line feed at either end. Llama 3.1 writes one object: ``<function=NAME>{…}</function>``.
"""

import re

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.json_values import NotJson, object_at
from hfsvc.trajectories.styles.notations.text_search import Span, outside

_FUNCTION = re.compile(r"<function=([^<>\s]+)>\s*")
_AROUND = re.compile(r"</?seed:tool_call>\s*")
_PARAMETER = re.compile(r"<parameter=([^<>\s]+)>")
# A value may hold the closing tag itself; after the real one there is another parameter, or the end.
_VALUE_END = re.compile(r"</parameter>\s*(?=<parameter=|</function>|\Z)")
_JSON_CLOSING = re.compile(r"\s*</function>")
_CLOSING = re.compile(r"</function>|\Z")


def opens(text: str) -> int:
    """Where a call starts; -1 where there is none."""
    return text.find("<function=")


def parse(text: str) -> ParsedText | Broken:
    """All calls of a message."""
    calls: list[Call] = []
    spans: list[Span] = []
    function = _FUNCTION.search(text)
    while function:
        found = _call_after(text, function)
        if isinstance(found, Broken):
            return found
        call, end = found
        calls.append(call)
        spans.append((function.start(), end))
        function = _FUNCTION.search(text, end) if end < len(text) else None
    said = outside(text, spans)
    if "seed:tool_call>" in said:
        said = _AROUND.sub("", said)
    return ParsedText(said.rstrip(), calls) if calls else Broken("a <function=…> has no name")


def call_at(text: str, start: int) -> tuple[Call, int] | Broken:
    """The call that starts at a place, and where it ends. At the end of the text the closing tag may be missing."""
    function = _FUNCTION.match(text, start)
    return _call_after(text, function) if function else Broken("a <function=…> has no name")


def _call_after(text: str, function: re.Match[str]) -> tuple[Call, int] | Broken:
    if text.startswith("{", function.end()):
        return _json_call(text, function)
    arguments: dict[str, str] = {}
    position = function.end()
    while parameter := _PARAMETER.match(text, position):
        end = _VALUE_END.search(text, parameter.end())
        if end is None or parameter[1] in arguments:
            return Broken(f"the parameter {parameter[1]!r} is never closed, or comes twice")
        arguments[parameter[1]] = _value(text[parameter.end() : end.start()])
        position = end.end()
    closing = _CLOSING.match(text, position)
    if closing is None or not (closing[0] or arguments):
        return Broken("a <function=…> is never closed")
    return Call(function[1], arguments), closing.end()


def _json_call(text: str, function: re.Match[str]) -> tuple[Call, int] | Broken:
    """The call of Llama 3.1, whose arguments are one object."""
    try:
        arguments, end = object_at(text, function.end())
    except NotJson as error:
        return Broken(f"the JSON of a <function=…> does not parse: {error}")
    closing = _JSON_CLOSING.match(text, end)
    return (Call(function[1], arguments), closing.end()) if closing else Broken("a <function=…> is never closed")


def _value(text: str) -> str:
    return text.removeprefix("\n").removesuffix("\n")
