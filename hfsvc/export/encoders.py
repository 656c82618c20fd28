"""What rows become in each format, before a writer puts it where it belongs; another process may make it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from hfsvc import atif
from hfsvc.errors import InvalidExport
from hfsvc.export import sharegpt_turns, steps, trainers
from hfsvc.export.fit_tally import FitTally
from hfsvc.export.formats import Format, Target
from hfsvc.export.harbor_job import trial_files
from hfsvc.export.kept import with_kept, with_kept_extra
from hfsvc.export.lines import json_line
from hfsvc.export.naming import safe_name
from hfsvc.export.prompt_completion import SCHEMA, completion_lines, completions_batch
from hfsvc.export.sts import session_lines
from hfsvc.models import TrajectoryRow
from hfsvc.trajectories.columns import atif_columns

Rows = Sequence[TrajectoryRow]
Encode = Callable[[Rows], Any]
"""Makes of rows what the writer of a format takes."""


class TableMaker(Protocol):
    """Makes the rows of a table of its own kind, such as tokens.

    Attributes:
        schema: Of its batches.
        tally: Counts what became of rows that had to fit.
    """

    schema: pa.Schema
    tally: FitTally

    def batch(self, rows: Rows) -> pa.RecordBatch:
        """What rows become; more of them, or fewer."""
        ...


class EncodedTable(NamedTuple):
    """Rows of a table.

    Attributes:
        batch: Without what is kept.
        kept: What is kept of each trajectory, by name; empty where that is nothing.
        counts: How many rows of the batch each of them became.
    """

    batch: pa.RecordBatch
    kept: Sequence[Mapping[str, Any]] = ()
    counts: Sequence[int] = ()

    def kept_of_rows(self) -> list[Mapping[str, Any]]:
        """What is kept of each row of the batch."""
        if not self.kept:
            return [{}] * self.batch.num_rows
        return [each for each, count in zip(self.kept, self.counts, strict=True) for _ in range(count)]


class NamedFile(NamedTuple):
    """A file of a folder."""

    name: str
    content: bytes


_LINES: dict[Format, Callable[[TrajectoryRow], bytes]] = {
    "jsonl": lambda row: atif.encode(with_kept_extra(row)) + b"\n",
    "openai": lambda row: json_line(with_kept(trainers.openai_row(row), row)),
    "sharegpt": lambda row: json_line(with_kept(sharegpt_turns.sharegpt_row(row), row)),
    "prompt-completion": completion_lines,
}
_TABLES: dict[Format, tuple[pa.Schema, Callable[[Rows], pa.RecordBatch]]] = {
    "parquet": (atif_columns.SCHEMA, atif_columns.atif_batch),
    "steps": (steps.SCHEMA, steps.steps_batch),
    "openai": (trainers.OPENAI_SCHEMA, trainers.openai_batch),
    "sharegpt": (sharegpt_turns.SHAREGPT_SCHEMA, sharegpt_turns.sharegpt_batch),
    "prompt-completion": (SCHEMA, completions_batch),
}


def encoder_of(target: Target, tokens: TableMaker | None = None) -> Encode:
    """What makes the content of a target.

    Raises:
        InvalidExport: The format is ``tokens``, and nothing makes them.
    """
    if target.format == "atif-dir":
        return partial(trial_files, job=target.path)
    if target.format == "sts":
        return session_files
    if target.kind == "lines":
        line_of = _LINES[target.format]
        return lambda rows: b"".join(map(line_of, rows))
    return partial(encode_table, table_of(target, tokens)[1])


def table_of(target: Target, tokens: TableMaker | None) -> tuple[pa.Schema, Callable[[Rows], pa.RecordBatch]]:
    """The columns of a table, and what makes batches of it.

    Raises:
        InvalidExport: As `encoder_of`.
    """
    if target.format != "tokens":
        return _TABLES[target.format]
    if tokens is None:
        raise InvalidExport(target=str(target.path), reason="tokens needs a tokenizer")
    return tokens.schema, tokens.batch


def encode_table(batch_of: Callable[[Rows], pa.RecordBatch], rows: Rows) -> EncodedTable:
    """Rows as rows of a table."""
    if not any(row.kept for row in rows):
        return EncodedTable(batch_of(rows))
    # One at a time, for a row may become several, or none.
    made = [batch_of([row]) for row in rows]
    whole = pa.Table.from_batches(made).combine_chunks()
    columns = [column.chunk(0) if column.num_chunks else pa.array([], column.type) for column in whole.columns]
    batch = pa.RecordBatch.from_arrays(columns, schema=made[0].schema)
    return EncodedTable(batch, [row.kept for row in rows], [each.num_rows for each in made])


def session_files(rows: Rows) -> list[NamedFile]:
    """A file a row, as the Hub's viewer reads them."""
    return [NamedFile(f"{safe_name(row)}.jsonl", session_lines(row)) for row in rows]
