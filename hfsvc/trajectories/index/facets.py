"""Counts of the values of a column, batch by batch in bounded memory. Pure."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from hfsvc.arguments import check_name, check_rows
from hfsvc.models import SUMMARY_FIELDS, SummaryField, ValueCount, ValueCounts
from hfsvc.trajectories.index.query import check_query

MAX_VALUES = 10_000
LONGEST_VALUE = 200
MAX_NAMED = 1000


class Tally:
    """Counts how often each value occurs: so many different ones by name, and those that come later together."""

    def __init__(self) -> None:
        self._named = Counter[str]()
        self._others = 0
        self._without = 0

    def add(self, column: pa.Array) -> None:
        """Take in values of one type of text, or nulls."""
        counts = pc.call_function("value_counts", [column])
        for value, rows in zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True):
            self._count(value, rows)

    def _count(self, value: str | None, rows: int) -> None:
        if value is None or not value.strip():
            self._without += rows
        elif value in self._named or (len(self._named) < MAX_VALUES and len(value) <= LONGEST_VALUE):
            self._named[value] += rows
        else:
            self._others += rows

    def result(self) -> ValueCounts:
        """What there was so far, with as many values as anybody may ask for."""
        ordered = sorted(self._named.items(), key=lambda each: (-each[1], each[0]))
        values = tuple(ValueCount(value=value, rows=rows) for value, rows in ordered)
        return cut(ValueCounts(values=values, others=self._others, without=self._without), MAX_NAMED)


def check_count(field: SummaryField, query: str | None, limit: int) -> None:
    """Refuse a count of values that cannot be made.

    Raises:
        InvalidArgument: There is no such field, the query names one that there is not, or the limit is negative.
    """
    check_name("field", field, SUMMARY_FIELDS)
    check_query(query)
    check_rows(limit=limit)


def cut(counts: ValueCounts, limit: int) -> ValueCounts:
    """The same with at most `limit` values: rows of all others count as others."""
    kept, rest = counts.values[: max(0, limit)], counts.values[max(0, limit) :]
    return ValueCounts(values=kept, others=counts.others + sum(each.rows for each in rest), without=counts.without)


def joined_counts(several: Sequence[ValueCounts]) -> ValueCounts:
    """Counts over several datasets together."""
    named = Counter[str]()
    for counts in several:
        named.update({each.value: each.rows for each in counts.values})
    ordered = sorted(named.items(), key=lambda each: (-each[1], each[0]))
    return ValueCounts(
        values=tuple(ValueCount(value=value, rows=rows) for value, rows in ordered),
        others=sum(counts.others for counts in several),
        without=sum(counts.without for counts in several),
    )


def among(column: pa.Array, first: int, rows: Sequence[int]) -> pa.Array:
    """The values of a column that are of certain rows.

    Args:
        column: Of the rows from `first` on.
        first: Number of its first row.
        rows: Numbers of the rows that are wanted, over all columns, in order.
    """
    low, high = bisect_left(rows, first), bisect_left(rows, first + len(column))
    if high - low == len(column):
        return column
    return column.take(pa.array([row - first for row in rows[low:high]], pa.int64()))
