"""Messages of AutoGen 0.4: a ``source`` for a speaker, and a ``type`` that tells calls from texts. Pure.

Source: ``TaskResult.messages`` of autogen-agentchat, 2025; logs of Magentic-One.
"""

from collections.abc import Sequence
from typing import Any

from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.layouts.frameworks.pieces import Object, plain, without_empty
from hfsvc.trajectories.layouts.traces.turns import TurnBuilder

_CALLS, _RESULTS, _THOUGHT = "ToolCallRequestEvent", "ToolCallExecutionEvent", "ThoughtEvent"
_TYPES = frozenset({
    _CALLS,
    _RESULTS,
    _THOUGHT,
    "TextMessage",
    "ToolCallSummaryMessage",
    "StopMessage",
    "HandoffMessage",
})
_READ = frozenset({"type", "source", "content"})


def is_of(objects: Sequence[Object]) -> bool:
    """Whether messages are of this kind."""
    return all(each.get("type") is None or "source" in each for each in objects) and any(
        each.get("type") in _TYPES and "content" in each for each in objects
    )


def read(objects: Sequence[Object]) -> list[Message]:
    """The messages, as the layout ``openai`` has them; who the agent is, is kept as its name."""
    turns = TurnBuilder()
    for found in objects:
        kind, content, source = found.get("type"), found.get("content"), found.get("source")
        kept = without_empty(found, _READ)
        if kind == _THOUGHT and isinstance(content, str):
            turns.think(content)
        elif kind == _CALLS and isinstance(content, list):
            for call in filter(_is_object, content):
                turns.call(call.get("name"), call.get("arguments"), call.get("id"), {"name": source, **kept})
        elif kind == _RESULTS and isinstance(content, list):
            for each in filter(_is_object, content):
                turns.answer(plain(each.get("content")), each.get("call_id"), {"name": each.get("name")})
        elif source in {"user", "system"}:
            turns.add(source, content, kept)
        else:
            turns.close()
            turns.add("assistant", content, {"name": source, **kept})
    turns.close()
    return turns.messages


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)
