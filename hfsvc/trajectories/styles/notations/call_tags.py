"""Calls as JSON after a mark of their own: ``<TOOLCALL>[…]</TOOLCALL>``, ``<|tool_call|>[…]``, ``<functioncall> {…}``.

Source: Nemotron's templates, Granite and Phi 4, glaive-function-calling-v2 (whose arguments are JSON in single quotes). The
closing mark may be missing at the end of a text.
"""

import re

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.call_lists import calls_in
from hfsvc.trajectories.styles.notations.special_tokens import without_end
from hfsvc.trajectories.styles.notations.text_search import Span, outside

_CLOSING = {
    "<TOOLCALL>": "</TOOLCALL>",
    "<|tool_call|>": "<|/tool_call|>",
    "<functioncall>": "</functioncall>",
    "<function_call>": "</function_call>",
}
_OPENING = re.compile(r"<(?:TOOLCALL|\|tool_call\||function_?call)>")


def opens(text: str) -> int:
    """Where a call starts; -1 where there is none."""
    opening = _OPENING.search(text)
    return opening.start() if opening else -1


def parse(text: str) -> ParsedText | Broken:
    """All calls of a text; none where one of them is broken."""
    calls, spans = list[Call](), list[Span]()
    while opening := _OPENING.search(text, spans[-1][1] if spans else 0):
        closing = _CLOSING[opening[0]]
        end = text.find(closing, opening.end())
        body = text[opening.end() :] if end < 0 else text[opening.end() : end]
        found = calls_in(without_end(body).strip())
        if isinstance(found, Broken):
            return found
        calls += found
        spans.append((opening.start(), len(text) if end < 0 else end + len(closing)))
    return ParsedText(without_end(outside(text, spans)).rstrip(), calls)
