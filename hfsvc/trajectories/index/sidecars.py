"""Files beside the data that make single rows and lists quick: Arrow's own file format, in small blocks.

They hold nothing that the data does not, and may be lost at any time. Their names begin with a digest of the content that
they were made of, so that one of other content is never taken, and they are sealed, so that a damaged one is not.
Everything here blocks: call it from a worker thread.
"""

import hashlib
import logging
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa

from hfsvc.disk import make_folder
from hfsvc.errors import HfsvcError
from hfsvc.models import DownloadedDataset
from hfsvc.store.directories import rows_folder
from hfsvc.trajectories.index.blocks import IdleSidecars, Key, Sidecar
from hfsvc.trajectories.index.checksummed import ChecksumFailed, append_checksums

logger = logging.getLogger(__name__)


def short_digest(*texts: str) -> str:
    """Stands for some texts in a name."""
    return hashlib.blake2b("\n".join(texts).encode(), digest_size=4).hexdigest()


class Sidecars:
    """The sidecars of one dataset.

    Args:
        dataset: Whose. One that does not lie in a store of ours has none: nothing is written elsewhere.
    """

    def __init__(self, dataset: DownloadedDataset) -> None:
        root = _root_of(dataset)
        self._folder = None if root is None else rows_folder(root, dataset.repo)
        self._repo = dataset.repo
        self._idle = IdleSidecars()

    def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        # A folder that must not be looked into has none, as far as readers are concerned.
        with suppress(OSError):
            return self._folder is not None and (self._folder / name).exists()
        return False

    def write(self, name: str, schema: pa.Schema, blocks: Iterable[pa.RecordBatch]) -> None:
        """Write blocks; readers see all of them or nothing. Where the disk refuses, there is nothing."""
        if self._folder is None:
            return
        try:
            make_folder(self._folder)
            _write_whole(self._folder / name, schema, blocks)
        except (HfsvcError, OSError) as error:
            # They are a convenience: without them, rows are read as they lie.
            logger.warning("rows of %s are read slowly: %s", self._repo, error)

    @contextmanager
    def open(self, name: str, columns: Iterable[int] | None = None) -> Iterator[Sidecar | None]:
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
        key, blocks = found
        try:
            yield blocks
        except ChecksumFailed as error:
            blocks.close()
            self._discard(name, error)
        finally:
            if not blocks.closed:
                self._idle.give(key, blocks)

    def _opened(self, name: str, columns: tuple[int, ...] | None) -> tuple[Key, Sidecar] | None:
        if self._folder is None:
            return None
        try:
            path = self._folder / name
            status = path.stat()
            key = Key(path, columns, status.st_ino, status.st_size, status.st_mtime_ns)
            return key, self._idle.take(key) or Sidecar(path, columns)
        except ChecksumFailed as error:
            self._discard(name, error)
        except OSError:
            pass
        return None

    def _discard(self, name: str, error: ChecksumFailed) -> None:
        # Written anew the next time.
        logger.warning("what was written down of rows of %s is removed: %s", self._repo, error)
        with suppress(OSError):
            if self._folder is not None:
                (self._folder / name).unlink(missing_ok=True)

    def prune(self, contents: Iterable[str]) -> None:
        """Remove those that were made of other content than this."""
        wanted = set(contents)
        with suppress(OSError):
            for path in self._folder.iterdir() if self._folder else ():
                if path.name.partition(".")[0] not in wanted:
                    path.unlink(missing_ok=True)


def _root_of(dataset: DownloadedDataset) -> Path | None:
    parts = dataset.repo.split("/")
    folder = dataset.local_path
    return folder.parents[len(parts) - 1] if folder.parts[-len(parts) :] == tuple(parts) else None


def _write_whole(path: Path, schema: pa.Schema, blocks: Iterable[pa.RecordBatch]) -> None:
    scratch = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        with pa.OSFile(str(scratch), "wb") as file:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            with pa.ipc.new_file(file, schema, options=options) as writer:
                for block in blocks:
                    writer.write_batch(block)
        # Synced, too, or a crash might leave the name and not the content.
        append_checksums(scratch)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
