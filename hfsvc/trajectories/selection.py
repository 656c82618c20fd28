"""Which rows of a dataset are read: the range that was asked for, and those of it that were chosen. Pure."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from hfsvc.arguments import check_rows, check_value
from hfsvc.errors import InvalidArgument
from hfsvc.trajectories.index.query import check_query
from hfsvc.trajectories.positions import Shard


class RowRange(NamedTuple):
    """The rows that a stream is asked for, as `TrajectorySource.stream_rows` takes them."""

    start: int = 0
    stop: int | None = None
    shard: Shard | None = None
    cursor: str | None = None
    stripe: bool = False
    limit: int | None = None
    where: str | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """What of it is asked for, as arguments of `TrajectorySource.stream_rows`."""
        return {name: value for name, value in self._asdict().items() if value != self._field_defaults[name]}

    def check(self) -> "RowRange":
        """The same, where it is a range at all.

        Raises:
            InvalidArgument: A number is negative or none, a shard is not ``0 <= i < n``, or the cursor is no text.
        """
        bounds = {"stop": self.stop, "limit": self.limit}
        check_rows(start=self.start, **{name: value for name, value in bounds.items() if value is not None})
        check_value("shard", self.shard, Shard | None)
        check_value("cursor", self.cursor, str | None)
        check_value("stripe", self.stripe, bool)
        check_query(self.where)
        index, shards = self.shard or (0, 1)
        if not 0 <= index < shards:
            reason = "of (i, n) it must be 0 <= i < n"
            raise InvalidArgument(name="shard", given=repr(self.shard), reason=reason)
        return self

    def bounds(self, rows: int) -> tuple[int, int]:
        """The first row of a dataset of `rows` that may be read, and the one after the last.

        Raises:
            InvalidArgument: As for `check`.
        """
        self.check()
        first = min(self.start, rows)
        return first, max(first, rows if self.stop is None else min(self.stop, rows))


class RowSelection:
    """Some rows of a dataset, as a mask.

    Args:
        rows: How many there are.
        kept: The numbers of those that are selected.
    """

    def __init__(self, rows: int, kept: Iterable[int]) -> None:
        # A byte a row: C finds its way through two million of them in no time.
        self._left_out = bytearray(b"\1") * rows
        for row in kept:
            self._left_out[row] = 0

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

    def any_between(self, first: int, stop: int) -> bool:
        """Whether one of these rows lies there."""
        return any(True for _ in self.runs(first, stop))

    def next_from(self, row: int) -> int | None:
        """The first of these rows that is `row` or a later one; None where there is none."""
        return next((begin for begin, _ in self.runs(row, self.last)), None)


def selected(rows: Sequence[int]) -> SelectedRows:
    """The selection of some rows, in rising order; at least one."""
    first, last = rows[0], rows[-1] + 1
    if last - first == len(rows):
        return SelectedRows(first, last, None)
    return SelectedRows(first, last, RowSelection(last, rows))


def numbers(rows: Iterable[int]) -> "array[int]":
    """Row numbers in eight bytes each."""
    return array("q", rows)
