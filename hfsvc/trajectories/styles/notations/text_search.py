"""Searches for what lies between and outside of marks in a text. Pure."""

from collections.abc import Sequence
from itertools import pairwise

Span = tuple[int, int]


def outside(text: str, spans: Sequence[Span]) -> str:
    """What a text says outside of rising spans: the text before the first as it is, and later ones, where there are."""
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    before, *rest = (text[start:end] for start, end in list(pairwise(edges))[::2])
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
