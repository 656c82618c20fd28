"""Calls in tags with attributes: ``<invoke name="f"><parameter name="k">v</parameter></invoke>``, one or many.

Source: Claude's own ``<function_calls>``, with or without a prefix; MiniMax's ``<minimax:tool_call>``; DeepSeek V3.2, whose
tags carry ``｜DSML｜``. Values stay text, but for those that DeepSeek marks as JSON.
"""

import re
from typing import Any

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.json_values import NotJson, parse_json
from hfsvc.trajectories.styles.notations.named_tags import arguments_in
from hfsvc.trajectories.styles.notations.text_search import Span, between, outside

_PREFIX = r"(?:antml:|minimax:|｜DSML｜)?"
_OPENING = re.compile(rf'<{_PREFIX}invoke\s+name="([^"<>]+)"\s*>\s*')
_NAMED_INSIDE = re.compile(r"<invoke>\s*<tool_name>([^<>]+)</tool_name>")
_PARAMETER = re.compile(rf'<{_PREFIX}parameter\s+name="([^"<>]+)"(?:\s+string="(true|false)")?\s*>')
# A value may hold the closing tag itself; after the real one there is another parameter, or the end.
_VALUE_END = re.compile(rf"</{_PREFIX}parameter>\s*(?=<{_PREFIX}parameter\s|</{_PREFIX}invoke>)")
_CLOSING = re.compile(rf"</{_PREFIX}invoke>")
_AROUND = re.compile(rf"</?{_PREFIX}(?:function_calls|tool_calls?)>")


def opens(text: str) -> int:
    """Where a call starts, or what stands around calls; -1 where there is none."""
    opening = _OPENING.search(text) or _NAMED_INSIDE.search(text)
    if opening is None:
        return -1
    around = _AROUND.search(text, 0, opening.start())
    return around.start() if around else opening.start()


def parse(text: str) -> ParsedText | Broken:
    """All calls of a text."""
    if not _OPENING.search(text):
        return _named_inside(text)
    calls, spans = list[Call](), list[Span]()
    while opening := _OPENING.search(text, spans[-1][1] if spans else 0):
        found = _arguments_at(text, opening.end())
        if isinstance(found, Broken):
            return found
        calls.append(Call(opening[1], found[0]))
        spans.append((opening.start(), found[1]))
    said = _AROUND.sub("", outside(text, spans))
    return ParsedText(said.strip(), calls) if calls else Broken("an <invoke> names no function")


def _named_inside(text: str) -> ParsedText | Broken:
    """The calls of a text in which the names are tags, too, as Claude 2 wrote them."""
    calls, spans = list[Call](), list[Span]()
    while opening := _NAMED_INSIDE.search(text, spans[-1][1] if spans else 0):
        end = text.find("</invoke>", opening.end())
        if end < 0:
            return Broken("an <invoke> is never closed")
        given = between(text[opening.end() : end], "<parameters>", "</parameters>") or (0, 0)
        calls.append(Call(opening[1].strip(), arguments_in(text[opening.end() : end][slice(*given)])))
        spans.append((opening.start(), end + len("</invoke>")))
    return ParsedText(_AROUND.sub("", outside(text, spans)).strip(), calls)


def _arguments_at(text: str, position: int) -> tuple[dict[str, Any], int] | Broken:
    arguments: dict[str, Any] = {}
    while parameter := _PARAMETER.match(text, position):
        end = _VALUE_END.search(text, parameter.end())
        if end is None or parameter[1] in arguments:
            return Broken(f"the parameter {parameter[1]!r} is never closed, or comes twice")
        value = text[parameter.end() : end.start()]
        arguments[parameter[1]] = _typed(value) if parameter[2] == "false" else _plain(value)
        position = end.end()
    closing = _CLOSING.match(text, position)
    return (arguments, closing.end()) if closing else Broken("an <invoke> is never closed")


def _plain(text: str) -> str:
    return text.removeprefix("\n").removesuffix("\n")


def _typed(text: str) -> Any:
    try:
        return parse_json(text)
    except NotJson:
        return _plain(text)
