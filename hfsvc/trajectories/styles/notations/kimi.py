"""Calls between Kimi's tokens: ``<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{…}<|tool_call_end|>``.

Source: the template of Kimi K2, and datasets made with it. What stands before the arguments is the call's id.
"""

import re

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.openai_calls import call_of
from hfsvc.trajectories.styles.notations.special_tokens import marked_calls

_AROUND = ("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>")
_MARKS = ("<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>")
_OPENING = re.compile(r"<\|tool_calls_section_begin\|>|<\|tool_call_begin\|>")
_NUMBER = re.compile(r":\d+\Z")


def opens(text: str) -> int:
    """Where the calls start; -1 where there are none."""
    opening = _OPENING.search(text)
    return opening.start() if opening else -1


def parse(text: str) -> ParsedText | Broken:
    """All calls of a text."""
    return marked_calls(text, _MARKS, _AROUND, _call)


def _call(id: str, arguments: str) -> Call | Broken:
    name = _NUMBER.sub("", id).removeprefix("functions.")
    return call_of({"name": name, "arguments": arguments, "id": id}) if name else Broken("a call names no function")
