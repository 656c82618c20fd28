"""Part files: a sparse file of the full size each, and a journal of the ranges that are in it.

Everything here blocks: call it from a worker thread. `hfsvc.transfer.part_folder` makes parts of it.
"""

import errno
import os
from bisect import bisect_left
from collections.abc import Callable, Sequence

from hfsvc.files.checksum import BLOCK_BYTES, Hasher, kind_of, make_hasher
from hfsvc.files.small_writes import by_size
from hfsvc.models import ByteRange
from hfsvc.transfer.journal import Extent, digest_of, extent_line
from hfsvc.transfer.part_paths import PartPaths
from hfsvc.transfer.ranges import RangeSet
from hfsvc.transfer.recent_blocks import FileBlock


def keep_range(paths: PartPaths, size: int, start: int, data: bytes) -> None:
    """Put bytes of a file into its part, without looking at what else is there. Whoever calls holds the dataset's lock.

    Args:
        paths: In the parts folder, which exists.
        size: Bytes of the whole file.
        start: Where the bytes stand in it.
        data: They.
    """
    if not paths.part.exists() or not paths.read_journal(size):
        os.close(paths.write_journal(size, []))
    part = os.open(paths.part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    journal = os.open(paths.journal, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        os.ftruncate(part, size)
        written = 0
        while written < len(data):
            written += os.pwrite(part, memoryview(data)[written:], start + written)
        # A line that was cut must not swallow this one.
        os.write(journal, b"\n" + extent_line(Extent(start, start + len(data), digest_of([data]))))
    finally:
        os.close(part)
        os.close(journal)


class PartFile:
    """A part file that is open, with its journal.

    The journal stays when the file is done: the digest of each of its ranges tells later which ones are damaged.

    Args:
        paths: In the parts folder, which exists.
        size: Bytes of the whole file.
        checksum: What the whole must have.
        on_block: Called before every block that is read back or hashed; what it raises ends that.

    Attributes:
        kept: What an earlier run left, and is intact.
        hashed: Bytes from the start on that were hashed.
    """

    def __init__(self, paths: PartPaths, size: int, checksum: str, on_block: Callable[[], None]) -> None:
        self.hashed = 0
        self._paths = paths
        self._size = size
        self._checksum = checksum
        self._on_block = on_block
        self._hasher: Hasher = make_hasher(kind_of(checksum), size)
        self._file = -1
        self._log = -1
        try:
            self.kept = self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> RangeSet:
        self._file = os.open(self._paths.part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        extents = self._intact(self._paths.read_journal(self._size))
        os.ftruncate(self._file, self._size)
        self._log = self._paths.write_journal(self._size, extents)
        return RangeSet(extent.span for extent in extents)

    def _intact(self, extents: list[Extent]) -> list[Extent]:
        # After a power loss the journal may be ahead of the data.
        intact = []
        for each in extents:
            self._on_block()
            if digest_of([os.pread(self._file, each.span.length, each.start)]) == each.digest:
                intact.append(each)
        return intact

    def write(self, offset: int, data: Sequence[bytes]) -> ByteRange:
        """Put bytes at `offset`, note them in the journal, and give the range they fill."""
        stop = offset
        for pieces in by_size(data):
            stop += self._pwrite(stop, pieces)
        os.write(self._log, extent_line(Extent(offset, stop, digest_of(data))))
        return ByteRange(start=offset, stop=stop)

    def _pwrite(self, offset: int, pieces: Sequence[memoryview]) -> int:
        length = sum(map(len, pieces))
        written = os.pwritev(self._file, pieces, offset)
        # A disk that fills up takes a part of it first.
        rest = memoryview(b"".join(pieces))[written:] if written < length else memoryview(b"")
        while rest:
            offset += written
            written = os.pwrite(self._file, rest, offset)
            rest = rest[written:]
        return length

    def hash(self, blocks: Sequence[FileBlock]) -> None:
        """Hash the blocks that come next in the file, so that `finish` has less left to do."""
        for block in blocks:
            if block.data is None:
                self._hash_from_disk(block.stop)
            else:
                self._on_block()
                for piece in block.data:
                    self._hasher.update(piece)
                self.hashed = block.stop

    def _hash_from_disk(self, stop: int) -> None:
        while self.hashed < stop:
            self._on_block()
            block = os.pread(self._file, min(BLOCK_BYTES, stop - self.hashed), self.hashed)
            if not block:
                raise OSError(errno.EIO, f"{self._paths.part} ends before what was written to it")
            self._hasher.update(block)
            self.hashed += len(block)

    def sync(self) -> None:
        """Let the disk catch up with what was written, so that `finish` has less to wait for."""
        # macOS has only the stronger one.
        getattr(os, "fdatasync", os.fsync)(self._file)

    def finish(self) -> str:
        """The checksum of the complete content; where it is right, a whole, synced file lies at `PartPaths.whole`."""
        self._hash_from_disk(self._size)
        found = f"{kind_of(self._checksum)}:{self._hasher.hexdigest()}"
        if found == self._checksum:
            os.fsync(self._file)
            self.close()
            # The whole first: killed in between, the next run adopts it.
            self._paths.part.replace(self._paths.whole)
            self._paths.keep_digests(self._checksum, self._size)
        return found

    def forget(self, ranges: Sequence[ByteRange]) -> None:
        """Forget the writes that touch these ranges; all others stay."""
        self.close()
        extents = self._paths.read_journal(self._size)
        os.close(self._paths.write_journal(self._size, [each for each in extents if not _touches(each, ranges)]))
        self._hasher, self.hashed = make_hasher(kind_of(self._checksum), self._size), 0
        self.kept = self._open()

    @property
    def is_open(self) -> bool:
        """False once it is finished or closed."""
        return self._file >= 0

    def close(self) -> None:
        """Let go of the disk; what was written stays for a later run. May be called twice."""
        for descriptor in (self._file, self._log):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._log = -1


def _touches(extent: Extent, ranges: Sequence[ByteRange]) -> bool:
    """Whether a write lies in any of the ranges in order, which do not overlap."""
    at = bisect_left(ranges, extent.stop, key=lambda each: each.start)
    return at > 0 and ranges[at - 1].stop > extent.start
