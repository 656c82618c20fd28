"""Arrow files as record batches, of either form: with a footer, or a bare stream. Everything here blocks: call it from a worker thread.

Source: `datasets` writes streams into its cache and in ``save_to_disk``; others write files.
"""

from collections.abc import Iterator

import pyarrow as pa

from hfsvc.trajectories.files.base import MAX_BATCH_ROWS, RowGroup, small_pieces
from hfsvc.trajectories.files.dataset_files import OpenedFile
from hfsvc.trajectories.files.found_before import FoundBefore

_MAGIC = b"ARROW1"
# The magic, padded to eight bytes: https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format
_HEAD_BYTES = 8
_counts: FoundBefore[int] = FoundBefore()


class ArrowRowFile:
    """An open Arrow file. Where its bytes are mapped into memory, passing over rows costs nothing.

    Args:
        file: Stays open.
    """

    def __init__(self, file: OpenedFile) -> None:
        self._file = file
        self._is_framed = file.arrow().read(len(_MAGIC)) == _MAGIC
        # A stream stands between its head and its footer: where bytes come one after the other, that is read.
        self._has_footer = self._is_framed and file.ranges is None
        self.schema: pa.Schema = self._open().schema
        self.rows = _counts.find(file.identity, lambda: sum(batch.num_rows for batch in self._stored()))

    @property
    def leaves(self) -> list[str]:
        return [*self.schema.names]

    @property
    def groups(self) -> tuple[RowGroup, ...]:
        return (RowGroup(0, self.rows, self._file.size),) if self.rows else ()

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        row = 0
        for batch in self._stored():
            for first in range(max(0, start - row), batch.num_rows, MAX_BATCH_ROWS):
                number = row + first
                for piece in small_pieces(batch.select(columns).slice(first, MAX_BATCH_ROWS)):
                    yield number, piece
                    number += piece.num_rows
            row += batch.num_rows

    def _open(self) -> pa.RecordBatchFileReader | pa.RecordBatchStreamReader:
        source = self._file.arrow()
        if self._is_framed and not self._has_footer:
            source.seek(_HEAD_BYTES)
        return pa.ipc.open_file(source) if self._has_footer else pa.ipc.open_stream(source)

    def _stored(self) -> Iterator[pa.RecordBatch]:
        reader = self._open()
        if self._has_footer:
            return (reader.get_batch(index) for index in range(reader.num_record_batches))
        return iter(reader)
