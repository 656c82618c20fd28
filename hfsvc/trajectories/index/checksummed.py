"""Files with a checksum of every page at their end, so that a changed bit is noticed when it is read.

Arrow believes what a file of its own says, down to reading memory that is not there. So nothing reaches it that is not
what was written. Everything here blocks: call it from a worker thread.
"""

import io
import os
from functools import partial
from pathlib import Path

from xxhash import xxh3_64_digest

PAGE_BYTES = 64 << 10
_NUMBER = 8
_DIGEST = 8


class ChecksumFailed(ValueError):
    """What a file holds is not what was written."""


def append_checksums(path: Path) -> None:
    """Append checksums to a file, and have all of it on the disk."""
    with path.open("r+b") as file:
        digests = b"".join(map(xxh3_64_digest, iter(partial(file.read, PAGE_BYTES), b"")))
        table = digests + file.tell().to_bytes(_NUMBER, "little")
        file.write(table + xxh3_64_digest(table))
        file.flush()
        os.fsync(file.fileno())


class ChecksummedFile(io.RawIOBase):
    """What stood in a file before `append_checksums`, page by page as it is asked for, each page checked.

    Args:
        path: Of the file.

    Raises:
        ChecksumFailed: It was never given checksums, is cut, or is not what was written; also from `read`.
        OSError: It cannot be read; also from `read`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._position = 0
        # Arrow reads in small steps: the last page is likely to be asked for again.
        self._last = (-1, b"")
        try:
            self._size, self._digests = self._read_table()
        except BaseException:
            self.close()
            raise

    def _read_table(self) -> tuple[int, bytes]:
        whole = self._file.seek(0, os.SEEK_END)
        end = self._at(max(0, whole - _NUMBER - _DIGEST), _NUMBER + _DIGEST)
        size = int.from_bytes(end[:_NUMBER], "little")
        table_bytes = -(-size // PAGE_BYTES) * _DIGEST + _NUMBER
        if size + table_bytes + _DIGEST != whole:
            raise ChecksumFailed("it has no checksums, or is cut")
        table = self._at(size, table_bytes)
        if xxh3_64_digest(table) != end[_NUMBER:]:
            raise ChecksumFailed("its checksums are damaged")
        return size, table

    def _at(self, offset: int, size: int) -> bytes:
        return os.pread(self._file.fileno(), size, offset)

    def _page(self, index: int) -> bytes:
        known, page = self._last
        if known != index:
            offset = index * PAGE_BYTES
            page = self._at(offset, min(PAGE_BYTES, self._size - offset))
            if xxh3_64_digest(page) != self._digests[index * _DIGEST : (index + 1) * _DIGEST]:
                raise ChecksumFailed(f"it is damaged between the bytes {offset} and {offset + PAGE_BYTES}")
            self._last = index, page
        return page

    def read(self, size: int = -1) -> bytes:
        start = self._position
        stop = self._size if size < 0 else min(self._size, start + size)
        if start >= stop:
            return b""
        pages = range(start // PAGE_BYTES, -(-stop // PAGE_BYTES))
        first = pages.start * PAGE_BYTES
        self._position = stop
        return b"".join(map(self._page, pages))[start - first : stop - first]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        # Python closes one whose file could not even be opened, too.
        if hasattr(self, "_file"):
            self._file.close()
        super().close()
