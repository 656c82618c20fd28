"""A guard for files that are written to while they are read: their rows are refused. Everything here blocks: call it from a worker thread."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from hfsvc.errors import BadParquet
from hfsvc.trajectories.files.base import RowFile, RowGroup, RowPicker
from hfsvc.trajectories.files.dataset_files import OpenedFile


class UnmodifiedRowFile:
    """An open file of rows, of which nothing is given out once it has been written to.

    One that is replaced by another file stays what it is.

    Args:
        rows: The file.
        file: The same one.
        name: For errors.
    """

    def __init__(self, rows: RowFile, file: OpenedFile, name: str) -> None:
        self._rows = rows
        self._file = file
        self._name = name
        self._before = file.identity

    @property
    def schema(self) -> pa.Schema:
        return self._rows.schema

    @property
    def rows(self) -> int:
        return self._rows.rows

    @property
    def leaves(self) -> list[str]:
        return self._rows.leaves

    @property
    def groups(self) -> tuple[RowGroup, ...]:
        return self._rows.groups

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """As `RowFile.batches`.

        Raises:
            BadParquet: The file has been written to since it was opened.
        """
        return self._guarded(self._rows.batches(columns, start))

    def few(self, columns: list[str], runs: Sequence[tuple[int, int]]) -> Iterator[tuple[int, pa.RecordBatch]] | None:
        """As `RowPicker.few`.

        Raises:
            BadParquet: As for `batches`.
        """
        found = self._rows.few(columns, runs) if isinstance(self._rows, RowPicker) else None
        return found and self._guarded(found)

    def _guarded(self, batches: Iterator[tuple[int, pa.RecordBatch]]) -> Iterator[tuple[int, pa.RecordBatch]]:
        for row, batch in batches:
            if self._file.identity != self._before:
                raise BadParquet(file=self._name, reason="it was written to while it was read")
            yield row, batch
