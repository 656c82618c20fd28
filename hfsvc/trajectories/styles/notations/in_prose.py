"""Calls without marks of their own among prose: JSON, a list of Python's, a fence that is labelled as a call.

Source: answers of Llama 3.1, ToolACE and Gemma, which say something before they call. JSON and Python are calls where a tool on
offer is named; what plainly looks like a call of another one is reported.
"""

import re
from collections.abc import Callable, Container

from hfsvc.trajectories.styles.notations import python_calls
from hfsvc.trajectories.styles.notations.bare_json import is_call
from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.call_lists import calls_in, values_at
from hfsvc.trajectories.styles.notations.json_values import NotJson
from hfsvc.trajectories.styles.notations.openai_calls import all_of
from hfsvc.trajectories.styles.notations.python_values import NotPython, call_at
from hfsvc.trajectories.styles.notations.text_search import Span, outside

Offered = Callable[[], Container[str]]

_BEFORE = 64
"""How many characters before a call are looked at, so that time grows with the text alone."""

_OBJECT = re.compile(r'\{\s*"name"\s*:\s*"([^"\n]{1,128})"\s*,\s*"(?:arguments|parameters|args)"\s*:\s*"?\s*\{')
_ARGUMENTS = ('"arguments"', '"parameters"', '"args"')
_LIST = re.compile(r"\[\s*\Z")
_FENCE_BEFORE = re.compile(r"(?:^|\n)[ \t]*```\w*[ \t]*\n\s*\Z")
_FENCE_AFTER = re.compile(r"\s*```")
_PYTHON = re.compile(r"^[ \t]*\[\s*([^\W\d][\w.\-]{0,127})\((?=\s*\)|\s*[^\W\d]\w*\s*=(?!=))", re.MULTILINE)
_BETWEEN = re.compile(r"[\s,]*")
_LABELLED = re.compile(r"^[ \t]*```tool_(?:calls?|code)[ \t]*\n(.*?)(^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)


def may_hold(text: str) -> bool:
    """Whether a text has anything of these; a quick look, which passes over texts without the rarer characters."""
    return (
        ("{" in text and any(key in text for key in _ARGUMENTS))
        or ("[" in text and (")]" in text or text[0] == "["))
        or ("`" in text and "```tool_c" in text)
    )


def opens_json(text: str) -> int:
    """Where an object starts that is plainly a call, or was cut; -1 where there is none."""
    found = _OBJECT.search(text)
    if found is None:
        return -1
    try:
        held, _ = values_at(text, found.start())
    except NotJson:
        return found.start()
    return found.start() if all(map(is_call, held)) else -1


def parse_json_calls(text: str, offered: Offered) -> ParsedText | Broken:
    """The calls of a text as JSON, all of tools on offer."""
    calls, spans = list[Call](), list[Span]()
    while found := _OBJECT.search(text, spans[-1][1] if spans else 0):
        if found[1] not in offered():
            return Broken(f"what looks like a call of {found[1]!r}, which is not on offer, stays text")
        listed = _LIST.search(text, max(0, found.start() - _BEFORE), found.start())
        start = listed.start() if listed else found.start()
        try:
            held, end = values_at(text, start)
        except NotJson as error:
            return Broken(f"the JSON of what looks like a call of {found[1]!r} does not parse: {error}")
        made = all_of(held)
        if isinstance(made, Broken):
            return made
        calls += made
        spans.append(_with_fence(text, start, end))
    return ParsedText(outside(text, spans).strip(), calls)


def _with_fence(text: str, start: int, end: int) -> Span:
    before = _FENCE_BEFORE.search(text, max(0, start - _BEFORE), start)
    after = _FENCE_AFTER.match(text, end)
    return (before.start(), after.end()) if before and after else (start, end)


def opens_python(text: str, offered: Offered) -> int:
    """Where a list of calls starts that is not all of a text; -1 where there is none."""
    found = _PYTHON.search(text)
    if found is None:
        return -1
    is_whole_line = not text[: found.start()].strip() or text.rstrip().endswith(")]")
    return found.start() if is_whole_line or found[1] in offered() else -1


def parse_python(text: str, offered: Offered) -> ParsedText | Broken:
    """The calls of the first such list, where the first of them is of a tool on offer."""
    found = _PYTHON.search(text)
    if found is None or found[1] not in offered():
        return Broken("what looks like a list of calls stands among other text, and names no tool on offer")
    calls, position = list[Call](), text.index("[", found.start()) + 1
    while not text.startswith("]", position := _skipped(text, position)):
        try:
            call, position = call_at(text, position)
        except NotPython as error:
            return Broken(f"its calls are no Python: {error}")
        calls.append(call)
    return ParsedText(outside(text, [(found.start(), position + 1)]).strip(), calls)


def opens_fence(text: str) -> int:
    """Where a fence starts that is labelled as a call; -1 where there is none."""
    found = _LABELLED.search(text)
    return found.start() if found else -1


def parse_fences(text: str) -> ParsedText | Broken:
    """The calls of all such fences; what follows the last one makes them an example."""
    calls, spans = list[Call](), list[Span]()
    for found in _LABELLED.finditer(text):
        body = found[1].strip()
        made = calls_in(body) if body.startswith(("{", "[{")) else python_calls.calls_in(python_calls.unprinted(body))
        if isinstance(made, Broken) or not found[2]:
            return made if isinstance(made, Broken) else Broken("a fence that is labelled as a call is never closed")
        calls += made
        spans.append(found.span())
    if text[spans[-1][1] :].strip():
        return Broken("something follows a fence that is labelled as a call")
    return ParsedText(outside(text, spans).strip(), calls)


def _skipped(text: str, start: int) -> int:
    blank = _BETWEEN.match(text, start)
    return blank.end() if blank else start
