"""The tools on offer: ``<tools>[…]</tools>`` in a prompt, and columns that hold the same.

Source: the exporter of Harbor 0.25 writes the block before the first message; chat templates write it among prose, one
object a line.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from hfsvc.trajectories.styles.notations.json_values import NotJson, parse_json
from hfsvc.trajectories.styles.notations.text_search import Span, between

Tools = list[dict[str, Any]]

TOOL_FIELDS = ("tools", "functions", "available_tools")
"""Fields of a prompt that hold the tools on offer."""


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


class OfferedTools:
    """The tools on offer in a row, by what schemas and prompts call them (as JSON, or as headings).

    Args:
        tools: Their schemas, where they are known.
        prompts: What was said before the agent.
    """

    def __init__(self, tools: Tools | None, prompts: Iterable[str]) -> None:
        self._names = frozenset(_names_of(tools or []))
        # Most prompts speak of no tool, and need no second look.
        self._prompts = [each for each in prompts if '"name"' in each or "'name'" in each or "\n#" in each]
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._names or self._prompts)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        if name not in self._known:
            self._known[name] = name in self._names or any(self._is_named(name, prompt) for prompt in self._prompts)
        return self._known[name]

    @staticmethod
    def _is_named(name: str, prompt: str) -> bool:
        # One name is looked for at a time: prompts are long, and few texts hold a tag.
        marks = (f'"name": "{name}"', f'"name":"{name}"', f"'name': '{name}'", f"# {name}\n")
        return any(mark in prompt for mark in marks)


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
