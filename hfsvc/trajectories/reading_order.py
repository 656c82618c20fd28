"""The order in which chosen rows are read: passes over a dataset, each of rising rows. Pure."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from hfsvc.trajectories.chooser import Chosen
from hfsvc.trajectories.positions import Positions

WINDOW_BYTES = 32 << 20
_FEWEST, _MOST = 16, 4096


class Pass(NamedTuple):
    """Rows that are read in one go.

    Attributes:
        rows: Their numbers, rising.
        place: The place of one of them in the stream, from 0.
        ordered: Whether they are wanted in that order.
    """

    rows: Sequence[int]
    place: Callable[[int], int]
    ordered: bool = True


def passes(chosen: Chosen, left: Positions, window: int) -> Iterator[Pass]:
    """The passes that read what is left of the chosen rows.

    Args:
        chosen: The rows.
        left: Places among them.
        window: Most rows of a pass that puts them into another order.
    """
    done = 0
    for run in left.ranges:
        rows = chosen.rows[run.start : run.stop : run.step]
        yield from passes_of(rows, done, window, ordered=chosen.ordered)
        done += len(rows)


def passes_of(rows: Sequence[int], before: int, window: int, *, ordered: bool) -> Iterator[Pass]:
    """The passes that read some rows of a stream, before which so many others come."""
    if ordered:
        yield Pass(rows, _place_among(rows, before))
        return
    for start in range(0, len(rows), window):
        some = rows[start : start + window]
        places = {row: before + start + offset for offset, row in enumerate(some)}
        yield Pass(sorted(some), places.__getitem__, ordered=False)


def window_rows(size: int, rows: int) -> int:
    """How many rows are put into order at once, so that they take about `WINDOW_BYTES`.

    Args:
        size: Bytes of all rows when decoded.
        rows: How many there are.
    """
    return max(_FEWEST, min(_MOST, WINDOW_BYTES * rows // max(1, size)))


def _place_among(rows: Sequence[int], before: int) -> Callable[[int], int]:
    if isinstance(rows, range):
        return lambda row: before + (row - rows.start) // rows.step
    return lambda row: before + bisect_left(rows, row)
