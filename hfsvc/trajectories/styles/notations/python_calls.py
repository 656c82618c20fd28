"""Calls as Python writes them: ``[f(a=1), g(b="x")]`` as the whole text, or one call after the other.

Source: ToolACE and the Berkeley leaderboard write the list, Dolci's field ``function_calls`` a line a call. Values must be
literals; nothing is evaluated. Names may have blanks and dots. Without brackets only tools on offer are called: an answer
may well be code.
"""

import re
from collections.abc import Callable, Container

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.call_lists import unfenced
from hfsvc.trajectories.styles.notations.python_values import NotPython, call_at

_OPENING = re.compile(r"\s*\[\s*[^\W\d][\w.\-/: ]{0,127}?\s*\((?:\s*\)|\s*[^\W\d]\w*\s*=(?!=))")
_FIRST = re.compile(r"\s*(?:```\w*\s*)?([^\W\d][\w.]{0,127})\(")
_BETWEEN = re.compile(r"[\s,;]*")


def opens(text: str) -> int:
    """Where a list of calls starts that the whole text may be; -1 where it is none."""
    return 0 if _OPENING.match(text) and text.rstrip().endswith("]") else -1


def parse(text: str) -> ParsedText | Broken:
    """The calls of a text that is a list of them."""
    stripped = text.strip()
    calls = calls_in(stripped[1:-1])
    return calls if isinstance(calls, Broken) else ParsedText("", calls)


def opens_lines(text: str, offered: Callable[[], Container[str]]) -> bool:
    """Whether a whole text, or the fence that it is, may be calls of tools on offer, one after the other."""
    first = _FIRST.match(text)
    return first is not None and text.rstrip().endswith((")", "```")) and first[1] in offered()


def parse_lines(text: str) -> ParsedText | Broken:
    """The calls of such a text."""
    calls = calls_in(unfenced(text))
    return calls if isinstance(calls, Broken) else ParsedText("", calls)


def calls_in(text: str) -> list[Call] | Broken:
    """The calls that a whole text is, with line feeds or commas between them; at least one."""
    calls = list[Call]()
    position = _skipped(text, 0)
    while position < len(text) or not calls:
        try:
            call, end = call_at(text, position)
        except NotPython as error:
            return Broken(f"its calls are no Python: {error}")
        calls.append(call)
        position = _skipped(text, end)
        if position == end < len(text):
            return Broken("its calls are no Python: something follows a call")
    return calls


def unprinted(code: str) -> str:
    """Code without the ``print`` around it, which is how Gemma calls."""
    return code[len("print(") : -1] if code.startswith("print(") and code.endswith(")") else code


def _skipped(text: str, start: int) -> int:
    blank = _BETWEEN.match(text, start)
    return blank.end() if blank else start
