"""Values and calls as Python writes them: literals, and ``name(key=value)``. Parsed, never evaluated. Pure.

What JSON cannot hold is no value here: sets, bytes, numbers that are infinite, keys that are no text.
"""

import ast
import math
import re
from typing import Any

import msgspec

from hfsvc.trajectories.styles.notations.base import Call
from hfsvc.trajectories.styles.notations.json_values import MAX_DEPTH
from hfsvc.trajectories.styles.notations.openai_calls import RAW

MAX_CHARACTERS = 200_000
"""How long a text may be to be parsed: the tree of it takes a hundred times as much memory."""

_NAME = re.compile(r"\s*([^\W\d][\w.\-/: ]{0,127}?)\s*\(")
# A quote that opens no string ends the search, so that every character is looked at once.
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'(?:[^\\]|\\.)*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|[(){}\[\]"\']',
    re.DOTALL,
)
# Python warns of an escape that it does not know, and keeps the backslash.
_STRANGE_ESCAPE = re.compile(r"\\(?:([^\n\r\\'\"abfnrtvxuUN0-7])|([4-7][0-7]{2})|(.))", re.DOTALL)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_JSON_NAMES = {"true": True, "false": False, "null": None}


class NotPython(ValueError):
    """Says why a text is no value or call of Python, for people."""


def literal(text: str) -> Any:
    """The value that a text is the literal of.

    Raises:
        NotPython: It is none, or none that JSON can hold.
    """
    stripped = text.strip()
    if not stripped or _end_of(stripped, 0) != len(stripped):
        raise NotPython("it is no list or dictionary")
    return _read(_parsed(stripped))


def call_at(text: str, start: int) -> tuple[Call, int]:
    """The call that starts at a place, and where it ends.

    Raises:
        NotPython: There is none.
    """
    name = _NAME.match(text, start)
    if name is None:
        raise NotPython("it is no call")
    end = _end_of(text, name.end() - 1)
    given = text[name.end() : end - 1]
    return _call(name[1], given.strip()), end


def _call(name: str, given: str) -> Call:
    parsed = _parsed(f"_({given}\n)")
    if not isinstance(parsed, ast.Call):
        raise NotPython("it is no call")
    if parsed.args or any(each.arg is None for each in parsed.keywords):
        return Call(name, {RAW: given}, unread="its arguments have no names")
    return Call(name, {str(each.arg): _read(each.value) for each in parsed.keywords})


def _end_of(text: str, start: int) -> int:
    """Where what opens at a bracket ends."""
    open_brackets: list[str] = []
    for token in _TOKEN.finditer(text, start):
        mark = token[0]
        if mark in _CLOSING:
            open_brackets.append(_CLOSING[mark])
        elif (
            mark in {'"', "'"}
            or len(open_brackets) > MAX_DEPTH
            or (mark in {")", "]", "}"} and (not open_brackets or open_brackets.pop() != mark))
        ):
            break
        if not open_brackets:
            return token.end()
    raise NotPython(f"a bracket or a quote is never closed, or deeper than {MAX_DEPTH} levels")


def _parsed(text: str) -> ast.expr:
    if len(text) > MAX_CHARACTERS:
        raise NotPython(f"it has more than {MAX_CHARACTERS:,} characters")
    try:
        return ast.parse(_STRANGE_ESCAPE.sub(_escaped, text), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise NotPython(f"it is no Python: {error}") from None


def _escaped(escape: re.Match[str]) -> str:
    return escape[0] if escape[3] is not None else f"\\{escape[0]}"


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | None):
        return _finite(node.value)
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(each) for each in node.elts]
    if isinstance(node, ast.Dict):
        return {_key(key): _value(value) for key, value in zip(node.keys, node.values, strict=True)}
    if isinstance(node, ast.Name) and node.id in _JSON_NAMES:
        return _JSON_NAMES[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _value(node.operand)
        if isinstance(number, int | float):
            return -number
    raise NotPython("a value of it is no literal")


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise NotPython("a key of it is no text")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise NotPython("a number of it is infinite")
    return value


def _read(node: ast.expr) -> Any:
    try:
        value = _value(node)
        msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError, RecursionError) as error:
        raise NotPython(f"JSON cannot hold it: {error}") from None
    return value
