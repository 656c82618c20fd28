"""Contents of Gemini's API: ``role`` and ``parts``, among them calls of functions and their responses. Pure.

Source: ``contents`` of generateContent, 2024 to 2026, in either spelling of names; examples for tuning on Vertex.
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

_MARKS = frozenset({"text", "functionCall", "function_call", "functionResponse", "function_response"})
_PRINTED = ("output", "result", "content", "error")


def is_of(objects: Sequence[Object]) -> bool:
    """Whether messages are of this kind."""
    return all(
        "role" in each and each.get("content") is None and any(map(_is_part, parts_in(each, "parts")))
        for each in objects
    )


def read(objects: Sequence[Object]) -> list[Message]:
    """The messages, as the layout ``openai`` has them."""
    return read_messages(objects, lambda message: message.get("parts"), _pieces)


def _is_part(part: Object) -> bool:
    return part.get("type") is None and not _MARKS.isdisjoint(name for name in part if part[name] is not None)


def _pieces(part: Any) -> list[Piece] | None:
    if not isinstance(part, dict):
        return None
    if part.get("thought") is True and isinstance(part.get("text"), str):
        return [ThoughtPiece(part["text"])]
    call = part.get("functionCall") or part.get("function_call")
    if isinstance(call, dict):
        return [CallPiece(call.get("name"), call.get("args") or {}, call.get("id"))]
    answer = part.get("functionResponse") or part.get("function_response")
    if isinstance(answer, dict):
        return [ResultPiece(_printed(answer.get("response")), answer.get("id"), answer.get("name"))]
    return None


def _printed(response: Any) -> Any:
    """What a function gave: the one text in its response, else all of it."""
    if isinstance(response, dict) and len(response) == 1:
        (name,) = response
        return response[name] if name in _PRINTED else response
    return response
