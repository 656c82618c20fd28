"""Sidecars that are open: their blocks, and those of them that wait for the next reader.

Opening one costs more than reading a block of it. Everything here blocks: call it from a worker thread.
"""

import threading
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from hfsvc.trajectories.index.checksummed import ChecksummedFile

# Files, each with a block of its own in memory.
KEPT_OPEN = 16


class Sidecar:
    """The blocks of an open sidecar. The last one that was read is kept: it is likely to be asked for again.

    Args:
        path: Of the file.
        columns: Only these of its columns, by number; None for all.

    Raises:
        ChecksumFailed: It is not what was written.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path, columns: tuple[int, ...] | None) -> None:
        self._file = ChecksummedFile(path)
        try:
            # Blocks are small: waking Arrow's threads takes longer than decoding one.
            options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=None if columns is None else [*columns])
            self._reader = pa.ipc.open_file(self._file, options=options)
        except BaseException:
            self.close()
            raise
        self.schema = self._reader.schema
        self.count = self._reader.num_record_batches
        self._last: tuple[int, pa.RecordBatch | None] = -1, None

    def block(self, index: int) -> pa.RecordBatch:
        """One block.

        Raises:
            ChecksumFailed: It is not what was written.
        """
        known, block = self._last
        if block is None or known != index:
            block = self._reader.get_batch(index)
            self._last = index, block
        return block

    @property
    def closed(self) -> bool:
        """Whether it can be read no more."""
        return self._file.closed

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class Key(NamedTuple):
    """Which file is open: its path, the columns as for `Sidecar`, and what the disk says of it."""

    path: Path
    columns: tuple[int, ...] | None
    inode: int
    size: int
    modified_ns: int


class IdleSidecars:
    """Open sidecars that nobody reads right now; of those the last few."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[tuple[Key, Sidecar]] = []

    def take(self, key: Key) -> Sidecar | None:
        """One for the caller alone, where there is one."""
        with self._lock:
            found = next((index for index, (known, _) in enumerate(self._kept) if known == key), None)
            return None if found is None else self._kept.pop(found)[1]

    def give(self, key: Key, blocks: Sidecar) -> None:
        """Keep one for the next who asks."""
        with self._lock:
            self._kept.append((key, blocks))
            old = self._kept[:-KEPT_OPEN]
            del self._kept[:-KEPT_OPEN]
        for _, each in old:
            each.close()
