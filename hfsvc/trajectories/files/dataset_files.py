"""The files of one commit of a dataset, to be read in worker threads: in a folder here, or where each byte must be fetched."""

import hashlib
import io
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa

from hfsvc.models import DownloadedDataset
from hfsvc.models.file_kinds import result_file

REMOTE_LOGGER = "hfsvc.remote.notes"
"""The name of the logger that tells what reading remotely is going to cost."""

Span = tuple[int, int]
"""Bytes of a file: the first one, and the one after the last."""


class Fetching(Protocol):
    """Bytes that are fetched beside what a thread does; whoever reads them meanwhile waits for them."""

    def close(self) -> None:
        """Fetch no more of them; when this returns, nothing is under way. May be called twice."""
        ...


class RangeAccess(Protocol):
    """How ranges of a file are read that is not here: each costs a request, and what moves.

    Attributes:
        room: Bytes that may be held at once, of all files.
    """

    @property
    def room(self) -> int: ...

    def read(self, spans: Sequence[Span]) -> list[bytes]:
        """The bytes of each range; those that lie near each other are fetched together, the others side by side."""
        ...

    def hold(self, spans: Sequence[Span]) -> None:
        """Fetch ranges, and hold them until others are to be held: `read` gives them without asking."""
        ...

    def begin(self, spans: Sequence[Span]) -> Fetching:
        """Fetch ranges beside the caller."""
        ...

    def forget(self) -> None:
        """Hold nothing of the file any more: what came was wrong."""
        ...


class OpenedFile(Protocol):
    """A file of a dataset that is open for reading.

    Attributes:
        size: Bytes.
        identity: Tells it from other files, and from what it was before somebody wrote into it.
        ranges: How to read it where its bytes are not here; None where they are.
    """

    @property
    def size(self) -> int: ...

    @property
    def identity(self) -> tuple[int | str, ...]: ...

    @property
    def ranges(self) -> RangeAccess | None: ...

    def stream(self) -> BinaryIO:
        """Its bytes from the first on, unbuffered. Closing that leaves the file open; there is one at a time."""
        ...

    def seekable(self) -> Any:
        """What pyarrow's reader of parquet takes for it."""
        ...

    def arrow(self) -> pa.NativeFile:
        """Its bytes for Arrow, at the first of them."""
        ...


class PortableFiles(Protocol):
    """Some files of a dataset, for whoever reads them elsewhere. Can be pickled."""

    def open(self) -> "AbstractContextManager[DatasetFiles]":
        """The files, to be read by any thread of this process for as long as the context lasts. Blocks."""
        ...


class DatasetFiles(Protocol):
    """The files of one commit of a dataset.

    Attributes:
        repo: The dataset, for errors.
        is_remote: Whether they are fetched as they are read.
        is_verified: Whether they were hashed when they came.
    """

    @property
    def repo(self) -> str: ...

    @property
    def is_remote(self) -> bool: ...

    @property
    def is_verified(self) -> bool: ...

    def open(self, path: str) -> AbstractContextManager[OpenedFile]:
        """A file.

        Raises:
            FileNotFoundError: It is gone; here or at the first byte that is read.
        """
        ...

    def read(self, path: str) -> bytes:
        """The whole content of a small file.

        Raises:
            FileNotFoundError: There is none.
        """
        ...

    def content(self, path: str) -> str | None:
        """Stands for what a file holds; None where it is gone. What stands of a run beside its document belongs to it."""
        ...

    def prepare(self, paths: Sequence[str]) -> Iterable[str]:
        """The paths of files that are opened next, in order: what that needs of several may be fetched together."""
        ...

    def portable(self, paths: Collection[str]) -> PortableFiles | None:
        """Some of them, to be read elsewhere; None where whoever sees the dataset's folder reads them there."""
        ...


class LocalFile:
    """A file on disk. It is opened when its bytes are first asked for.

    Args:
        path: Of it.
    """

    ranges = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: io.FileIO | None = None

    def _opened(self) -> io.FileIO:
        if self._file is None:
            self._file = io.FileIO(self._path)
        return self._file

    @property
    def size(self) -> int:
        return os.fstat(self._opened().fileno()).st_size

    @property
    def identity(self) -> tuple[int | str, ...]:
        status = os.fstat(self._opened().fileno())
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def stream(self) -> BinaryIO:
        file = self._opened()
        file.seek(0)
        # Whoever reads it to its end closes it, and this file is read again.
        return io.FileIO(file.fileno(), closefd=False)

    def seekable(self) -> Path:
        return self._path

    def arrow(self) -> pa.NativeFile:
        return pa.BufferReader(self._mapped)

    @cached_property
    def _mapped(self) -> pa.Buffer:
        with pa.memory_map(str(self._path)) as mapped:
            return mapped.read_buffer()

    def close(self) -> None:
        """Let go of it."""
        if self._file:
            self._file.close()


class FolderFiles:
    """`DatasetFiles` in a folder.

    Args:
        folder: Holds them.
        repo: The dataset.
        checksums: What each was verified against, where it was.
    """

    is_remote = False
    is_verified = True

    def __init__(self, folder: Path, repo: str, checksums: Mapping[str, str] | None = None) -> None:
        self.repo = repo
        self._folder = folder
        self._checksums = checksums or {}

    @contextmanager
    def open(self, path: str) -> Iterator[LocalFile]:
        opened = LocalFile(self._folder / path)
        try:
            yield opened
        finally:
            opened.close()

    def read(self, path: str) -> bytes:
        return (self._folder / path).read_bytes()

    def content(self, path: str) -> str | None:
        return content_digest(path, self._known)

    def _known(self, path: str) -> str | None:
        try:
            status = (self._folder / path).stat()
        except OSError:
            return None
        return f"{self._checksums.get(path)} {status.st_size} {status.st_mtime_ns}"

    def prepare(self, paths: Sequence[str]) -> Sequence[str]:
        return paths

    def portable(self, paths: Collection[str]) -> None:
        """As `DatasetFiles.portable`: they lie in the folder."""


def folder_files(dataset: DownloadedDataset) -> FolderFiles:
    """The files of a dataset that is on disk."""
    return FolderFiles(dataset.local_path, dataset.repo, dataset.checksums)


def content_digest(path: str, known_of: Callable[[str], str | None]) -> str | None:
    """Stands for what a file holds, and for the result of a run that stands beside it.

    Args:
        path: Of the file.
        known_of: What is known of a file that tells its content from others; None where it is gone.
    """
    known = known_of(path)
    if known is None:
        return None
    beside = result_file(path)
    known += f" {result}" if beside and (result := known_of(beside)) else ""
    return hashlib.blake2b(known.encode(), digest_size=10).hexdigest()
