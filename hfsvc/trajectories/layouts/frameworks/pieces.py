"""Pieces of a message that are no text: thinking, calls and results, as the parts of any API name them. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.layouts.traces.turns import TurnBuilder, text_or_parts

Object = Mapping[str, Any]
AGENTS = frozenset({"assistant", "model", "ai"})


class ThoughtPiece(NamedTuple):
    """What was thought."""

    text: str


class CallPiece(NamedTuple):
    """A call of a tool."""

    name: Any
    arguments: Any
    id: Any = None


class ResultPiece(NamedTuple):
    """What came of a call."""

    content: Any
    id: Any = None
    name: Any = None


Piece = ThoughtPiece | CallPiece | ResultPiece
PiecesOf = Callable[[Any], list[Piece] | None]


def read_messages(
    messages: Iterable[Object], content_of: Callable[[Object], Any], pieces_of: PiecesOf
) -> list[Message]:
    """Messages whose content is a list of parts.

    Args:
        messages: As they stand.
        content_of: The content of one.
        pieces_of: What a part holds that is no text; None for one that is.
    """
    turns = TurnBuilder()
    for message in messages:
        turns.close()
        content = content_of(message)
        kept = without_empty(message, {"role", "content", "parts"})
        parts = content if isinstance(content, list) else [] if content is None else [content]
        if message.get("role") in AGENTS:
            _read_agent(turns, parts, pieces_of, kept)
        else:
            _read_other(turns, message.get("role"), parts, pieces_of, kept)
    turns.close()
    return turns.messages


def _read_agent(turns: TurnBuilder, parts: list[Any], pieces_of: PiecesOf, kept: dict[str, Any]) -> None:
    for part in parts:
        pieces = pieces_of(part)
        if pieces is None:
            turns.say([part], kept)
        for piece in pieces or ():
            add_piece(turns, piece, kept)
    if not parts:
        turns.add("assistant", "", kept)


def _read_other(turns: TurnBuilder, role: Any, parts: list[Any], pieces_of: PiecesOf, kept: dict[str, Any]) -> None:
    said = []
    for part in parts:
        pieces = pieces_of(part)
        if pieces is None:
            said.append(part)
        for piece in pieces or ():
            add_piece(turns, piece, {})
    if said or not parts:
        turns.add(None if role is None else str(role), text_or_parts(said), kept)


def add_piece(turns: TurnBuilder, piece: Piece, kept: dict[str, Any]) -> None:
    """Add a piece to the turns."""
    if isinstance(piece, ThoughtPiece):
        turns.think(piece.text)
    elif isinstance(piece, CallPiece):
        turns.call(piece.name, piece.arguments, piece.id, kept)
    else:
        turns.answer(plain(piece.content), piece.id, {"name": piece.name} if piece.name else {})


def plain(content: Any) -> Any:
    """What a tool gave, as text where it is one, or parts that are; else as JSON."""
    if isinstance(content, str) or content is None:
        return content or ""
    if isinstance(content, list):
        return text_or_parts([plain_part(each) for each in content])
    return msgspec.json.encode(content).decode()


def plain_part(part: Any) -> Any:
    """A part of a result: one of JSON alone is a text."""
    if isinstance(part, dict) and part.keys() == {"json"}:
        return msgspec.json.encode(part["json"]).decode()
    return part


def without_empty(found: Object, read: Iterable[str]) -> dict[str, Any]:
    """What an object holds beside keys that were read."""
    return {name: value for name, value in found.items() if name not in {*read} and value not in (None, {}, [], "")}


def parts_in(found: Object, *names: str) -> Iterator[Object]:
    """The parts of a message that are objects, in the first of these fields that is a list."""
    listed = next((found[name] for name in names if isinstance(found.get(name), list)), ())
    return (part for part in listed if isinstance(part, dict))
