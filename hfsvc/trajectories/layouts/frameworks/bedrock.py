"""Messages of Bedrock's Converse API: blocks whose one key says what they are. Pure.

Source: ``messages`` of Converse, 2024 to 2026; sessions of Strands Agents.
"""

from collections.abc import Sequence
from typing import Any

from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.layouts.frameworks.pieces import (
    CallPiece,
    Object,
    Piece,
    ResultPiece,
    ThoughtPiece,
    parts_in,
    read_messages,
)

_MARKS = ("toolUse", "toolResult", "reasoningContent")


def is_of(objects: Sequence[Object]) -> bool:
    """Whether messages are of this kind."""
    return any(
        isinstance(part.get(mark), dict) for each in objects for part in parts_in(each, "content") for mark in _MARKS
    )


def read(objects: Sequence[Object]) -> list[Message]:
    """The messages, as the layout ``openai`` has them."""
    return read_messages(objects, lambda message: message.get("content"), _pieces)


def _pieces(part: Any) -> list[Piece] | None:
    if not isinstance(part, dict):
        return None
    use, result, thought = (part.get(mark) for mark in _MARKS)
    if isinstance(use, dict):
        return [CallPiece(use.get("name"), use.get("input") or {}, use.get("toolUseId"))]
    if isinstance(result, dict):
        return [ResultPiece(result.get("content"), result.get("toolUseId"))]
    text = thought.get("reasoningText") if isinstance(thought, dict) else None
    text = text.get("text") if isinstance(text, dict) else text
    return [ThoughtPiece(text)] if isinstance(text, str) else None
