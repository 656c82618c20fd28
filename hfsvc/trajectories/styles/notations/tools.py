"""The tools on offer: ``<tools>[…]</tools>`` in a prompt, and columns that hold the same.

Source: the exporter of Harbor 0.25 writes the block before the first message; chat templates write it among prose, one
object a line.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from hfsvc.trajectories.styles.notations.json_values import NotJson, parse_json
from hfsvc.trajectories.styles.notations.text_search import Span, between

Tools = list[dict[str, Any]]

TOOL_FIELDS = ("tools", "functions", "available_tools")
"""Fields of a prompt that hold the tools on offer."""

# Both begin with text, which lets the search skip what lies between.
_NAMED = re.compile(r"""name["']\s*:\s*["']([^"'\n]{1,64})["']""")
_HEADING = re.compile(r"\n#+ (\w{1,64})[ \t]*(?=\n)")


def tools_in(text: str) -> tuple[Tools, Span] | None:
    """The first block of a text that holds tools, and where it stands; None where there is none."""
    start = 0
    # Prompts speak of the tags before they use them, but not often.
    for _ in range(4):
        span = between(text, "<tools>", "</tools>", start)
        if span is None:
            return None
        if tools := tools_of(text[slice(*span)].strip()):
            return tools, (span[0] - len("<tools>"), span[1] + len("</tools>"))
        start = span[0]
    return None


def tools_of(value: Any) -> Tools | None:
    """The tools in a value of a column: objects, or their JSON in one text or several; None where it holds no such."""
    read = _read(value) if isinstance(value, str) else _without_nulls(value)
    items = [read] if isinstance(read, dict) else read
    if not isinstance(items, list) or not items:
        return None
    tools = [_read(item) if isinstance(item, str) else item for item in items]
    found = [tool for tool in tools if isinstance(tool, dict)]
    return found if len(found) == len(tools) else None


def offered_names(tools: Tools | None, prompts: Iterable[str]) -> frozenset[str]:
    """What tools are called, by their schemas and by what prompts say of them (as JSON, or as headings)."""
    said = (name for prompt in prompts for look in (_NAMED, _HEADING) for name in look.findall(prompt))
    return frozenset([*_names_of(tools or []), *said])


def _names_of(tools: Tools) -> Iterator[str]:
    for tool in tools:
        function = tool.get("function")
        name = (function if isinstance(function, dict) else tool).get("name")
        if isinstance(name, str):
            yield name


def _read(text: str) -> Any:
    try:
        return parse_json(text)
    except NotJson:
        lines = text.splitlines()
    try:
        return [parse_json(line) for line in lines if line.strip()]
    except NotJson:
        return None


def _without_nulls(value: Any) -> Any:
    """A column of objects has every field of every object; those that one does not have are null."""
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
