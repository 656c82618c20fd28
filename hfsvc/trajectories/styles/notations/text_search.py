"""Searches for what lies between and outside of marks in a text. Pure."""

from collections.abc import Sequence
from itertools import pairwise

Span = tuple[int, int]


def outside(text: str, spans: Sequence[Span]) -> str:
    """What a text says outside of rising spans: the text before the first as it is, and later ones, where there are."""
    if not spans:
        return text
    before = text[: spans[0][0]]
    if spans[0][1] == len(text):
        # The usual case: nothing comes after the only one.
        return before
    rest = [text[end:start] for (_, end), (start, _) in pairwise([*spans, (len(text), 0)])]
    said = [stripped for each in rest if (stripped := each.strip())]
    return "\n".join([before.rstrip(), *said] if before.strip() else said) if said else before


def between(text: str, opening: str, closing: str, start: int = 0) -> Span | None:
    """Where the text between two marks stands, from `start` on; None where one is missing."""
    begin = text.find(opening, start)
    if begin < 0:
        return None
    begin += len(opening)
    end = text.find(closing, begin)
    return (begin, end) if end >= 0 else None
