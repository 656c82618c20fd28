"""Hedged ranges: when the rest of a range that lags behind its siblings is asked for on one more connection. Pure.

Source: hedged requests as in Dean and Barroso, "The Tail at Scale" (2013): a second request only where the first one takes
much longer than usual, few of them, and whichever is slower is dropped.
"""

import math
from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

LOOK_EVERY_S = 0.1
_WINDOW_LOOKS = 10
# Before that a pace says nothing yet.
_WATCH_S = 0.25
# A hedge costs a request, so it must save time that somebody notices, and most of what is left.
_LAG = 3.0
_LEAST_GAIN_S = 0.2
# Connections that are new answer later than those that are used again.
_PATIENCE = 4.0
_SIBLINGS = 2
# Less is not worth being left to the slow one.
_LEAST_SHARE = 256 << 10


class Pace(NamedTuple):
    """How a stream comes in: seconds from the request to its first byte, bytes a second since then."""

    first_byte_s: float
    bytes_per_s: float


class RangeState(NamedTuple):
    """A range that is on its way.

    Attributes:
        written: Its next byte that is not in the part.
        reached: Its next byte that has not come.
        stop: Its end.
        asked_s: Seconds since it was asked for.
        pace: None before its first byte.
    """

    written: int
    reached: int
    stop: int
    asked_s: float
    pace: Pace | None


class Hedge(NamedTuple):
    """A range to ask for once more: which one lags, by its place, and the byte from which on another stream brings it."""

    which: int
    start: int


class PaceMeter:
    """Measures the pace of one stream over the last second.

    Args:
        start: Its first byte.
        asked_at: When it was asked for.
    """

    def __init__(self, start: int, asked_at: float) -> None:
        self._start = start
        self._asked_at = asked_at
        self._first_at = asked_at
        self._looks: deque[tuple[float, int]] = deque(maxlen=_WINDOW_LOOKS + 1)

    def came(self, now: float) -> None:
        """Some bytes come: the first ones begin the measurement."""
        if not self._looks:
            self._first_at = now
            self._looks.append((now, self._start))

    def asked_s(self, now: float) -> float:
        """Seconds since it was asked for."""
        return now - self._asked_at

    def pace(self, now: float, reached: int) -> Pace | None:
        """The pace of the last second; None before the first byte. To be asked for every `LOOK_EVERY_S`."""
        if not self._looks:
            return None
        self._looks.append((now, reached))
        return self._since(*self._looks[0], now, reached)

    def whole_pace(self, now: float, reached: int) -> Pace | None:
        """The pace from the first byte on; None before it."""
        return self._since(self._first_at, self._start, now, reached) if self._looks else None

    def _since(self, then: float, first: int, now: float, reached: int) -> Pace:
        # A clock may be too coarse for a short stream.
        return Pace(self._first_at - self._asked_at, (reached - first) / max(now - then, 1e-3))


def most_hedges(ranges: int) -> int:
    """How many hedges a file of so many ranges may have: one for eight of them, and two."""
    return 2 + ranges // 8


def choose_hedge(ranges: Sequence[RangeState], ended: Sequence[Pace], *, front: int, is_ending: bool) -> Hedge | None:
    """The range to hedge now, of one file; None where all come in as they should.

    It is one at the file's front, on which the hash waits, or, where nothing is left to begin, any. Of several it is
    the one that would take longest. It lags where it would take three times as long as the median of its siblings would
    take for what is left of it, a new request included. From `Hedge.start` on, both are done at the same time.

    Args:
        ranges: On their way.
        ended: Of the file's last streams.
        front: Bytes of the file that are there without a gap.
        is_ending: Whether no range of the file waits.
    """
    found = [
        (left_s, Hedge(index, start))
        for index, each in enumerate(ranges)
        if is_ending or each.written <= front
        for left_s, start in _hedged(each, [*_paces(ranges, index), *ended])
    ]
    return max(found)[1] if found else None


def _paces(ranges: Sequence[RangeState], index: int) -> list[Pace]:
    return [each.pace for other, each in enumerate(ranges) if other != index and each.pace]


def _hedged(lagging: RangeState, siblings: Sequence[Pace]) -> list[tuple[float, int]]:
    """Seconds that a range would take, and where its hedge begins; empty where it does not lag."""
    if len(siblings) < _SIBLINGS or lagging.reached >= lagging.stop:
        return []
    usual = Pace(median(each.first_byte_s for each in siblings), median(each.bytes_per_s for each in siblings))
    if not usual.bytes_per_s or not _is_known(lagging, usual):
        return []
    rest, own = lagging.stop - lagging.reached, lagging.pace.bytes_per_s if lagging.pace else 0.0
    left_s = rest / own if own else math.inf
    if left_s <= _LAG * (usual.first_byte_s + rest / usual.bytes_per_s) + _LEAST_GAIN_S:
        return []
    share = int(rest * own / (own + usual.bytes_per_s))
    return [(left_s, lagging.reached + (share if share >= _LEAST_SHARE else 0))]


def _is_known(each: RangeState, usual: Pace) -> bool:
    """Whether the pace of a range says something by now."""
    if each.pace:
        return each.asked_s - each.pace.first_byte_s >= _WATCH_S
    return each.asked_s >= max(_WATCH_S, _PATIENCE * usual.first_byte_s)
