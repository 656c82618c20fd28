"""Which rows of a dataset are wanted. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple


class RowSelection:
    """The rows that filters keep.

    Args:
        rows: How many there are.
        left_out: The numbers of those that are not wanted.
    """

    def __init__(self, rows: int, left_out: Iterable[int]) -> None:
        # A byte a row: C finds its way through two million of them in no time.
        self._left_out = bytearray(rows)
        for row in left_out:
            self._left_out[row] = 1

    def runs(self, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """The unbroken runs of wanted rows from `first` to `stop`, each with the row after its last."""
        while (begin := self._left_out.find(0, first, stop)) >= 0:
            end = self._left_out.find(1, begin, stop)
            first = stop if end < 0 else end
            yield begin, first

    def among(self, rows: Sequence[int]) -> Iterator[int]:
        """Those of `rows` that are wanted."""
        return (row for row in rows if not self._left_out[row])


class Wanted(NamedTuple):
    """The rows from `first` (inclusive) to `last` (exclusive), of those that a selection keeps, if there is one."""

    first: int
    last: int
    selection: RowSelection | None

    def runs(self, first: int, stop: int) -> Iterable[tuple[int, int]]:
        """The unbroken runs of these rows from `first` to `stop`, each with the row after its last."""
        begin, end = max(first, self.first), min(stop, self.last)
        if begin >= end:
            return ()
        return self.selection.runs(begin, end) if self.selection else ((begin, end),)
