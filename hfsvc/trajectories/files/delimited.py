"""Tables in text, CSV and TSV, as record batches of texts. Everything here blocks: call it from a worker thread.

The first row names the columns. An empty cell is null.
"""

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from itertools import islice

import pyarrow as pa

from hfsvc.errors import BadParquet
from hfsvc.models.file_kinds import stem_of
from hfsvc.trajectories.files.base import BATCH_BYTES, MAX_BATCH_ROWS, RowGroup, with_unreadable
from hfsvc.trajectories.files.dataset_files import OpenedFile
from hfsvc.trajectories.files.found_before import FoundBefore
from hfsvc.trajectories.files.json_documents import decompressed

# The library's own limit is that of a cell in a spreadsheet; a cell with a whole conversation is longer.
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))

_scans: FoundBefore[tuple[list[str], int]] = FoundBefore()


class DelimitedRowFile:
    """An open table in text. A pass over it counts its rows.

    Args:
        file: Stays open.
        name: Its ending tells the delimiter; also for errors.

    Raises:
        BadParquet: It is damaged, or no table.
    """

    def __init__(self, file: OpenedFile, name: str) -> None:
        self._file = file
        self._name = name
        self._delimiter = "\t" if name[len(stem_of(name)) :].lower().startswith(".tsv") else ","
        self._header, self.rows = _scans.find((*file.identity, self._delimiter), self._scan)
        self.schema: pa.Schema = pa.schema([(name, pa.large_string()) for name in self._header])

    def _scan(self) -> tuple[list[str], int]:
        """The header, and how many rows follow it."""
        lines = self._lines()
        return next(lines, []), sum(1 for _ in lines)

    @property
    def leaves(self) -> list[str]:
        return [*self.schema.names]

    @property
    def groups(self) -> tuple[RowGroup, ...]:
        return (RowGroup(0, self.rows, self._file.size),) if self.rows else ()

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        for group in _grouped(islice(self._lines(), start + 1, None)):
            yield start, self._batch(group, columns)
            start += len(group)

    def _batch(self, rows: Sequence[list[str]], columns: Sequence[str]) -> pa.RecordBatch:
        wrong = {
            index: f"it has {len(row)} cells, and the header {len(self._header)}"
            for index, row in enumerate(rows)
            if len(row) != len(self._header)
        }
        names = [*columns] or self._header[:1]
        arrays = [_texts([_cell(row, self._header.index(name)) for row in rows]) for name in names]
        return with_unreadable(pa.RecordBatch.from_arrays(arrays, names=names), wrong)

    def _lines(self) -> Iterator[list[str]]:
        try:
            with decompressed(self._file.stream()) as raw:
                text = io.TextIOWrapper(raw, "utf-8-sig", errors="surrogateescape", newline="")
                yield from (row for row in csv.reader(text, delimiter=self._delimiter) if row)
        except (csv.Error, OSError, EOFError) as error:
            raise BadParquet(file=self._name, reason=str(error)) from error


def _grouped(rows: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    group: list[list[str]] = []
    size = 0
    for row in rows:
        cost = sum(map(len, row))
        if group and (size + cost > BATCH_BYTES or len(group) == MAX_BATCH_ROWS):
            yield group
            group, size = [], 0
        group.append(row)
        size += cost
    if group:
        yield group


def _cell(row: Sequence[str], index: int) -> bytes | None:
    # Bytes that are no UTF-8 come back as they were; whoever reads the text refuses them.
    return row[index].encode(errors="surrogateescape") or None if index < len(row) else None


def _texts(cells: Sequence[bytes | None]) -> pa.Array:
    return pa.array(cells, pa.large_binary()).view(pa.large_string())
