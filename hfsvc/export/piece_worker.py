"""A worker of an export: it reads a piece and encodes it, into a file from which the export's own process takes it.

Everything here blocks.
"""

import pickle
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from hfsvc.errors import BadRow
from hfsvc.export.encoders import encoder_of
from hfsvc.export.formats import Target
from hfsvc.export.single_calls import with_one_call
from hfsvc.files.small_writes import create_file
from hfsvc.models import ReadOptions, TrajectoryRow
from hfsvc.trajectories.batch_mapper import map_kept
from hfsvc.trajectories.columns.row_chunks import RowChunks
from hfsvc.trajectories.divided_reading import ReadingPiece
from hfsvc.trajectories.piece_reader import KeptFile, read_piece

_kept = KeptFile()


class PieceJob(NamedTuple):
    """A piece of an export.

    Attributes:
        piece: What to read.
        options: How.
        target: Where all of it goes, and in which form.
        one_call: Whether steps of several calls become steps of one call each.
        chunk_bytes: As for `RowChunks`.
        limit: Most rows.
        result: The file to write.
    """

    piece: ReadingPiece
    options: ReadOptions
    target: Target
    one_call: bool
    chunk_bytes: int
    limit: int | None
    result: str

    def __str__(self) -> str:
        return str(self.piece)


class EncodedChunk(NamedTuple):
    """Rows that are written at once.

    Attributes:
        rows: How many.
        seen: How many rows of the reading lie behind with them.
        bad: Bad rows since the last chunk, each with how many rows lie behind with it.
        content: What their format's writer takes; None where there are no rows.
    """

    rows: int
    seen: int
    bad: list[tuple[BadRow, int]]
    content: Any


class PieceResult(NamedTuple):
    """What came of a piece.

    Attributes:
        rows: How many were encoded.
        failure: The bad row that ended it, where bad rows do.
    """

    rows: int
    failure: BadRow | None


def encode_piece(job: PieceJob) -> PieceResult:
    """Write the chunks of a piece into the file of its result; `read_chunks` reads it.

    Raises:
        HfsvcError: As `read_piece`.
        OSError: The file cannot be written.
    """
    encode = encoder_of(job.target)
    rows, failure = 0, None
    with create_file(Path(job.result)) as file:
        for chunk, seen, bad in _chunks(job):
            if bad and job.options.on_bad_row == "raise":
                failure, bad = bad[0][0], []
            prepared = [*map(with_one_call, chunk)] if job.one_call else chunk
            encoded = EncodedChunk(len(chunk), seen, bad, encode(prepared) if chunk else None)
            pickle.dump(encoded, file, pickle.HIGHEST_PROTOCOL)
            rows += len(chunk)
    return PieceResult(rows, failure)


def read_chunks(file: BinaryIO) -> Iterator[EncodedChunk]:
    """The chunks of a piece, in order."""
    while True:
        try:
            yield pickle.load(file)
        except EOFError:
            return


def _chunks(job: PieceJob) -> Iterator[tuple[list[TrajectoryRow], int, list[tuple[BadRow, int]]]]:
    chunks, bad, rows, seen = RowChunks(job.chunk_bytes), list[tuple[BadRow, int]](), 0, job.piece.before
    # The export's own process knows the cursors.
    mapper = map_kept(job.options, lambda _: "")
    found = read_piece(job.piece, mapper, _kept)
    with closing(found):
        for place, value in found:
            if job.limit is not None and rows >= job.limit:
                break
            if isinstance(value, BadRow):
                bad.append((value, place + 1))
                if job.options.on_bad_row == "raise":
                    break
                continue
            rows, seen = rows + 1, place + 1
            if chunk := chunks.add(value):
                yield chunk, seen, bad
                bad = []
    rest = chunks.rest()
    if rest or bad:
        yield rest, seen, bad
