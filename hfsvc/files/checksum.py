r"""Content hashes as the Hub lists them: sha256 of LFS and Xet files, git's sha1 of a blob for all others.

Source: git object ids hash ``blob <length>\0`` before the content, so a file's length must be known first.
"""

import hashlib
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Protocol

BLOCK_BYTES = 1 << 20


class Hasher(Protocol):
    """What `hashlib` hands out."""

    def update(self, data: bytes | memoryview, /) -> None: ...

    def hexdigest(self) -> str: ...


def kind_of(checksum: str) -> str:
    """``sha256`` or ``git-sha1``."""
    return checksum.partition(":")[0]


def make_hasher(kind: str, size: int) -> Hasher:
    """A hash over content of `size` bytes, nothing fed yet."""
    if kind == "sha256":
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def checksum_of(kind: str, content: bytes) -> str:
    """The checksum of bytes in memory."""
    hasher = make_hasher(kind, len(content))
    hasher.update(content)
    return f"{kind}:{hasher.hexdigest()}"


def checksum_file(path: Path, kind: str, *, on_block: Callable[[], None]) -> str:
    """The checksum of a file, read in blocks. Blocks: call it from a worker thread.

    Args:
        path: The file.
        kind: ``sha256`` or ``git-sha1``.
        on_block: Called before every block; what it raises ends the reading.
    """
    with path.open("rb", buffering=0) as file:
        hasher = make_hasher(kind, path.stat().st_size)
        for block in read_blocks(file, on_block):
            hasher.update(block)
    return f"{kind}:{hasher.hexdigest()}"


def read_blocks(file: FileIO, on_block: Callable[[], None]) -> Iterator[bytes]:
    """The rest of an open file, block by block."""
    on_block()
    while block := file.read(BLOCK_BYTES):
        yield block
        on_block()
