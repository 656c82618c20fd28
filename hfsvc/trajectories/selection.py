"""Which rows of a dataset are read: the range that was asked for, and those of it that filters keep. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from hfsvc.arguments import check_rows, check_value
from hfsvc.errors import InvalidArgument
from hfsvc.trajectories.cursor import Numbering, row_after

Shard = tuple[int, int]
"""``(i, n)``, ``0 <= i < n``: the i-th of n parts."""


class RowRange(NamedTuple):
    """The rows that a stream is asked for, as `TrajectorySource.stream_rows` takes them."""

    start: int = 0
    stop: int | None = None
    shard: Shard | None = None
    cursor: str | None = None

    def check(self) -> "RowRange":
        """The same, where it is a range at all.

        Raises:
            InvalidArgument: A number is negative or none, a shard is not ``0 <= i < n``, or the cursor is no text.
        """
        check_rows(start=self.start, **({} if self.stop is None else {"stop": self.stop}))
        check_value("shard", self.shard, Shard | None)
        check_value("cursor", self.cursor, str | None)
        index, shards = self.shard or (0, 1)
        if not 0 <= index < shards:
            reason = "of (i, n) it must be 0 <= i < n"
            raise InvalidArgument(name="shard", given=repr(self.shard), reason=reason)
        return self

    def bounds(self, rows: int) -> tuple[int, int]:
        """The rows to read of a dataset of `rows`, but for the cursor: first inclusive, last exclusive.

        Raises:
            InvalidArgument: As for `check`.
        """
        self.check()
        index, shards = self.shard or (0, 1)
        first = min(self.start, rows)
        length = max(0, min(rows, rows if self.stop is None else self.stop) - first)
        return first + length * index // shards, first + length * (index + 1) // shards

    def remaining(self, rows: int, numbering: Numbering) -> tuple[int, int]:
        """The same without the rows that the holder of the cursor has seen.

        Raises:
            CursorMismatch: The cursor is of other rows than those that `numbering` numbers.
            InvalidArgument: As for `check`.
        """
        first, last = self.bounds(rows)
        # After the shard was cut: it goes on within the same one.
        return first if self.cursor is None else max(first, row_after(self.cursor, numbering)), last


class RowSelection:
    """The rows of a dataset that filters keep.

    Args:
        rows: How many there are.
        left_out: The numbers of those that they leave out.
    """

    def __init__(self, rows: int, left_out: Iterable[int]) -> None:
        # A byte a row: C finds its way through two million of them in no time.
        self._left_out = bytearray(rows)
        for row in left_out:
            self._left_out[row] = 1

    def runs(self, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """The unbroken runs of kept rows from `first` to `stop`, each with the row after its last."""
        while (begin := self._left_out.find(0, first, stop)) >= 0:
            end = self._left_out.find(1, begin, stop)
            first = stop if end < 0 else end
            yield begin, first

    def among(self, rows: Sequence[int]) -> Iterator[int]:
        """Those of `rows` that are kept."""
        return (row for row in rows if not self._left_out[row])


class SelectedRows(NamedTuple):
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
