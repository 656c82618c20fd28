"""Writers of rows: into lines, tables, folders of files, pipes. Everything here blocks: call it from a worker thread."""

import io
import os
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from anyio import from_thread

from hfsvc import atif
from hfsvc.errors import InvalidExport
from hfsvc.export import atif_columns, sharegpt_turns, steps, trainers
from hfsvc.export.atomic_output import whole_file, whole_folder
from hfsvc.export.fit_tally import FitTally
from hfsvc.export.formats import Format, Target
from hfsvc.export.harbor_job import HarborJob
from hfsvc.export.kept import kept_batch, kept_schema, with_kept, with_kept_extra
from hfsvc.export.lines import json_line
from hfsvc.export.naming import safe_name
from hfsvc.export.prompt_completion import SCHEMA, completion_lines, completions_batch
from hfsvc.export.sts import session_lines
from hfsvc.models import TrajectoryRow

Rows = Sequence[TrajectoryRow]
Table = tuple[pa.Schema, Callable[[Rows], pa.RecordBatch]]

# Large groups compress better, and each is held in memory while it is gathered.
ROW_GROUP_BYTES = 16 << 20
CHECK_EVERY_S = 0.2


class Writer(Protocol):
    """Writes rows in order. `export` calls it from worker threads, never twice at once.

    Attributes:
        written: Bytes so far, before compression.
    """

    written: int

    def write(self, rows: Rows) -> None:
        """Add rows."""
        ...


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


class LineWriter:
    """Writes a line a row."""

    def __init__(self, out: Any, line_of: Callable[[TrajectoryRow], bytes]) -> None:
        self.written = 0
        self._out = out
        self._line_of = line_of

    def write(self, rows: Rows) -> None:
        text = b"".join(map(self._line_of, rows))
        self._out.write(text)
        self.written += len(text)


class TableWriter:
    """Writes batches into a parquet file, in row groups of about `ROW_GROUP_BYTES`, with what is kept in further columns.

    Args:
        file: Stays open.
        schema: Of the format.
        batch_of: Makes a batch of it.
    """

    def __init__(self, file: BinaryIO, schema: pa.Schema, batch_of: Callable[[Rows], pa.RecordBatch]) -> None:
        self.written = 0
        self._file = file
        self._schema = self._own = schema
        self._batch_of = batch_of
        self._parquet: pq.ParquetWriter | None = None
        self._group: list[pa.RecordBatch] = []
        self._group_bytes = 0

    def write(self, rows: Rows) -> None:
        if self._parquet is None:
            self._open(rows)
        is_plain = self._schema is self._own and not any(row.kept for row in rows)
        batch = self._batch_of(rows) if is_plain else self._with_kept(rows)
        # A group without rows cannot be written.
        if not batch.num_rows:
            return
        self._group.append(batch)
        self._group_bytes += batch.nbytes
        self.written += batch.nbytes
        if self._group_bytes >= ROW_GROUP_BYTES:
            self._end_group()

    def _with_kept(self, rows: Rows) -> pa.RecordBatch:
        # One at a time, for a row may become several, or none.
        return kept_batch([self._batch_of([row]) for row in rows], rows, self._schema)

    def _open(self, rows: Rows) -> pq.ParquetWriter:
        # Only now: the types of what is kept are those of the first rows.
        self._schema = kept_schema(rows, self._schema)
        self._parquet = pq.ParquetWriter(self._file, self._schema, compression="zstd", write_page_index=True)
        return self._parquet

    def _end_group(self) -> None:
        if self._group and self._parquet:
            table = pa.Table.from_batches(self._group)
            self._group, self._group_bytes = [], 0
            self._parquet.write_table(table, row_group_size=table.num_rows)

    def close(self) -> None:
        """Write what was gathered, and the end of the file."""
        parquet = self._parquet or self._open([])
        self._end_group()
        parquet.close()


class SessionFolder:
    """Writes a file a row, as the Hub's viewer reads them."""

    def __init__(self, folder: Path) -> None:
        self.written = 0
        self._folder = folder

    def write(self, rows: Rows) -> None:
        for row in rows:
            lines = session_lines(row)
            (self._folder / f"{safe_name(row)}.jsonl").write_bytes(lines)
            self.written += len(lines)


_LINES: dict[Format, Callable[[TrajectoryRow], bytes]] = {
    "jsonl": lambda row: atif.encode(with_kept_extra(row)) + b"\n",
    "openai": lambda row: json_line(with_kept(trainers.openai_row(row), row)),
    "sharegpt": lambda row: json_line(with_kept(sharegpt_turns.sharegpt_row(row), row)),
    "prompt-completion": completion_lines,
}
_TABLES: dict[Format, Table] = {
    "parquet": (atif_columns.SCHEMA, atif_columns.atif_batch),
    "steps": (steps.SCHEMA, steps.steps_batch),
    "openai": (trainers.OPENAI_SCHEMA, trainers.openai_batch),
    "sharegpt": (sharegpt_turns.SHAREGPT_SCHEMA, sharegpt_turns.sharegpt_batch),
    "prompt-completion": (SCHEMA, completions_batch),
}


@contextmanager
def open_writer(target: Target, tokens: TableMaker | None = None) -> Iterator[Writer]:
    """A writer whose work is whole at ``target.path`` after the context, or has left nothing after an exception.

    Args:
        target: Where it goes, and in which form.
        tokens: Makes the rows of the format ``tokens``.

    Raises:
        InvalidExport: The format is ``tokens``, and nothing makes them.
        NoSpace, StoreNotWritable: The disk is in the way.
    """
    if target.format == "atif-dir":
        with whole_folder(target.path) as folder:
            job = HarborJob(folder, target.path)
            yield job
            job.finish()
    elif target.format == "sts":
        with whole_folder(target.path) as folder:
            yield SessionFolder(folder)
    else:
        table = _table_of(target, tokens) if target.kind == "table" else None
        with whole_file(target.path) as file, _file_writer(file, target, table) as writer:
            yield writer


def stream_writer(out: BinaryIO, format: Format) -> Writer:
    """A writer of lines to an open stream, such as stdout, which stays open."""
    return LineWriter(_cancellable(out), _LINES[format])


@contextmanager
def _file_writer(file: BinaryIO, target: Target, table: Table | None) -> Iterator[Writer]:
    if table:
        with _ended(TableWriter(file, *table)) as writer:
            yield writer
    elif target.compression:
        with _ended(pa.CompressedOutputStream(pa.PythonFile(file, "w"), target.compression)) as out:
            yield LineWriter(out, _LINES[target.format])
    else:
        yield LineWriter(file, _LINES[target.format])


def _table_of(target: Target, tokens: TableMaker | None) -> Table:
    if target.format != "tokens":
        return _TABLES[target.format]
    if tokens is None:
        raise InvalidExport(target=str(target.path), reason="tokens needs a tokenizer")
    return tokens.schema, tokens.batch


@contextmanager
def _ended(out: Any) -> Iterator[Any]:
    """Close `out`; after an exception whatever closing it says is of no interest, since the file goes away."""
    try:
        yield out
    except BaseException:
        with suppress(OSError, pa.ArrowException):
            out.close()
        raise
    out.close()


def _cancellable(out: BinaryIO) -> "BinaryIO | PipeStream":
    """The stream by its descriptor, where it has one: its reader may stop reading, such as a pipe's."""
    try:
        descriptor = out.fileno()
    except io.UnsupportedOperation:
        return out
    out.flush()
    return PipeStream(descriptor)


class PipeStream:
    """Writes to a descriptor; a cancelled caller need not wait for the reader.

    Args:
        descriptor: Stays open.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: Any) -> int:
        """Write all of it.

        Raises:
            BrokenPipeError: The reader has left.
        """
        rest = memoryview(text)
        while rest:
            from_thread.check_cancelled()
            rest = rest[self._write_some(rest) :]
        return len(text)

    def _write_some(self, text: memoryview) -> int:
        if sys.platform == "win32":
            # There a pipe tells nobody whether it has room.
            return os.write(self._descriptor, text)
        _, ready, _ = select.select([], [self._descriptor], [], CHECK_EVERY_S)
        # No more than what a pipe takes at once when it says that it has room.
        return os.write(self._descriptor, text[: select.PIPE_BUF]) if ready else 0
