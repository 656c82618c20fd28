"""Where the bytes of a file come from: the disk, or memory for small files, so that an old commit stays readable."""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

READ_BYTES = 1024 * 1024


class ContentGone(Exception):
    """A pinned commit's file was changed on disk and was too large to be kept in memory."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} was changed on disk: map the other commit to its own folder with add_revision")


@dataclass(frozen=True, slots=True)
class StoredContent:
    """A file's bytes as they were when it was scanned.

    Attributes:
        size: Bytes.
        path: Where they lie on disk; None for content made in memory.
        stamp: Modification time in nanoseconds, to notice a change.
        data: The bytes themselves, where they are kept.
        flips: Offsets whose byte is served with all bits inverted.
    """

    size: int
    path: Path | None = None
    stamp: int = 0
    data: bytes | None = None
    flips: tuple[int, ...] = ()

    @classmethod
    def of(cls, data: bytes) -> "StoredContent":
        """Content that lies in memory."""
        return cls(size=len(data), data=data)

    @property
    def on_disk(self) -> bool:
        """True while the bytes must be read from the disk."""
        return self.path is not None and self.data is None

    def corrupted(self, at: int) -> "StoredContent":
        """The same size, with one byte wrong; a negative `at` counts from the end."""
        return replace(self, flips=(*self.flips, at % self.size)) if self.size else self

    def check(self) -> None:
        """Make sure that the bytes are still there.

        Raises:
            ContentGone: The file on disk is not the one that was scanned.
        """
        if self.path is None:
            return
        try:
            found = self.path.stat()
        except OSError:
            raise ContentGone(self.path) from None
        if (found.st_size, found.st_mtime_ns) != (self.size, self.stamp):
            raise ContentGone(self.path)

    def open(self) -> int | None:
        """A file descriptor to send from, to be closed by the caller; None where the bytes are in memory."""
        if self.path is None or not self.on_disk:
            return None
        return os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def read(self, descriptor: int | None, start: int, stop: int) -> bytes:
        """Bytes from `start` to before `stop`, from the descriptor that `open` gave."""
        if descriptor is None:
            piece = (self.data or b"")[start:stop]
        else:
            os.lseek(descriptor, start, os.SEEK_SET)
            piece = os.read(descriptor, stop - start)
        return self._flip(piece, start)

    def read_all(self) -> bytes:
        """The whole content; for small files."""
        descriptor = self.open()
        try:
            return self.read(descriptor, 0, self.size)
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def digest(self, algorithm: str, prefix: bytes = b"") -> str:
        """Hash of `prefix` and the content, in hex."""
        digest = hashlib.new(algorithm, prefix, usedforsecurity=False)
        if self.path is None or not self.on_disk:
            digest.update(self.data or b"")
            return digest.hexdigest()
        with self.path.open("rb") as file:
            while piece := file.read(READ_BYTES):
                digest.update(piece)
        return digest.hexdigest()

    def _flip(self, piece: bytes, start: int) -> bytes:
        wrong = [at - start for at in self.flips if start <= at < start + len(piece)]
        if not wrong:
            return piece
        changed = bytearray(piece)
        for at in wrong:
            changed[at] ^= 0xFF
        return bytes(changed)


def git_sha1(kind: str, data: bytes) -> str:
    """Id of a git object held in memory; `kind` is ``blob``, ``tree`` or ``commit``."""
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()
