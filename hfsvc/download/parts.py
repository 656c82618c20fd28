"""Where a file's bytes gather before it is verified: on disk with a journal, or in memory when it is small.

Both kinds have the same verbs. `write`, `verify` and `seal` block: call them from a worker thread, one `write` per
range at a time. A sealed part is a whole file in the parts folder, verified and synced, ready to be renamed.
"""

import errno
import hashlib
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from hfsvc.checksum import BLOCK_BYTES, Hasher, checksum_file, checksum_of, kind_of, make_hasher
from hfsvc.disk import size_of
from hfsvc.download.journal import Extent, Header, extent_line, header_line, read_journal
from hfsvc.download.ranges import Landed
from hfsvc.models import ByteRange

SMALL_FILE_BYTES = 1 << 20


def part_name(repo: str, commit: str, path: str, checksum: str | None) -> str:
    """The stable name of a file's part: by content where the hash is known, else by place and commit."""
    if checksum:
        return checksum.replace(":", "-")
    place = f"{repo}@{commit}/{path}"
    return f"unhashed-{hashlib.sha256(place.encode()).hexdigest()}"


def whole_path(folder: Path, name: str) -> Path:
    """Where a sealed part lies."""
    return folder / f"{name}.whole"


def journal_path(folder: Path, name: str) -> Path:
    """Where a part's journal lies."""
    return folder / f"{name}.journal"


def part_path(folder: Path, name: str) -> Path:
    """Where a part's bytes lie."""
    return folder / f"{name}.part"


class Part(Protocol):
    """A file in the making.

    Attributes:
        size: Bytes of the whole file.
        landed: What is there. Read it on the event loop only.
    """

    size: int
    landed: Landed

    @property
    def hashed(self) -> int:
        """Bytes from the start on that `advance` has taken in."""
        ...

    def write(self, offset: int, data: Sequence[bytes]) -> ByteRange:
        """Put bytes at `offset`, and give the range they fill. Blocks."""
        ...

    def verify(self, kind: str) -> str:
        """The checksum of the whole content, ``kind:hex``. Blocks; the more has landed before, the less."""
        ...

    def advance(self, stop: int) -> None:
        """Hash what has landed from the start up to `stop`, so that `verify` has less left to do. Blocks."""
        ...

    def seal(self) -> Path:
        """Make the content a whole, synced file in the parts folder. Blocks; the part is closed then."""
        ...

    def reset(self) -> None:
        """Forget all content. Blocks."""
        ...

    def close(self) -> None:
        """Let go of the disk; what has landed stays for a later run. May be called twice."""
        ...


class MemoryPart:
    """A small file, gathered in memory: no journal, since a rerun fetches it in one request anyway."""

    def __init__(self, folder: Path, name: str, size: int) -> None:
        self.size = size
        self.landed = Landed()
        self._whole = whole_path(folder, name)
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

    def verify(self, kind: str) -> str:
        return checksum_of(kind, bytes(self._content))

    def seal(self) -> Path:
        scratch = self._whole.with_suffix(".scratch")
        with scratch.open("wb") as file:
            file.write(self._content)
            file.flush()
            os.fsync(file.fileno())
        return scratch.replace(self._whole)

    def reset(self) -> None:
        self.landed = Landed()

    def close(self) -> None:
        self._content = bytearray()


class DiskPart:
    """A large file: a sparse part file of its full size, and a journal that a later run reads.

    Args:
        folder: The parts folder; exists.
        name: From `part_name`.
        size: Bytes of the whole file.
        kind: Of the checksum it will be verified by.
        on_block: Called before every block that is read back at the start; what it raises ends the opening.
    """

    def __init__(self, folder: Path, name: str, size: int, kind: str, on_block: Callable[[], None]) -> None:
        self.size = size
        self.landed = Landed()
        self._kind = kind
        self._header = Header(identity=name, size=size)
        self._part = part_path(folder, name)
        self._journal = journal_path(folder, name)
        self._whole = whole_path(folder, name)
        self._hasher: Hasher = make_hasher(kind, size)
        self.hashed = 0
        self._file = -1
        self._log = -1
        try:
            self._open(on_block)
        except BaseException:
            self.close()
            raise

    def _open(self, on_block: Callable[[], None]) -> None:
        self._file = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        extents = self._intact(read_journal(_read(self._journal), self._header), on_block)
        os.ftruncate(self._file, self.size)
        # The journal is written anew: a cut line at its end would swallow the next one.
        self._log = os.open(self._journal, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
        os.write(self._log, header_line(self._header) + b"".join(map(extent_line, extents)))
        self.landed = Landed(extent.span for extent in extents)

    def _intact(self, extents: list[Extent], on_block: Callable[[], None]) -> list[Extent]:
        # After a power loss the journal may be ahead of the data.
        intact = []
        for each in extents:
            on_block()
            if zlib.crc32(os.pread(self._file, each.span.length, each.start)) == each.crc:
                intact.append(each)
        return intact

    def write(self, offset: int, data: Sequence[bytes]) -> ByteRange:
        start, crc = offset, 0
        for chunk in data:
            crc = zlib.crc32(chunk, crc)
        self._pwrite(start, data)
        stop = start + sum(len(chunk) for chunk in data)
        os.write(self._log, extent_line(Extent(start, stop, crc)))
        return ByteRange(start=start, stop=stop)

    def _pwrite(self, offset: int, data: Sequence[bytes]) -> None:
        written = os.pwritev(self._file, data, offset)
        # A disk that fills up takes a part of it first.
        rest = memoryview(b"".join(data))[written:] if written < sum(map(len, data)) else memoryview(b"")
        while rest:
            offset += written
            written = os.pwrite(self._file, rest, offset)
            rest = rest[written:]

    def advance(self, stop: int) -> None:
        while self.hashed < stop:
            block = os.pread(self._file, min(BLOCK_BYTES, stop - self.hashed), self.hashed)
            if not block:
                raise OSError(errno.EIO, f"{self._part} ends before what was written to it")
            self._hasher.update(block)
            self.hashed += len(block)

    def verify(self, kind: str) -> str:
        if kind != self._kind:
            self._kind, self._hasher, self.hashed = kind, make_hasher(kind, self.size), 0
        self.advance(self.size)
        return f"{kind}:{self._hasher.hexdigest()}"

    def seal(self) -> Path:
        os.fsync(self._file)
        self.close()
        whole = self._part.replace(self._whole)
        self._journal.unlink(missing_ok=True)
        return whole

    def reset(self) -> None:
        self.close()
        self._journal.unlink(missing_ok=True)
        self._hasher, self.hashed = make_hasher(self._kind, self.size), 0
        self._open(lambda: None)

    def close(self) -> None:
        for descriptor in (self._file, self._log):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._log = -1


def open_part(folder: Path, name: str, size: int, checksum: str | None, on_block: Callable[[], None]) -> Part:
    """A file's part, with what an earlier run left of it. Blocks; `on_block` may end it by raising."""
    if size <= SMALL_FILE_BYTES:
        return MemoryPart(folder, name, size)
    return DiskPart(folder, name, size, kind_of(checksum or "sha256"), on_block)


def adopt_whole(folder: Path, name: str, checksum: str, on_block: Callable[[], None]) -> Path | None:
    """A sealed part that an earlier run could not put in place, when it is still right. Blocks."""
    whole = whole_path(folder, name)
    if not whole.exists():
        return None
    if checksum_file(whole, kind_of(checksum), on_block=on_block) == checksum:
        return whole
    whole.unlink()
    return None


def kept_bytes(folder: Path, name: str, size: int) -> int:
    """How much of a file an earlier run left, by its journal. Blocks."""
    if size_of(whole_path(folder, name)) == size:
        return size
    extents = read_journal(_read(journal_path(folder, name)), Header(identity=name, size=size))
    return Landed(each.span for each in extents).total


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
