"""Calls between DeepSeek's tokens: ``<｜tool▁call▁begin｜>function<｜tool▁sep｜>f``, then JSON in a fence, or without.

Source: the templates of DeepSeek V3 and R1 (with the type, and a fence) and V3.1 (name and JSON).
"""

import re

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.call_lists import unfenced
from hfsvc.trajectories.styles.notations.openai_calls import call_of
from hfsvc.trajectories.styles.notations.special_tokens import marked_calls

_AROUND = ("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>")
_MARKS = ("<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>")
_OPENING = re.compile(r"<｜tool▁calls?▁begin｜>")
_FENCED = re.compile(r"([^\s`]+)\s*(```.*)", re.DOTALL)


def opens(text: str) -> int:
    """Where the calls start; -1 where there are none."""
    opening = _OPENING.search(text)
    return opening.start() if opening else -1


def parse(text: str) -> ParsedText | Broken:
    """All calls of a text."""
    return marked_calls(text, _MARKS, _AROUND, _call)


def _call(before: str, after: str) -> Call | Broken:
    fenced = _FENCED.fullmatch(after) if before == "function" else None
    name, arguments = (fenced[1], fenced[2]) if fenced else (before, after)
    return call_of({"name": name, "arguments": unfenced(arguments).strip()}) if name else Broken("a call has no name")
