"""Where a file's bytes gather before it is verified: on disk with a journal, or in memory when it is small.

Both kinds have the same verbs. What blocks is called from a worker thread. A finished part is a whole file in the parts
folder, verified and synced, ready to be renamed.
"""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from hfsvc.files.checksum import BLOCK_BYTES, Hasher, checksum_of, kind_of, make_hasher
from hfsvc.models import ByteRange
from hfsvc.transfer.journal import Extent, digest_of, extent_line
from hfsvc.transfer.part_paths import Places
from hfsvc.transfer.ranges import Landed

SMALL_FILE_BYTES = 1 << 20
Finished = tuple[str, Path | None]
"""The checksum of a complete part, and the whole file; None where the checksum is another one than wanted."""


class Part(Protocol):
    """A file in the making.

    Attributes:
        in_memory: Whether `write` only copies bytes, so that it needs no worker thread.
        landed: What is there. Read it on the event loop only.
    """

    in_memory: bool
    landed: Landed

    @property
    def hashed(self) -> int:
        """Bytes from the start on that `advance` has taken in."""
        ...

    def write(self, offset: int, data: Sequence[bytes]) -> ByteRange:
        """Put bytes at `offset`, and give the range they fill. Blocks."""
        ...

    def advance(self, stop: int) -> None:
        """Hash what has landed from the start up to `stop`, so that `finish` has less left to do. Blocks."""
        ...

    def sync(self) -> None:
        """Let the disk catch up with what has landed, so that `finish` has less to wait for. Blocks."""
        ...

    def finish(self) -> Finished:
        """Hash the complete content; when it is right, make it a whole, synced file in the parts folder. Blocks.

        Gives the checksum found, and the file; None where the checksum is another one than wanted.
        """
        ...

    def reset(self) -> None:
        """Forget all content. Blocks."""
        ...

    def close(self) -> None:
        """Let go of the disk; what has landed stays for a later run. May be called twice."""
        ...


class MemoryPart:
    """A small file, gathered in memory: no journal, since a rerun fetches it in one request anyway."""

    in_memory = True

    def __init__(self, places: Places, size: int, checksum: str) -> None:
        self.landed = Landed()
        self._whole = places.whole
        self._checksum = checksum
        self._content = bytearray(size)

    @property
    def hashed(self) -> int:
        return self.landed.prefix

    def write(self, offset: int, data: Sequence[bytes]) -> ByteRange:
        content = b"".join(data)
        self._content[offset : offset + len(content)] = content
        return ByteRange(start=offset, stop=offset + len(content))

    def advance(self, stop: int) -> None:
        """Nothing to gain: hashing a small file takes no time."""

    def sync(self) -> None:
        """Nothing to gain: nothing is on disk yet."""

    def finish(self) -> Finished:
        found = checksum_of(kind_of(self._checksum), bytes(self._content))
        if found != self._checksum:
            return found, None
        scratch = self._whole.with_suffix(".scratch")
        with scratch.open("wb") as file:
            file.write(self._content)
            file.flush()
            os.fsync(file.fileno())
        return found, scratch.replace(self._whole)

    def reset(self) -> None:
        self.landed = Landed()

    def close(self) -> None:
        self._content = bytearray()


class DiskPart:
    """A large file: a sparse part file of its full size, and a journal that a later run reads.

    The journal stays when the file is done: the digest of each of its ranges tells later which ones are damaged.

    Args:
        places: In the parts folder, which exists.
        size: Bytes of the whole file.
        checksum: What the whole must have.
        on_block: Called in the worker thread before every block that is read back; what it raises ends the reading.
    """

    in_memory = False

    def __init__(self, places: Places, size: int, checksum: str, on_block: Callable[[], None]) -> None:
        self.landed = Landed()
        self.hashed = 0
        self._places = places
        self._size = size
        self._checksum = checksum
        self._on_block = on_block
        self._hasher: Hasher = make_hasher(kind_of(checksum), size)
        self._file = -1
        self._log = -1
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        self._file = os.open(self._places.part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        extents = self._intact(self._places.read_journal(self._size))
        os.ftruncate(self._file, self._size)
        self._log = self._places.write_journal(self._size, extents)
        self.landed = Landed(extent.span for extent in extents)

    def _intact(self, extents: list[Extent]) -> list[Extent]:
        # After a power loss the journal may be ahead of the data.
        intact = []
        for each in extents:
            self._on_block()
            if digest_of([os.pread(self._file, each.span.length, each.start)]) == each.digest:
                intact.append(each)
        return intact

    def write(self, offset: int, data: Sequence[bytes]) -> ByteRange:
        length = sum(len(chunk) for chunk in data)
        self._pwrite(offset, data, length)
        os.write(self._log, extent_line(Extent(offset, offset + length, digest_of(data))))
        return ByteRange(start=offset, stop=offset + length)

    def _pwrite(self, offset: int, data: Sequence[bytes], length: int) -> None:
        written = os.pwritev(self._file, data, offset)
        # A disk that fills up takes a part of it first.
        rest = memoryview(b"".join(data))[written:] if written < length else memoryview(b"")
        while rest:
            offset += written
            written = os.pwrite(self._file, rest, offset)
            rest = rest[written:]

    def advance(self, stop: int) -> None:
        while self.hashed < stop:
            self._on_block()
            block = os.pread(self._file, min(BLOCK_BYTES, stop - self.hashed), self.hashed)
            if not block:
                raise OSError(errno.EIO, f"{self._places.part} ends before what was written to it")
            self._hasher.update(block)
            self.hashed += len(block)

    def sync(self) -> None:
        # macOS has only the stronger one.
        getattr(os, "fdatasync", os.fsync)(self._file)

    def finish(self) -> Finished:
        self.advance(self._size)
        found = f"{kind_of(self._checksum)}:{self._hasher.hexdigest()}"
        if found != self._checksum:
            return found, None
        os.fsync(self._file)
        self.close()
        # The whole first: killed in between, the next run adopts it.
        whole = self._places.part.replace(self._places.whole)
        self._places.keep_digests(self._checksum, self._size)
        return found, whole

    def reset(self) -> None:
        self.close()
        self._places.journal.unlink(missing_ok=True)
        self._hasher, self.hashed = make_hasher(kind_of(self._checksum), self._size), 0
        self._open()

    def close(self) -> None:
        for descriptor in (self._file, self._log):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._log = -1


def open_part(places: Places, size: int, checksum: str, on_block: Callable[[], None]) -> Part:
    """A file's part, with what an earlier run left of it. Blocks for a large file; `on_block` may end it by raising."""
    if is_small(size):
        return MemoryPart(places, size, checksum)
    return DiskPart(places, size, checksum, on_block)


def is_small(size: int) -> bool:
    """Whether a file of `size` bytes gathers in memory."""
    return size <= SMALL_FILE_BYTES
