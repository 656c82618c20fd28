"""Arithmetic of byte ranges that are wanted, that are there, and that are fetched together. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Span = tuple[int, int]
"""Bytes of a file: the first one, and the one after the last."""


class Bytes(NamedTuple):
    """Bytes of a file.

    Attributes:
        start: Where they stand in it.
        data: They.
    """

    start: int
    data: bytes

    @property
    def stop(self) -> int:
        """The byte after the last one."""
        return self.start + len(self.data)


def joined(spans: Iterable[Span], gap: int) -> list[Span]:
    """The ranges in order, those that lie at most `gap` bytes apart as one; empty ones left out."""
    found: list[Span] = []
    for start, stop in sorted(span for span in spans if span[0] < span[1]):
        if found and start - found[-1][1] <= gap:
            found[-1] = found[-1][0], max(found[-1][1], stop)
        else:
            found.append((start, stop))
    return found


def uncovered(spans: Iterable[Span], covering: Iterable[Span]) -> list[Span]:
    """What of the ranges others do not cover, in order."""
    left = [*spans]
    for start, stop in covering:
        left = (
            [
                part
                for span in left
                for part in ((span[0], min(span[1], start)), (max(span[0], stop), span[1]))
                if part[0] < part[1]
            ]
            if any(span[0] < stop and start < span[1] for span in left)
            else left
        )
    return sorted(left)


def assembled(span: Span, pieces: Sequence[Bytes]) -> bytes:
    """The bytes of a range, all of which are in `pieces`."""
    start, stop = span
    parts: list[bytes | memoryview] = []
    for piece in sorted(pieces, key=lambda each: each.start):
        if start < stop and piece.start <= start < piece.stop:
            end = min(stop, piece.stop)
            parts.append(memoryview(piece.data)[start - piece.start : end - piece.start])
            start = end
    if start < stop:
        raise ValueError(f"bytes {start} to {stop} are not there")
    return b"".join(parts)
