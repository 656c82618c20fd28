"""Rows without their messages: what a list shows and a search looks at."""

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from hfsvc.models import TrajectorySummary
from hfsvc.trajectories.harbor_rows import MESSAGES, text_rows

FIELDS = ("agent", "model", "task", "episode", "trial_name", "run_id", "date", "result")


def summary_columns(parquet: pq.ParquetFile) -> list[str]:
    """The columns a summary needs; of the messages only their roles, which tell how many there are."""
    paths = [parquet.schema.column(index).path for index in range(len(parquet.schema))]
    roles = [path for path in paths if path.startswith(f"{MESSAGES}.") and path.endswith(".role")]
    return [*(path for path in paths if path in FIELDS), *roles]


def summaries_of(batch: pa.RecordBatch, first_row: int) -> Iterator[TrajectorySummary]:
    """A summary for every row of a batch with the columns of `summary_columns`."""
    steps = _lengths(batch)
    for index, row in enumerate(text_rows(batch)):
        yield TrajectorySummary(
            row=first_row + index, steps=steps[index], **{field: row.get(field) for field in FIELDS}
        )


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
