"""Documents of a page cut to what one message may hold: long texts first, then steps, and the document says so. Pure."""

from typing import Any

import msgspec

from hfsvc import atif
from hfsvc.server.effuse.documents import as_json, unreadable

SHORTEST_TEXT = 64
# What is said in the place of what was cut.
NOTE_CHARACTERS = 120


class CutPage:
    """The documents of a page, each in its place: long ones are cut where all together would be too large.

    None is cut before it must be: as long as the page has room, documents stay as they are. From then on each may
    take its share of the page, so that never more than the page is held.

    Args:
        first: Row of the first document.
        rows: Documents that the page will have at most.
        most: Bytes that it may take.

    Attributes:
        documents: As JSON, in row order.
    """

    def __init__(self, first: int, rows: int, most: int) -> None:
        self.documents: list[bytes] = []
        self._first = first
        self._most = most
        # Of the brackets around them, and the comma behind each.
        self._share = (most - 2) // max(1, rows) - 1
        self._size = 2
        self._long: dict[int, atif.Trajectory] | None = {}

    @property
    def next_row(self) -> int:
        """The row whose document comes next."""
        return self._first + len(self.documents)

    def add(self, trajectory: atif.Trajectory) -> None:
        """Take the document of the next row."""
        document = as_json(trajectory)
        if len(document) > self._share:
            document = self._add_long(trajectory, document)
        self.documents.append(document)
        self._size += len(document) + 1
        if self._long and self._size > self._most:
            self._cut_long()

    def _add_long(self, trajectory: atif.Trajectory, document: bytes) -> bytes:
        if self._long is None:
            return cut(trajectory, self.next_row, self._share)
        self._long[len(self.documents)] = trajectory
        return document

    def _cut_long(self) -> None:
        for place, trajectory in (self._long or {}).items():
            self._size -= len(self.documents[place])
            self.documents[place] = cut(trajectory, self._first + place, self._share)
            self._size += len(self.documents[place])
        self._long = None


def cut(trajectory: atif.Trajectory, row: int, most: int) -> bytes:
    """A document as JSON of at most so many bytes, or one that says why there is none.

    Texts are cut to the greatest length of those halved ones with which it fits; where none does, steps are left out at
    the end. The places that were cut say so, and `extra.cut` does.

    Args:
        trajectory: The document.
        row: Its row.
        most: Bytes; where not even one step of short texts fits, it is not kept to.
    """
    document = as_json(trajectory)
    whole: dict[str, Any] = msgspec.json.decode(document)
    longest, kept = most, len(whole["steps"])
    while len(document) > most and (longest > SHORTEST_TEXT or kept > 1):
        longest, kept = (longest // 2, kept) if longest > SHORTEST_TEXT else (longest, kept // 2)
        document = msgspec.json.encode(_shortened(whole, longest, kept))
    if len(document) > most:
        return as_json(unreadable(row, f"Row {row} is too large to be shown here: it takes more than {most:,} bytes."))
    return document


def _shortened(document: dict[str, Any], longest: int, kept: int) -> dict[str, Any]:
    steps = document["steps"]
    said = f"Texts are cut to {longest:,} characters"
    left_out = len(steps) - kept
    cut = f"{said}, and the last {left_out:,} of {len(steps):,} steps are left out" if left_out else said
    short: dict[str, Any] = _cut_texts(document | {"steps": steps[:kept]}, longest)
    return short | {"extra": {**(short.get("extra") or {}), "cut": f"{cut}: all of it is more than one answer holds."}}


def _cut_texts(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return _cut_text(value, longest) if len(value) > longest + NOTE_CHARACTERS else value
    if isinstance(value, dict):
        return {name: _cut_texts(each, longest) for name, each in value.items()}
    if isinstance(value, list):
        return [_cut_texts(each, longest) for each in _without_numbers(value, longest)]
    return value


def _without_numbers(values: list[Any], longest: int) -> list[Any]:
    """A list, unless it is a long one of numbers, such as ids of tokens, which nobody reads there."""
    return [] if len(values) > longest and isinstance(values[0], int | float) else values


def _cut_text(text: str, longest: int) -> str:
    return f"{text[:longest]}… [cut: {len(text) - longest:,} of {len(text):,} characters are left out here]"
