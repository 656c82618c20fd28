"""Calls after Llama's token: ``<|python_tag|>`` with ``{"name", "parameters"}``, ``tool.call(k="v")``, or code.

Source: the templates of Llama 3.1 to 3.3; code goes to their interpreter, which is called ipython.
"""

import msgspec

from hfsvc.trajectories.styles.notations import python_calls
from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.call_lists import calls_in
from hfsvc.trajectories.styles.notations.special_tokens import without_end

MARK = "<|python_tag|>"
INTERPRETER = "ipython"


def opens(text: str) -> int:
    """Where the calls start; -1 where there are none."""
    return text.find(MARK)


def parse(text: str) -> ParsedText | Broken:
    """The calls of a text that starts with them."""
    body = without_end(text[len(MARK) :].replace(MARK, "\n")).strip()
    if not body:
        return Broken("nothing follows a <|python_tag|>")
    calls = calls_in(body) if body.startswith(("{", "[{")) else _code(body)
    return calls if isinstance(calls, Broken) else ParsedText("", calls)


def _code(body: str) -> list[Call]:
    calls = python_calls.calls_in(body)
    builtin = isinstance(calls, list) and len(calls) == 1 and calls[0].name.endswith(".call") and not calls[0].unread
    if isinstance(calls, list) and builtin:
        return [msgspec.structs.replace(calls[0], name=calls[0].name.removesuffix(".call"))]
    return [Call(INTERPRETER, {"code": body})]
