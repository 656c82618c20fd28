"""A guard for files whose bytes come over a network and are not hashed: what is wrong with them is told as that."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa

from hfsvc.errors import BadParquet
from hfsvc.trajectories.files.base import RowFile, RowGroup, RowPicker, bad_parquet, damage_hint
from hfsvc.trajectories.files.dataset_files import RangeAccess
from hfsvc.trajectories.files.pages.base import MalformedPages


class FetchedRowFile:
    """An open file of rows. Bytes that turn out to be damaged are not held: who reads again has them fetched again.

    Args:
        rows: The file.
        ranges: The access to its bytes.
        name: For errors, like the next one.
        repo: The dataset.
        is_verified: As `DatasetFiles.is_verified`.
    """

    def __init__(
        self, rows: RowFile, ranges: RangeAccess | None, name: str, repo: str, *, is_verified: bool = False
    ) -> None:
        self._is_verified = is_verified
        self._rows = rows
        self._ranges = ranges
        self._name = name
        self._repo = repo

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
            BadParquet: What came is damaged.
        """
        return self._guarded(self._rows.batches(columns, start))

    def few(self, columns: list[str], runs: Sequence[tuple[int, int]]) -> Iterator[tuple[int, pa.RecordBatch]] | None:
        """As `RowPicker.few`.

        Raises:
            BadParquet: As for `batches`.
        """
        with self._telling():
            found = self._rows.few(columns, runs) if isinstance(self._rows, RowPicker) else None
        return found and self._guarded(found)

    def _guarded(self, batches: Iterator[tuple[int, pa.RecordBatch]]) -> Iterator[tuple[int, pa.RecordBatch]]:
        with self._telling():
            yield from batches

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, MalformedPages) as error:
            raise self._told(bad_parquet(self._name, error)) from error
        except BadParquet as error:
            raise self._told(error) from error.__cause__

    def _told(self, error: Exception) -> Exception:
        if isinstance(error, BadParquet):
            error.hint = error.hint or damage_hint(self._repo, is_verified=self._is_verified)
        if self._ranges:
            self._ranges.forget()
        return error
