"""Calls after Mistral's token: ``[TOOL_CALLS][{"name", "arguments", "id"}]``, or ``[TOOL_CALLS]name[ARGS]{…}`` later on.

Source: the templates of Mistral's models, versions 3 to 13 of its tokenizer.
"""

import re

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.call_lists import calls_in
from hfsvc.trajectories.styles.notations.json_values import NotJson, object_at
from hfsvc.trajectories.styles.notations.special_tokens import without_end

MARK = "[TOOL_CALLS]"
_NAMED = re.compile(r"\s*(?:\[TOOL_CALLS\])?\s*([\w.\-]+)\s*(?:\[CALL_ID\]\s*([^\[\s]+)\s*)?(?:\[ARGS\])?\s*(?=\{)")


def opens(text: str) -> int:
    """Where the calls start; -1 where there are none."""
    return text.find(MARK)


def parse(text: str) -> ParsedText | Broken:
    """The calls of a text that starts with them."""
    body = without_end(text[len(MARK) :])
    calls = _named(body) if _NAMED.match(body) else calls_in(body)
    return calls if isinstance(calls, Broken) else ParsedText("", calls)


def _named(body: str) -> list[Call] | Broken:
    calls, position = list[Call](), 0
    while named := _NAMED.match(body, position):
        try:
            arguments, position = object_at(body, named.end())
        except NotJson as error:
            return Broken(f"the arguments of a [TOOL_CALLS] do not parse: {error}")
        calls.append(Call(named[1], arguments, named[2]))
    return Broken("something follows the calls of a [TOOL_CALLS]") if body[position:].strip() else calls
