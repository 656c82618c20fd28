"""A reader of JSON that takes what writers of datasets put out beside JSON, and says what it had to change. Pure.

Source: Python's own writer puts out NaN and Infinity, which are no JSON, and halves of characters, which are no text.
"""

import json
import math
import re
from typing import Any, NamedTuple

import msgspec

NO_NUMBER = "a number that JSON cannot hold is null"
HALF_CHARACTER = "half a character, which no text can hold, is written as \ufffd"
MAY_CHANGE = re.compile(r"NaN|Infinity|\\u[dD][89abAB]|[\ud800-\udfff]")
"""What stands in every text that is changed."""

_HALVES = re.compile("[\ud800-\udfff]")


class LenientJson(NamedTuple):
    """A value out of JSON, and what is otherwise in it than it was written.

    `changes` names the item, from 0, where the value is a list; else that is 0.
    """

    value: Any
    changes: tuple[tuple[int, str], ...] = ()


def read_json(text: str | bytes) -> LenientJson:
    """The value of a JSON text.

    Raises:
        ValueError: It is no JSON, or no UTF-8.
        RecursionError: It is nested too deep.
    """
    try:
        return LenientJson(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The form that JSON files give cells with half a character, see `hfsvc.trajectories.files.json.read_cell`.
        value = json.loads(text if isinstance(text, str) else text.decode(errors="surrogatepass"))
    found: list[set[str]] = []
    items = [_writable(each, found) for each in (value if isinstance(value, list) else [value])]
    changes = tuple((index, change) for index, words in enumerate(found) for change in sorted(words))
    return LenientJson(items if isinstance(value, list) else items[0], changes)


def changes_in(text: str) -> tuple[tuple[int, str], ...]:
    """What `read_json` changes in a text; nothing of one that is no JSON."""
    try:
        return read_json(text).changes if MAY_CHANGE.search(text) else ()
    except (ValueError, RecursionError):
        return ()


def read_listed(values: Any) -> Any:
    """A list of texts that are JSON objects as those objects; anything else as it is."""
    return read_items(values).value


def read_items(values: Any) -> LenientJson:
    """The same, with what is otherwise in the objects."""
    if not isinstance(values, list) or not values or not all(isinstance(each, str) for each in values):
        return LenientJson(values)
    try:
        found = [read_json(each) for each in values]
    except (ValueError, RecursionError):
        return LenientJson(values)
    if not all(isinstance(each.value, dict) for each in found):
        return LenientJson(values)
    changes = tuple((index, change) for index, each in enumerate(found) for _, change in each.changes)
    return LenientJson([each.value for each in found], changes)


def _writable(value: Any, found: list[set[str]]) -> Any:
    words: set[str] = set()
    found.append(words)
    return _replaced(value, words)


def _replaced(value: Any, words: set[str]) -> Any:
    """The value as JSON and UTF-8 can hold it; `words` gets what had to be changed."""
    if isinstance(value, list):
        return [_replaced(each, words) for each in value]
    if isinstance(value, dict):
        return {_replaced(name, words): _replaced(each, words) for name, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        words.add(NO_NUMBER)
        return None
    if isinstance(value, str) and _HALVES.search(value):
        words.add(HALF_CHARACTER)
        return _HALVES.sub("\ufffd", value)
    return value
