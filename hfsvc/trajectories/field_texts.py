"""What every row of a dataset has in a field of its summary, or in a column of its own, as texts.

Everything here blocks: call it from a worker thread.
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from hfsvc.models import SUMMARY_FIELDS
from hfsvc.trajectories.data_file import DataFile, OpenFile
from hfsvc.trajectories.files.arrow_values import written_texts
from hfsvc.trajectories.index.summary_index import SummaryIndex


class FieldTexts:
    """The texts of fields and columns, in row order; null where a row has none.

    Args:
        files: Of the dataset.
        open_file: Opens one of them.
        index: Of summaries; a field of theirs goes before a column of the same name.
    """

    def __init__(self, files: Sequence[DataFile], open_file: OpenFile, index: SummaryIndex) -> None:
        self._files = files
        self._open_file = open_file
        self._index = index

    @property
    def names(self) -> tuple[str, ...]:
        """All fields and columns that there are."""
        columns = (name for file in self._files for name in file.schema.names)
        return tuple(dict.fromkeys((*SUMMARY_FIELDS, *columns)))

    def blocks(self, name: str) -> Iterator[tuple[int, pa.Array]]:
        """One of them, each array with the number of its first row."""
        if name in SUMMARY_FIELDS:
            yield from ((first, block.column(name)) for first, block in self._index.blocks(name))
            return
        for file in self._files:
            if name in file.schema.names:
                yield from self._column(file, name)
            else:
                yield file.first, pa.nulls(file.stop - file.first, pa.large_string())

    def _column(self, file: DataFile, name: str) -> Iterator[tuple[int, pa.Array]]:
        with self._open_file(file) as rows:
            for row, batch in rows.batches([name], 0):
                yield file.first + row, pa.array(written_texts(batch.column(name)), pa.large_string())

    def is_empty(self, name: str) -> bool:
        """Whether no row has one."""
        return all(texts.null_count == len(texts) for _, texts in self.blocks(name))
