"""Rows without their messages: what a list shows and a search looks at."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from hfsvc.rows import TrajectorySummary
from hfsvc.trajectories.batches import RowFile
from hfsvc.trajectories.columns import written_texts

MESSAGES = "conversations"
FIELDS = ("agent", "model", "task", "episode", "trial_name", "run_id", "date", "result")


def summary_columns(rows: RowFile) -> list[str]:
    """The columns a summary needs; of the messages only their roles, which tell how many there are."""
    paths = rows.leaves
    roles = [path for path in paths if path.startswith(f"{MESSAGES}.") and path.endswith(".role")]
    return [*(path for path in paths if path in FIELDS), *roles]


def summaries_of(batch: pa.RecordBatch, first_row: int) -> Iterator[TrajectorySummary]:
    """A summary for every row of a batch with the columns of `summary_columns`."""
    steps = _lengths(batch)
    columns = {name: written_texts(batch.column(name)) for name in FIELDS if name in batch.schema.names}
    rows = zip(*columns.values(), strict=True) if columns else ((),) * batch.num_rows
    for index, values in enumerate(rows):
        fields = dict.fromkeys(FIELDS) | dict(zip(columns, values, strict=True))
        yield TrajectorySummary(row=first_row + index, steps=steps[index], **fields)


def _lengths(batch: pa.RecordBatch) -> list[int]:
    if MESSAGES not in batch.schema.names or pa.types.is_null(batch.column(MESSAGES).type):
        return [0] * batch.num_rows
    return [length or 0 for length in batch.column(MESSAGES).value_lengths().to_pylist()]


def make_filter(query: str | None) -> Callable[[TrajectorySummary], bool]:
    """A test for the words of a query: all must occur, ignoring case; ``field:word`` looks at one field. Pure."""
    tests = [_make_test(word) for word in (query or "").casefold().split()]
    return lambda summary: all(test(summary) for test in tests)


def _make_test(word: str) -> Callable[[TrajectorySummary], bool]:
    field, colon, wanted = word.partition(":")
    if colon and field in FIELDS:
        return lambda summary: wanted in (getattr(summary, field) or "").casefold()
    return lambda summary: any(word in (getattr(summary, name) or "").casefold() for name in FIELDS)
