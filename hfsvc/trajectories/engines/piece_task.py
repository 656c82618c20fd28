"""Tasks that read a dataset's rows as record batches: what another engine gives to each of its workers."""

import logging
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import pyarrow as pa

from hfsvc.errors import BadRow
from hfsvc.models import ReadOptions, RowForm
from hfsvc.trajectories.columns.row_table import RowTable, plan_table
from hfsvc.trajectories.cursor import Reading
from hfsvc.trajectories.divided_reading import ReadingPiece
from hfsvc.trajectories.divided_stream import DividedStream
from hfsvc.trajectories.piece_reader import KeptFile, read_piece

BATCH_ROWS = 512
BATCH_BYTES = 4 << 20
logger = logging.getLogger(__name__)
OnBad = Callable[[BadRow], None]


class PieceTask(NamedTuple):
    """A piece of a reading, as record batches of one schema; can be pickled, and is read in any process.

    Files on a disk it reads under their paths, a remote dataset where it lies, over connections of its own.

    Attributes:
        piece: Its rows, with the files and row groups that hold them, and about how many bytes they are.
        table: What they become.
        reading: That it is a piece of; cursors are made of it.
    """

    piece: ReadingPiece
    table: RowTable
    reading: Reading

    @property
    def schema(self) -> pa.Schema:
        """Of the batches."""
        return self.table.schema

    @property
    def rows(self) -> int:
        """How many rows it reads, bad ones included."""
        return len(self.piece.rows)

    @property
    def size(self) -> int:
        """About how many bytes they are."""
        return self.piece.size

    @property
    def row_groups(self) -> list[tuple[str, range]]:
        """As `ReadingPiece.row_groups`."""
        return self.piece.row_groups

    def narrowed(self, names: Collection[str]) -> "PieceTask":
        """The same with those of its columns alone."""
        return self._replace(table=self.table.narrowed(names))

    def batches(
        self, on_bad: OnBad | None = None, kept: KeptFile | None = None
    ) -> Generator[pa.RecordBatch, None, None]:
        """The rows, in order, in batches of about four megabytes. Blocks, and needs no event loop.

        Args:
            on_bad: Leaves a bad row out, or raises it; None to do so as the source was opened.
            kept: Holds the file that was read last, where the next task goes on in it.

        Raises:
            BadRow: A row is bad, and not to be left out.
            HfsvcError: As `read_piece`.
        """
        own = None if kept else KeptFile()
        try:
            with closing(self._parts(on_bad or self._on_bad, kept or own or KeptFile())) as parts:
                yield from _joined(parts)
        finally:
            if own:
                own.close()

    def _on_bad(self, bad: BadRow) -> None:
        if self.table.options.on_bad_row == "raise":
            raise bad
        logger.warning("skipped: %s", bad.message())

    def _parts(self, on_bad: OnBad, kept: KeptFile) -> Generator[pa.RecordBatch, None, None]:
        with closing(read_piece(self.piece, self.table.mapper(), kept)) as found:
            for place, value in found:
                if isinstance(value, BadRow):
                    on_bad(value)
                elif self.table.cursor_column:
                    after = range(place - value.num_rows + 2, place + 2)
                    yield self.table.with_cursors(value, [self.reading.cursor_after(seen) for seen in after])
                else:
                    yield value


def _joined(parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Small batches as larger ones."""
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for part in parts:
        if held and (rows + part.num_rows > BATCH_ROWS or size + part.nbytes > BATCH_BYTES):
            yield pa.concat_batches(held)
            held, rows, size = [], 0, 0
        held.append(part)
        rows += part.num_rows
        size += part.nbytes
    if held:
        yield pa.concat_batches(held)


def tasks_of(
    stream: DividedStream,
    options: ReadOptions,
    *,
    form: RowForm,
    columns: Sequence[str] | str | None,
    cursor_column: str | None,
    for_one: bool = False,
) -> tuple[pa.Schema, Iterator[PieceTask]]:
    """The schema of what the rows of a stream become, and the tasks that read it, in order, each made when it is asked for.

    With `for_one`, one reader takes them all, one after the other.

    Raises:
        InvalidArgument: As `plan_table`.
    """
    table = plan_table(stream.files, options, form=form, columns=columns, cursor_column=cursor_column)
    # Over a network each piece costs connections, and the whole of a row group that it shares with others.
    pieces = stream.pieces(cut=not (for_one and stream.is_remote))
    return table.schema, (PieceTask(piece, table, stream.reading) for piece in pieces)
