"""Calls as JSON in tags: ``<tool_call>{"name": …, "arguments": {…}}</tool_call>``, one or many.

Source: the exporter of Harbor 0.25, which writes them after the message, and the chat templates of several models.
Some of these write `hfsvc.trajectories.styles.notations.function_tags` inside.
"""

import re

from hfsvc.trajectories.styles.notations import function_tags
from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.json_values import NotJson, object_at
from hfsvc.trajectories.styles.notations.openai_calls import call_of
from hfsvc.trajectories.styles.notations.text_search import Span, outside

_OPENING = re.compile(r"<tool_call>\s*")
_CLOSING = re.compile(r"\s*</tool_call>")


def opens(text: str) -> int:
    """Where a call starts; -1 where there is none."""
    return text.find("<tool_call>")


def parse(text: str) -> ParsedText | Broken:
    """All calls of a message; none where one of them is broken."""
    calls, spans = list[Call](), list[Span]()
    while opening := _OPENING.search(text, spans[-1][1] if spans else 0):
        found = _call_at(text, opening.end())
        if isinstance(found, Broken):
            return found
        closing = _CLOSING.match(text, found[1])
        if closing is None:
            return Broken("a <tool_call> is never closed")
        calls.append(found[0])
        spans.append((opening.start(), closing.end()))
    return ParsedText(outside(text, spans).removesuffix("\n"), calls)


def _call_at(text: str, start: int) -> tuple[Call, int] | Broken:
    if text.startswith("<function=", start):
        return function_tags.call_at(text, start)
    try:
        held, end = object_at(text, start)
    except NotJson as error:
        return Broken(f"the JSON of a <tool_call> does not parse: {error}")
    call = call_of(held)
    return call if isinstance(call, Broken) else (call, end)
