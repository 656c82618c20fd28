"""Blocks of a message's content that are no text: thinking, calls and results, as Anthropic's API has them. Pure.

Source: ``thinking``, ``tool_use`` and ``tool_result`` of that API; ``toolCall`` of Pi and ``tool-call`` of Vercel's SDK,
whose sessions are on the Hub. What a redacted block held is not there, so it stays a part as it is.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.styles.notations.json_values import NotJson, parse_json, parse_object
from hfsvc.trajectories.styles.notations.openai_calls import id_of
from hfsvc.trajectories.styles.notations.text_search import between, outside
from hfsvc.trajectories.styles.roles import kind_of

_OPENING, _CLOSING = "<tool_response>", "</tool_response>"
_THINKING = {"thinking": ("thinking", "text"), "reasoning": ("text", "reasoning")}
_CALLS = frozenset({
    "tool_use",
    "server_tool_use",
    "mcp_tool_use",
    "tool_call",
    "tool-call",
    "toolCall",
    "function_call",
})
_RESULTS = frozenset({
    "tool_result",
    "tool-result",
    "toolResult",
    "mcp_tool_result",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
})
_IDS = ("tool_use_id", "tool_call_id", "toolCallId", "id")
_CONTENTS = ("content", "output", "result")
_KNOWN = _CALLS | _RESULTS | _THINKING.keys()
_READ = {"type", *_IDS, *_CONTENTS}


class BlockResult(NamedTuple):
    """What came of a call: its id, where it has one; the name, where it has one; what came, and what else is said of it."""

    id: str | None
    name: str | None
    content: Any
    extra: dict[str, Any]


class Blocks(NamedTuple):
    """A message's content by what its blocks are.

    Attributes:
        thinking: What was thought; None where nothing was.
        calls: As they stand there.
        results: Of calls before.
        rest: All other parts.
    """

    thinking: str | None
    calls: list[Mapping[str, Any]]
    results: list[BlockResult]
    rest: list[Any]

    def spoken(self, message: Message) -> Message:
        """A message that has in fields what these blocks hold."""
        held = {"reasoning_content": self.thinking} if self.thinking else {}
        calls = {"tool_calls": self.calls} if self.calls else {}
        return Message(message.role, self.rest or "", {**message.fields, **held, **calls})


def blocks_of(content: Any) -> Blocks | None:
    """The blocks of a content; None where it has none but texts and media."""
    if not isinstance(content, list):
        return None
    kinds = [_kind(part) for part in content]
    if _KNOWN.isdisjoint(kinds):
        return None
    parts = list(zip(kinds, content, strict=True))
    thought = "\n\n".join(_thoughts(parts))
    return Blocks(
        thought or None,
        [_without_nulls(part) for kind, part in parts if kind in _CALLS],
        [_result(part) for kind, part in parts if kind in _RESULTS],
        [part for kind, part in parts if kind not in _KNOWN],
    )


def with_results(content: Any, change: Callable[[str], str]) -> Any:
    """A content in whose results every text is changed."""
    if not isinstance(content, list):
        return content
    return [_with_result(part, change) if _kind(part) in _RESULTS else part for part in content]


def _with_result(part: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    name = next((name for name in _CONTENTS if part.get(name) is not None), None)
    if name is None:
        return dict(part)
    held = part[name]
    texts = [_with_text(each, change) for each in held] if isinstance(held, list) else held
    return {**part, name: change(held) if isinstance(held, str) else texts}


def _with_text(part: Any, change: Callable[[str], str]) -> Any:
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return {**part, "text": change(part["text"])}
    return change(part) if isinstance(part, str) else part


def responses_in(content: Any) -> Blocks | None:
    """The responses of a text that is nothing else, two or more.

    Source: Hermes (``<tool_response>…</tool_response>``), ToolACE (``[{"name": …, "results": …}, …]``, each of another name).
    """
    if not isinstance(content, str):
        return None
    if content.startswith("[") and (listed := _listed_responses(content)):
        return listed
    if not content[:64].lstrip().startswith(_OPENING) or content.count(_OPENING) < 2:
        return None
    spans, end = list[tuple[int, int]](), 0
    while span := between(content, _OPENING, _CLOSING, end):
        end = span[1] + len(_CLOSING)
        spans.append((span[0] - len(_OPENING), end))
    if outside(content, spans).strip():
        return None
    texts = [content[slice(*span)] for span in spans]
    return Blocks(None, [], [BlockResult(None, _named(text), text, {}) for text in texts], [])


def _listed_responses(content: str) -> Blocks | None:
    try:
        held = parse_json(content)
    except NotJson:
        return None
    results = [_named_result(each) for each in held] if isinstance(held, list) and len(held) > 1 else []
    found = [each for each in results if each is not None]
    # Of several results of one name nothing tells which call each is of.
    names = {each.name for each in found}
    return Blocks(None, [], found, []) if found and len(names) == len(results) else None


def _named_result(held: Any) -> BlockResult | None:
    """An object of a name and what came, and nothing else."""
    if not isinstance(held, dict) or len(held) != 2 or not isinstance(held.get("name"), str):
        return None
    content = next((held[key] for key in (*_CONTENTS, "results", "response") if key in held), None)
    if content is None:
        return None
    return BlockResult(
        None, held["name"], content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), {}
    )


def _named(response: str) -> str | None:
    try:
        name = parse_object(response.removeprefix(_OPENING).removesuffix(_CLOSING).strip()).get("name")
    except NotJson:
        return None
    return name if isinstance(name, str) else None


def without_blocks(message: Message) -> list[Message]:
    """A message as several whose content is text and media alone: calls and thinking in fields, a result each."""
    blocks = blocks_of(message.content)
    if blocks is None:
        return [message]
    results = [Message("tool", each.content, _result_fields(each)) for each in blocks.results]
    spoken = blocks.spoken(message)
    if kind_of(message.role) == "agent":
        # What a server did of itself stands in the message that called it.
        return [spoken, *results]
    return [*results, spoken] if blocks.rest or blocks.calls or blocks.thinking else results


def _result_fields(result: BlockResult) -> dict[str, Any]:
    fields = {"tool_call_id": result.id, "name": result.name}
    return result.extra | {name: value for name, value in fields.items() if value is not None}


def _kind(part: Any) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    return kind if isinstance(kind, str) else ""


def _thoughts(parts: list[tuple[str, Any]]) -> Iterator[str]:
    for kind, part in parts:
        texts = (part.get(name) for name in _THINKING.get(kind, ()))
        if text := next((each for each in texts if isinstance(each, str) and each.strip()), None):
            yield text


def _without_nulls(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """A column of blocks has every field of every kind of block."""
    return {name: value for name, value in part.items() if value is not None}


def _result(part: Mapping[str, Any]) -> BlockResult:
    id = next((found for name in _IDS if (found := id_of(part.get(name)))), None)
    content = next((part[name] for name in _CONTENTS if part.get(name) is not None), None)
    name = next((part[key] for key in ("name", "toolName") if isinstance(part.get(key), str)), None)
    further = {key: value for key, value in part.items() if key not in _READ and value}
    return BlockResult(id, name, content, further)
