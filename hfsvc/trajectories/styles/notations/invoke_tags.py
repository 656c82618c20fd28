"""Calls in tags with attributes: ``<invoke name="f"><parameter name="k">v</parameter></invoke>``, one or many.

Source: Claude's own ``<function_calls>``, with or without a prefix; MiniMax's ``<minimax:tool_call>``; DeepSeek V3.2, whose
tags carry ``｜DSML｜``. Values stay text, but for those that DeepSeek marks as JSON.
"""

import re
from typing import Any

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.json_values import NotJson, parse_json
from hfsvc.trajectories.styles.notations.text_search import Span, outside

_PREFIX = r"(?:antml:|minimax:|｜DSML｜)?"
_OPENING = re.compile(rf'<{_PREFIX}invoke\s+name="([^"<>]+)"\s*>\s*')
_PARAMETER = re.compile(rf'<{_PREFIX}parameter\s+name="([^"<>]+)"(?:\s+string="(true|false)")?\s*>')
# A value may hold the closing tag itself; after the real one there is another parameter, or the end.
_VALUE_END = re.compile(rf"</{_PREFIX}parameter>\s*(?=<{_PREFIX}parameter\s|</{_PREFIX}invoke>)")
_CLOSING = re.compile(rf"</{_PREFIX}invoke>")
_AROUND = re.compile(rf"</?{_PREFIX}(?:function_calls|tool_calls?)>")


def opens(text: str) -> int:
    """Where a call starts, or what stands around calls; -1 where there is none."""
    opening = _OPENING.search(text)
    if opening is None:
        return -1
    around = _AROUND.search(text, 0, opening.start())
    return around.start() if around else opening.start()


def parse(text: str) -> ParsedText | Broken:
    """All calls of a text."""
    calls, spans = list[Call](), list[Span]()
    while opening := _OPENING.search(text, spans[-1][1] if spans else 0):
        found = _arguments_at(text, opening.end())
        if isinstance(found, Broken):
            return found
        calls.append(Call(opening[1], found[0]))
        spans.append((opening.start(), found[1]))
    said = _AROUND.sub("", outside(text, spans))
    return ParsedText(said.strip(), calls) if calls else Broken("an <invoke> names no function")


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
