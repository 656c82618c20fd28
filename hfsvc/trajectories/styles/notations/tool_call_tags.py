"""Calls in tags: ``<tool_call>{"name": …, "arguments": {…}}</tool_call>``, one or many, or a list in ``<tool_calls>``.

Source: the exporter of Harbor 0.25, which writes them after the message, and the chat templates of several models. Inside
some write `hfsvc.trajectories.styles.notations.function_tags`, GLM 4.5 a name and ``<arg_key>`` and ``<arg_value>``, the
first Hermes datasets dictionaries of Python; others name the function in the tag, ``<tool_call name="f">{…}``. At the end of a text the closing tag may be missing.
"""

import re

from hfsvc.trajectories.styles.notations import function_tags, python_calls
from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.call_lists import values_at
from hfsvc.trajectories.styles.notations.json_values import NotJson, object_at
from hfsvc.trajectories.styles.notations.openai_calls import all_of
from hfsvc.trajectories.styles.notations.python_values import NotPython, literal
from hfsvc.trajectories.styles.notations.text_search import Span, outside

_OPENING = re.compile(r"""(?:<tool_calls>\s*)?<tool_call(?:\s+name=["'][^"'<>\n]{1,128}["']\s*)?>\s*|<tool_calls>\s*""")
_NAMED = re.compile(r"""(?:<tool_calls>\s*)?<tool_call\s+name=["']([^"'<>\n]{1,128})["']\s*>\s*""")
_CLOSING = re.compile(r"\s*</tool_calls?>(?:\s*</tool_calls>)?|\s*(?=<tool_call>)|\s*(?:<\|im_end\|>\s*)?\Z")
_BODY_END = re.compile(r"</tool_calls?>|<tool_call>|\Z")
_NAME = re.compile(r"\s*([^\s<>{}()\[\]\"']+)(?:\s*(?=<arg_key>)|[ \t]*\n\s*\Z)")
_ARGUMENT = re.compile(r"<arg_key>([^<>]*)</arg_key>\s*<arg_value>(.*?)</arg_value>\s*", re.DOTALL)


def opens(text: str) -> int:
    """Where a call starts; -1 where there is none."""
    opening = _OPENING.search(text) if "<tool_call" in text else None
    return opening.start() if opening else -1


def parse(text: str) -> ParsedText | Broken:
    """All calls of a message; none where one of them is broken."""
    calls, spans = list[Call](), list[Span]()
    while opening := _OPENING.search(text, spans[-1][1] if spans else 0):
        named = _NAMED.fullmatch(opening[0])
        found = _arguments_at(text, opening.end(), named[1]) if named else _calls_at(text, opening.end())
        if isinstance(found, Broken):
            return found
        closing = _CLOSING.match(text, found[1])
        if closing is None:
            return Broken("a <tool_call> is never closed")
        calls += found[0]
        spans.append((opening.start(), closing.end()))
    return ParsedText(outside(text, spans).removesuffix("\n"), calls)


def _calls_at(text: str, start: int) -> tuple[list[Call], int] | Broken:
    if text.startswith("<function=", start):
        found = function_tags.call_at(text, start)
        return found if isinstance(found, Broken) else ([found[0]], found[1])
    if not text.startswith(("{", "["), start):
        return _named_at(text, start)
    try:
        held, end = values_at(text, start)
    except NotJson as error:
        end = _body_end(text, start)
        if python_calls.opens(text[start:end]) >= 0:
            listed = python_calls.parse(text[start:end])
            return listed if isinstance(listed, Broken) else (listed.calls, end)
        try:
            value = literal(text[start:end])
        except NotPython:
            return _not_json(str(error))
        held = value if isinstance(value, list) else [value]
    calls = all_of(held) if held else _not_json("it holds no call")
    return calls if isinstance(calls, Broken) else (calls, end)


def _arguments_at(text: str, start: int, name: str) -> tuple[list[Call], int] | Broken:
    """The call of a function that its tag names."""
    try:
        arguments, end = object_at(text, start)
    except NotJson as error:
        return _not_json(str(error))
    return [Call(name, arguments)], end


def _named_at(text: str, start: int) -> tuple[list[Call], int] | Broken:
    """A name with keys and values in tags, or a call of Python."""
    end = _body_end(text, start)
    if not text.startswith("</tool_call", end):
        # Prose that speaks of the tag.
        return _not_json("it is no object, and never closed")
    body = text[start:end]
    if name := _NAME.match(body):
        arguments = list(_ARGUMENT.finditer(body, name.end()))
        whole = name.end() + sum(len(each[0]) for each in arguments) == len(body)
        call = Call(name[1], {each[1].strip(): each[2] for each in arguments})
        return ([call], end) if whole else Broken("an <arg_key> of a <tool_call> has no value")
    calls = python_calls.calls_in(body)
    return _not_json("it is no object") if isinstance(calls, Broken) else (calls, end)


def _body_end(text: str, start: int) -> int:
    found = _BODY_END.search(text, start)
    return found.start() if found else len(text)


def _not_json(reason: str) -> Broken:
    return Broken(f"the JSON of a <tool_call> does not parse: {reason}")
