"""Sidecars: files beside the data that make single rows and lists quick, of Arrow's own format, in small blocks.

They hold nothing that the data does not, and may be lost at any time. Their names begin with a digest of the content that
they were made of, so that one of other content is never taken, and they end with checksums, so that a damaged one is not.
Everything here blocks: call it from a worker thread.
"""

import hashlib
import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from hfsvc.aio.per_process import PerProcess
from hfsvc.disk import make_folder
from hfsvc.errors import HfsvcError
from hfsvc.files.atomic import replacement
from hfsvc.models import DownloadedDataset
from hfsvc.store.directories import rows_folder
from hfsvc.trajectories.index.checksummed import ChecksumFailed, ChecksummedFile, append_checksums

logger = logging.getLogger(__name__)
# Files, each with a block of its own in memory.
KEPT_OPEN = 16


def short_digest(*texts: str) -> str:
    """Stands for some texts in a name."""
    return hashlib.blake2b("\n".join(texts).encode(), digest_size=4).hexdigest()


class Sidecars:
    """The sidecars of one dataset: written whole, read block by block, removed with what they were made of.

    Args:
        repo: Whose.
        folder: Where they lie; None for nowhere, so that there are none.
    """

    def __init__(self, repo: str, folder: Path | None) -> None:
        self.folder = folder
        self._repo = repo
        self._idle = PerProcess(_IdleSidecars)

    def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        # A folder that must not be looked into has none, as far as readers are concerned.
        with suppress(OSError):
            return self.folder is not None and (self.folder / name).exists()
        return False

    def write(self, name: str, schema: pa.Schema, blocks: Iterable[pa.RecordBatch]) -> None:
        """Write blocks; readers see all of them or nothing. Where the disk refuses, there is nothing."""
        if self.folder is None:
            return
        try:
            make_folder(self.folder)
            _write(self.folder / name, schema, blocks)
        except (HfsvcError, OSError) as error:
            # They are a convenience: without them, rows are read as they lie.
            logger.warning("rows of %s are read slowly: %s", self._repo, error)

    @contextmanager
    def open(self, name: str, columns: Iterable[int] | None = None) -> "Iterator[Sidecar | None]":
        """One to read single blocks of; None where there is none that can be read.

        A block that turns out to be damaged ends the ``with`` block that it is read in, without an error: who reads takes
        the rest from the data.

        Args:
            name: Its name.
            columns: Only these of its columns, by number.
        """
        found = self._opened(name, None if columns is None else (*columns,))
        if found is None:
            yield None
            return
        key, sidecar = found
        try:
            yield sidecar
        except ChecksumFailed as error:
            sidecar.close()
            self._discard(name, error)
        finally:
            if not sidecar.closed:
                self._idle().put(key, sidecar)

    def _opened(self, name: str, columns: tuple[int, ...] | None) -> "tuple[_Key, Sidecar] | None":
        if self.folder is None:
            return None
        try:
            path = self.folder / name
            status = path.stat()
            key = _Key(path, columns, status.st_ino, status.st_size, status.st_mtime_ns)
            return key, self._idle().pop(key) or Sidecar(path, columns)
        except ChecksumFailed as error:
            self._discard(name, error)
        except OSError:
            pass
        return None

    def _discard(self, name: str, error: ChecksumFailed) -> None:
        # Written anew the next time.
        logger.warning("what was written down of rows of %s is removed: %s", self._repo, error)
        with suppress(OSError):
            if self.folder is not None:
                (self.folder / name).unlink(missing_ok=True)

    def prune(self, contents: Iterable[str]) -> None:
        """Remove those that were made of other content than this."""
        wanted = set(contents)
        with suppress(OSError):
            for path in self.folder.iterdir() if self.folder else ():
                # One that is being written has a dot before its name.
                if path.name.lstrip(".").partition(".")[0] not in wanted:
                    path.unlink(missing_ok=True)


def sidecars_of(dataset: DownloadedDataset) -> Path | None:
    """Where the sidecars of a dataset lie: in the store that holds it. One that lies in none has none."""
    parts = dataset.repo.split("/")
    folder = dataset.local_path
    if folder.parts[-len(parts) :] != tuple(parts):
        return None
    return rows_folder(folder.parents[len(parts) - 1], dataset.repo)


def _write(path: Path, schema: pa.Schema, blocks: Iterable[pa.RecordBatch]) -> None:
    with replacement(path) as scratch:
        with pa.OSFile(str(scratch), "wb") as file:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            with pa.ipc.new_file(file, schema, options=options) as writer:
                for block in blocks:
                    writer.write_batch(block)
        append_checksums(scratch)


class Sidecar:
    """An open sidecar, read block by block. The last block is kept: it is likely to be asked for again.

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
        """Close the file."""
        self._file.close()


class _Key(NamedTuple):
    """Which file is open: its path, the columns as for `Sidecar`, and what the disk says of it."""

    path: Path
    columns: tuple[int, ...] | None
    inode: int
    size: int
    modified_ns: int


class _IdleSidecars:
    """The last few open sidecars that nobody reads right now: opening one costs more than reading a block of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[tuple[_Key, Sidecar]] = []

    def pop(self, key: _Key) -> Sidecar | None:
        """One for the caller alone, where there is one."""
        with self._lock:
            found = next((index for index, (known, _) in enumerate(self._kept) if known == key), None)
            return None if found is None else self._kept.pop(found)[1]

    def put(self, key: _Key, sidecar: Sidecar) -> None:
        """Keep one for the next who asks."""
        with self._lock:
            self._kept.append((key, sidecar))
            old = self._kept[:-KEPT_OPEN]
            del self._kept[:-KEPT_OPEN]
        for _, each in old:
            each.close()
