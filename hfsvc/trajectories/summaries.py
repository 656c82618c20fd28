"""Rows without their messages: what a list shows and a search looks at."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from hfsvc.rows import TrajectorySummary
from hfsvc.trajectories.batches import RowFile
from hfsvc.trajectories.columns import written_texts
from hfsvc.trajectories.layouts.layout import Layout

FIELDS = ("agent", "model", "task", "episode", "trial_name", "run_id", "date", "result")


def summary_columns(rows: RowFile, layout: Layout) -> list[str]:
    """The columns a summary needs; of the messages only what tells how many there are."""
    named = [layout.facts.columns[name] for name in FIELDS if name in layout.facts.columns]
    return [*dict.fromkeys(named), *layout.leaves_to_count(rows.leaves)]


def summaries_of(batch: pa.RecordBatch, first_row: int, layout: Layout) -> Iterator[TrajectorySummary]:
    """A summary for every row of a batch with the columns of `summary_columns`."""
    named = {name: column for name, column in layout.facts.columns.items() if name in FIELDS}
    columns = {name: written_texts(batch.column(column)) for name, column in named.items()}
    rows = zip(*columns.values(), strict=True) if columns else ((),) * batch.num_rows
    for index, (values, steps) in enumerate(zip(rows, layout.count(batch), strict=True)):
        fields = dict.fromkeys(FIELDS) | dict(zip(columns, values, strict=True))
        yield TrajectorySummary(row=first_row + index, steps=steps, **fields)


def make_filter(query: str | None) -> Callable[[TrajectorySummary], bool]:
    """A test for the words of a query: all must occur, ignoring case; ``field:word`` looks at one field. Pure."""
    tests = [_make_test(word) for word in (query or "").casefold().split()]
    return lambda summary: all(test(summary) for test in tests)


def _make_test(word: str) -> Callable[[TrajectorySummary], bool]:
    field, colon, wanted = word.partition(":")
    if colon and field in FIELDS:
        return lambda summary: wanted in (getattr(summary, field) or "").casefold()
    return lambda summary: any(word in (getattr(summary, name) or "").casefold() for name in FIELDS)
