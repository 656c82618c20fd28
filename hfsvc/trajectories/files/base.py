"""What every format of files has in common: record batches, row groups, and rows that could not be read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import pyarrow as pa

from hfsvc.errors import BadParquet, HfsvcError, TooManyOpenFiles, is_out_of_files, typed

BATCH_BYTES = 8 << 20
# Footers tell how large rows are on average and as they are stored: text that repeats counts once there. So few rows are
# read at once, and what turns out too large is cut.
MAX_BATCH_ROWS = 64
# No key of a row has this name.
_UNREADABLE = "(fault)"


class RowGroup(NamedTuple):
    """Rows that can only be decoded from the first one on.

    Attributes:
        first: Number of its first row in the file.
        stop: The row after its last.
        size: Bytes when decoded, going by the file's footer.
    """

    first: int
    stop: int
    size: int


class RowFile(Protocol):
    """An open file of rows. What it does blocks: call it from a worker thread."""

    @property
    def schema(self) -> pa.Schema:
        """Its columns."""
        ...

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        ...

    @property
    def leaves(self) -> list[str]:
        """Paths of its columns as they are stored, down to the fields of structs in lists."""
        ...

    @property
    def groups(self) -> tuple[RowGroup, ...]:
        """Its row groups that hold rows, in order."""
        ...

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Batches from row `start` on, each with the number of its first row in the file.

        A batch holds at most `BATCH_BYTES`, or a single row.
        """
        ...


@runtime_checkable
class RowPicker(Protocol):
    """A file of rows that gives few of a row group without decoding what lies before them."""

    def few(self, columns: list[str], runs: Sequence[tuple[int, int]]) -> Iterator[tuple[int, pa.RecordBatch]] | None:
        """These rows and no others, in batches that hold at most `BATCH_BYTES`, or a single row.

        Args:
            columns: As for `RowFile.batches`.
            runs: Of one row group, in rising order: each run's first row in the file, and the one after its last.

        Returns:
            Each batch with the number of its first row; None where going through the group is as quick.
        """
        ...


def bad_parquet(file: str, error: Exception, repo: str | None = None) -> HfsvcError:
    """What is said of a file that cannot be read; the first line of the error's words.

    Args:
        file: Its path in the dataset.
        error: What reading it raised.
        repo: The dataset, which may be verified.
    """
    if is_out_of_files(error):
        return TooManyOpenFiles(where=file)
    reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return BadParquet(file=file, reason=reason, hint=damage_hint(repo) if repo else None)


def damage_hint(repo: str, *, is_verified: bool = True) -> str:
    """What to do about a file that may be damaged, here or on its way here."""
    if not is_verified:
        return f"What is read remotely is not hashed: hfsvc download {typed(repo)} brings it verified."
    return f"Whether it is what the Hub has, says hfsvc verify {typed(repo)}; with --repair it is fetched again."


def small_pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The rows of a batch in batches of at most `BATCH_BYTES`, or a single row; none of an empty one."""
    if batch.num_rows <= 1 or batch.nbytes <= BATCH_BYTES:
        yield from [batch] if batch.num_rows else []
        return
    half = batch.num_rows // 2
    yield from small_pieces(batch.slice(0, half))
    yield from small_pieces(batch.slice(half))


def with_unreadable(batch: pa.RecordBatch, reasons: Mapping[int, str]) -> pa.RecordBatch:
    """The batch, some of whose rows stand for something that could not be read. Pure.

    Every batch of a file gets the column, so that all have the same columns.

    Args:
        batch: Those rows hold nulls.
        reasons: By row of the batch: what is wrong, as the end of a sentence.
    """
    noted = pa.array([reasons.get(row) for row in range(batch.num_rows)], pa.string())
    return batch.append_column(_UNREADABLE, noted)


def unreadable_rows(batch: pa.RecordBatch) -> dict[int, str]:
    """What `with_unreadable` noted, for any slice of that batch. Pure."""
    if _UNREADABLE not in batch.schema.names:
        return {}
    reasons = batch.column(_UNREADABLE).to_pylist()
    return {row: reason for row, reason in enumerate(reasons) if reason is not None}
