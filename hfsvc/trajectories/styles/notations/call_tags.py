"""Calls after a mark of their own, as JSON or as Python: ``<TOOLCALL>[…]</TOOLCALL>``, ``<|tool_call|>[…]``, ``<functioncall> {…}``.

The marks of Command A are ``<|START_ACTION|>`` and ``<|END_ACTION|>``, of InternLM ``<|action_start|><|plugin|>`` and ``<|action_end|>``.

Source: Nemotron's templates, Granite and Phi 4, Command A, InternLM, glaive-function-calling-v2 (whose arguments are
JSON in single quotes, in which others may stand); LFM 2, Olmo 3 and Gemma for those of Python. The closing mark may be
missing at the end of a text.
"""

import re

from hfsvc.trajectories.styles.notations import python_calls
from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.call_lists import calls_in
from hfsvc.trajectories.styles.notations.special_tokens import without_end
from hfsvc.trajectories.styles.notations.text_search import Span, outside

_CLOSING = {
    "<TOOLCALL>": "</TOOLCALL>",
    "<|tool_call|>": "<|/tool_call|>",
    "<functioncall>": "</functioncall>",
    "<function_call>": "</function_call>",
    "<|START_ACTION|>": "<|END_ACTION|>",
    "<|action_start|><|plugin|>": "<|action_end|>",
    "<|tool_call_start|>": "<|tool_call_end|>",
    "<function_calls>": "</function_calls>",
    "<tool_code>": "</tool_code>",
}
# What is in tags of its own is for others.
_OPENING = re.compile(
    r"<(?:TOOLCALL|\|tool_call(?:_start)?\||function_?call|function_calls(?=>\s*[^<\s])|tool_code|\|START_ACTION\||\|action_start\|><\|plugin\|)>"
)
_PYTHON = re.compile(r"(?:\[\s*)?[^\W\d][\w.]*\(")
_QUOTED = re.compile(r"""("arguments"\s*:\s*)'(?=\{)""")


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
        found = _calls_of(without_end(body).strip())
        if isinstance(found, Broken):
            return found
        calls += found
        spans.append((opening.start(), len(text) if end < 0 else end + len(closing)))
    return ParsedText(without_end(outside(text, spans)).rstrip(), calls)


def _calls_of(body: str) -> list[Call] | Broken:
    found = calls_in(body)
    if isinstance(found, Broken) and (plain := _unquoted(body)):
        return calls_in(plain)
    if isinstance(found, Broken) and _PYTHON.match(body):
        return python_calls.calls_in(
            python_calls.unprinted(body[1:-1] if body.startswith("[") and body.endswith("]") else body)
        )
    return found


def _unquoted(body: str) -> str | None:
    """A call whose arguments are JSON in single quotes, without these: the JSON may hold such quotes itself."""
    opening, closing = _QUOTED.search(body), body.rfind("'")
    if opening is None or closing < opening.end() or body[closing + 1 :].strip() != "}":
        return None
    return f"{body[: opening.start()]}{opening[1]}{body[opening.end() : closing]}{body[closing + 1 :]}"
