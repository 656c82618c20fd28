"""The index behind the search for duplicates: two digests of every row, written to a sidecar once for each file.

Everything here blocks: call it from a worker thread.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_128_digest

from hfsvc.atif import Step, Trajectory
from hfsvc.trajectories.batch_mapper import layout_columns
from hfsvc.trajectories.data_file import DataFile, OpenFile
from hfsvc.trajectories.index.row_cache import reblocked
from hfsvc.trajectories.index.sidecars import Sidecars, short_digest
from hfsvc.trajectories.index.summary_index import ShareWork
from hfsvc.trajectories.layouts.base import Layout
from hfsvc.trajectories.layouts.conversation import Conversation, Message, Unreadable
from hfsvc.trajectories.styles.roles import kind_of

if TYPE_CHECKING:
    from array import array

Sameness = Literal["exact", "messages"]
WIDTH = 16
BLOCK_ROWS = 2048
SCHEMA = pa.schema([("exact", pa.binary(WIDTH)), ("messages", pa.binary(WIDTH))])


class DigestIndex:
    """The digests of a dataset's rows, in row order; null for a row that is bad, or has no user message.

    Args:
        files: Its files.
        open_file: Opens one of them.
        sidecars: Where digests are written down.
        variant: Stands for how rows are read.
        share: As for `SummaryIndex`.
    """

    def __init__(
        self,
        files: Sequence[DataFile],
        open_file: OpenFile,
        sidecars: Sidecars,
        variant: str,
        share: ShareWork | None = None,
    ) -> None:
        self._share = share
        self._files = files
        self._open_file = open_file
        self._sidecars = sidecars
        self._variant = short_digest(variant, *SCHEMA.names)

    def blocks(self, name: Sameness) -> Iterator[tuple[int, pa.Array]]:
        """One of the digests of all rows, each array with the number of its first row."""
        for file in self._files:
            row = file.first
            for block in self._file_blocks(file, name):
                yield row, block.column(name)
                row += block.num_rows

    def _file_blocks(self, file: DataFile, column: str) -> Iterator[pa.RecordBatch]:
        name = self._name(file)
        if not self._sidecars.has(name):
            self._make_missing(file)
        done = 0
        with self._sidecars.open(name, [SCHEMA.get_field_index(column)]) as stored:
            for index in range(stored.count if stored else 0):
                block = stored.block(index) if stored else pa.record_batch([])
                yield block
                done += block.num_rows
        if done < file.stop - file.first:
            for block in self._made(file):
                if done <= 0:
                    yield block
                done -= block.num_rows

    def _name(self, file: DataFile) -> str:
        return f"{file.content}.{self._variant}.digests"

    def _make_missing(self, file: DataFile) -> None:
        share, self._share = self._share, None
        if share:
            missing = [each for each in self._files if not self._sidecars.has(self._name(each))]
            share(missing, layout_columns, digests_of, self._write)
        if not self._sidecars.has(self._name(file)):
            self._sidecars.write(self._name(file), SCHEMA, self._made(file))

    def _write(self, file: DataFile, batches: Iterable[tuple[int, pa.RecordBatch]]) -> None:
        self._sidecars.write(self._name(file), SCHEMA, reblocked(batches, BLOCK_ROWS))

    def _made(self, file: DataFile) -> Iterator[pa.RecordBatch]:
        with self._open_file(file) as rows:
            found = ((row, digests_of(batch, file.layout)) for row, batch in rows.batches(file.layout.columns, 0))
            yield from reblocked(found, BLOCK_ROWS)


def digests_of(batch: pa.RecordBatch, layout: Layout) -> pa.RecordBatch:
    """The digests of a batch with the layout's columns, as a batch of `SCHEMA`. Pure."""
    whole: list[bytes | None] = []
    asked: list[bytes | None] = []
    for found in layout.conversations(batch):
        said = [] if isinstance(found, Unreadable) else _said(found)
        first = next((each for each in said if each[0] == "user"), None)
        whole.append(_digest(said) if said else None)
        asked.append(_digest(first) if first else None)
    return pa.record_batch([pa.array(whole, pa.binary(WIDTH)), pa.array(asked, pa.binary(WIDTH))], schema=SCHEMA)


def _digest(value: object) -> bytes:
    return xxh3_128_digest(msgspec.json.encode(value))


def _said(found: Conversation | Trajectory) -> list[tuple[Any, ...]]:
    return list(map(_message, found.messages) if isinstance(found, Conversation) else map(_step, found.steps))


def _message(message: Message) -> tuple[Any, ...]:
    return kind_of(message.role), message.content, sorted(message.fields.items())


def _step(step: Step) -> tuple[Any, ...]:
    return step.source, step.message, step.reasoning_content, step.tool_calls, step.observation


def repeated(digests: bytearray, ranks: "array[float] | None", rows: "array[int]") -> Iterator[int]:
    """The rows that have the digest of another one with a higher rank, or with the same and a lower number. Pure.

    Args:
        digests: `WIDTH` bytes a row.
        ranks: One a row; None where all are equal.
        rows: Their numbers, rising.
    """
    # Neither of them is copied, and sorts of Arrow leave equal ones in their order.
    held = pa.FixedSizeBinaryArray.from_buffers(pa.binary(WIDTH), len(rows), [None, pa.py_buffer(digests)])
    columns = {"digest": held}
    if ranks is not None:
        columns["rank"] = pa.Array.from_buffers(pa.float64(), len(rows), [None, pa.py_buffer(ranks)])
    keys = [("digest", "ascending"), ("rank", "descending")][: len(columns)]
    order = pc.call_function("sort_indices", [pa.table(columns)], pc.SortOptions(keys))
    known: bytes | None = None
    for index in memoryview(order.buffers()[1] or b"").cast("Q")[: len(rows)]:
        digest = bytes(digests[index * WIDTH : (index + 1) * WIDTH])
        if digest == known:
            yield rows[index]
        known = digest
