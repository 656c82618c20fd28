"""Writers of rows: into lines, tables, folders of files, pipes. Everything here blocks: call it from a worker thread."""

import io
import os
import select
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from inspect import signature
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from anyio import from_thread

from hfsvc.export.atomic_output import whole_file, whole_folder
from hfsvc.export.encoders import Encode, EncodedTable, NamedFile, Rows, TableMaker, encoder_of, table_of
from hfsvc.export.formats import Format, Target
from hfsvc.export.harbor_job import HarborJob
from hfsvc.export.kept import kept_batch, kept_schema
from hfsvc.store.objects.object_bucket import open_bucket
from hfsvc.store.objects.object_file import whole_object

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


class Taker(Protocol):
    """Puts what rows became in one format where it belongs, in order.

    Attributes:
        written: Bytes so far, before compression.
    """

    written: int

    def add(self, encoded: Any, /) -> None:
        """Add what an encoder of `hfsvc.export.encoders` made."""
        ...


class FormatWriter:
    """A writer of one of the formats: rows are encoded, here or elsewhere, and then put where they belong.

    Args:
        target: Where that is, and in which form.
        encode: Makes what `taker` takes.
        taker: Takes it.
    """

    def __init__(self, target: Target, encode: Encode, taker: Taker) -> None:
        self.written = 0
        self.target = target
        self._encode = encode
        self._taker = taker

    def write(self, rows: Rows) -> None:
        self.add(self._encode(rows))

    def add(self, encoded: Any) -> None:
        """Add what rows became elsewhere."""
        self._taker.add(encoded)
        self.written = self._taker.written


class LineTaker:
    """Writes lines to an open stream."""

    def __init__(self, out: Any) -> None:
        self.written = 0
        self._out = out

    def add(self, text: bytes) -> None:
        """Add whole lines."""
        self._out.write(text)
        self.written += len(text)


class TableTaker:
    """Writes batches into a parquet file, in row groups of about `ROW_GROUP_BYTES`, with what is kept in further columns.

    Args:
        file: Stays open.
        schema: Of the format.
    """

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self.written = 0
        self._file = file
        self._schema = schema
        self._parquet: pq.ParquetWriter | None = None
        self._group: list[pa.RecordBatch] = []
        self._group_bytes = 0

    def add(self, encoded: EncodedTable) -> None:
        """Add rows of the table."""
        if self._parquet is None:
            self._open(encoded.kept)
        # A group without rows cannot be written.
        if not encoded.batch.num_rows:
            return
        batch = kept_batch(encoded.batch, encoded.kept_of_rows(), self._schema)
        self._group.append(batch)
        self._group_bytes += batch.nbytes
        self.written += batch.nbytes
        if self._group_bytes >= ROW_GROUP_BYTES:
            self._end_group()

    def _open(self, kept: Sequence[Mapping[str, Any]]) -> pq.ParquetWriter:
        # Only now: the types of what is kept are those of the first rows.
        self._schema = kept_schema(kept, self._schema)
        self._parquet = pq.ParquetWriter(
            self._file, self._schema, compression="zstd", write_page_index=True, **_content_defined_chunks()
        )
        return self._parquet

    def _end_group(self) -> None:
        if self._group and self._parquet:
            table = pa.Table.from_batches(self._group)
            self._group, self._group_bytes = [], 0
            self._parquet.write_table(table, row_group_size=table.num_rows)

    def close(self) -> None:
        """Write what was gathered, and the end of the file."""
        parquet = self._parquet or self._open(())
        self._end_group()
        parquet.close()


def _content_defined_chunks() -> dict[str, Any]:
    """What has pyarrow cut pages by what they hold, so that a changed file shares most bytes with what it was: from 21 on."""
    option = "use_content_defined_chunking"
    return {option: True} if option in signature(pq.ParquetWriter).parameters else {}


class FolderTaker:
    """Writes files into a folder."""

    def __init__(self, folder: Path) -> None:
        self.written = 0
        self._folder = folder

    def add(self, files: Sequence[NamedFile]) -> None:
        """Add files."""
        for name, content in files:
            (self._folder / name).write_bytes(content)
            self.written += len(content)


@contextmanager
def open_writer(target: Target, tokens: TableMaker | None = None) -> Iterator[FormatWriter]:
    """A writer whose work is whole at ``target.path`` after the context, or has left nothing after an exception.

    Args:
        target: Where it goes, and in which form.
        tokens: Makes the rows of the format ``tokens``.

    Raises:
        InvalidExport: The format is ``tokens``, and nothing makes them.
        NoSpace, StoreNotWritable: The disk is in the way.
    """
    encode = encoder_of(target, tokens)
    if target.format == "atif-dir":
        with whole_folder(target.path) as folder:
            job = HarborJob(folder, target.path)
            yield FormatWriter(target, encode, job)
            job.finish()
    elif target.kind == "folder":
        with whole_folder(target.path) as folder:
            yield FormatWriter(target, encode, FolderTaker(folder))
    else:
        schema = table_of(target, tokens)[0] if target.kind == "table" else None
        with _whole(target) as file, _file_taker(file, target, schema) as taker:
            yield FormatWriter(target, encode, taker)


def stream_writer(out: BinaryIO, format: Format) -> FormatWriter:
    """A writer of lines to an open stream, such as stdout, which stays open."""
    target = Target(Path("-"), format, "lines", None)
    return FormatWriter(target, encoder_of(target), LineTaker(_cancellable(out)))


@contextmanager
def _file_taker(file: BinaryIO, target: Target, schema: pa.Schema | None) -> Iterator[Taker]:
    if schema is not None:
        with _ended(TableTaker(file, schema)) as taker:
            yield taker
    elif target.compression:
        with _ended(pa.CompressedOutputStream(pa.PythonFile(file, "w"), target.compression)) as out:
            yield LineTaker(out)
    else:
        yield LineTaker(file)


def _whole(target: Target) -> AbstractContextManager[BinaryIO]:
    if target.store is None:
        return whole_file(target.path)
    return whole_object(open_bucket(target.store), target.path.name)


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
