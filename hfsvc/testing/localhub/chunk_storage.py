"""The storage of chunks behind the loopback Hub: content cut into chunks, each kept once, in xorbs."""

import hashlib
import tempfile
import threading
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import IO, NamedTuple

from hfsvc.testing.localhub.chunker import cut_into_chunks
from hfsvc.testing.localhub.repos import xet_hash_of
from hfsvc.testing.localhub.stored_content import StoredContent

MOST_CHUNKS = 8192
MOST_XORB_BYTES = 64 << 20
HEAD_BYTES = 8
FOOTER_MARK = b"XETBLOB"


class Term(NamedTuple):
    """A stretch of a file: chunks `start` to before `stop` of a xorb."""

    xorb: str
    start: int
    stop: int


class TrimmedTerms(NamedTuple):
    """The part of a file's terms that holds a range: whole chunks; `skipped` bytes of them lie before it."""

    terms: list[Term]
    skipped: int


@dataclass
class Xorb:
    """Chunks one after the other, as they are stored.

    Attributes:
        at: Where it begins in the storage's file.
        stored: Where each chunk ends in it, with heads, from 0 on.
        plain: The same, of the content of chunks.
    """

    at: int
    stored: list[int] = field(default_factory=lambda: [0])
    plain: list[int] = field(default_factory=lambda: [0])

    def add(self, stored: int, plain: int) -> None:
        """One more chunk, of so many bytes."""
        self.stored.append(self.stored[-1] + stored)
        self.plain.append(self.plain[-1] + plain)

    def length(self, term: Term) -> int:
        """Plain bytes of a stretch."""
        return self.plain[term.stop] - self.plain[term.start]


class ChunkStorage:
    """Files as lists of terms, and xorbs that hold the chunks. May be used from any thread; `close` lets go of the disk."""

    def __init__(self) -> None:
        self.xorbs: dict[str, Xorb] = {}
        self.files: dict[str, list[Term]] = {}
        self._places: dict[bytes, tuple[str, int]] = {}
        self._spool: IO[bytes] | None = None
        self._end = 0
        self._lock = threading.Lock()

    def take(self, file_hash: str, content: StoredContent) -> None:
        """Cut a file into chunks, unless it is known, and keep those that no other file has."""
        with self._lock:
            if file_hash not in self.files:
                self.files[file_hash] = self._store(content.read_all())

    def _store(self, data: bytes) -> list[Term]:
        ends = [0, *accumulate(cut_into_chunks(data))]
        chunks = [data[start:stop] for start, stop in pairwise(ends)]
        digests = [hashlib.blake2b(chunk, digest_size=32).digest() for chunk in chunks]
        fresh = {digest: chunk for digest, chunk in zip(digests, chunks, strict=True) if digest not in self._places}
        for group in _groups(list(fresh)):
            name = hashlib.sha256(b"".join(group)).hexdigest()
            self._write(name, b"".join(_head(len(fresh[digest])) + fresh[digest] for digest in group))
            self._places.update({digest: (name, number) for number, digest in enumerate(group)})
        return _runs(self._places[digest] for digest in digests)

    def put_xorb(self, name: str, stored: bytes) -> None:
        """Keep a xorb as a client uploads it.

        Raises:
            ValueError: It is none.
        """
        with self._lock:
            if name not in self.xorbs:
                self._write(name, stored.partition(FOOTER_MARK)[0] if FOOTER_MARK in stored[-4096:] else stored)

    def _write(self, name: str, stored: bytes) -> None:
        xorb, at = Xorb(self._end), 0
        while at < len(stored) and not stored.startswith(FOOTER_MARK, at):
            length = HEAD_BYTES + int.from_bytes(stored[at + 1 : at + 4], "little")
            if stored[at] or at + length > len(stored):
                raise ValueError(name)
            xorb.add(length, int.from_bytes(stored[at + 5 : at + 8], "little"))
            at += length
        self._file().seek(self._end)
        self._file().write(stored[:at])
        self._end += at
        self.xorbs[name] = xorb

    def put_file(self, file_hash: str, terms: Sequence[Term], sha256: str | None) -> None:
        """Keep a file as a client uploads it; a file of a repository with this sha256 is made of the same chunks.

        Raises:
            ValueError: Its chunks are not there.
        """
        with self._lock:
            if any(each.xorb not in self.xorbs or each.stop >= len(self.xorbs[each.xorb].plain) for each in terms):
                raise ValueError(file_hash)
            self.files[file_hash] = list(terms)
            if sha256:
                self.files.setdefault(xet_hash_of(sha256), list(terms))

    def size(self, file_hash: str) -> int:
        """Bytes of a file."""
        return sum(self.xorbs[each.xorb].length(each) for each in self.files[file_hash])

    def cut(self, file_hash: str, start: int, stop: int) -> TrimmedTerms:
        """The terms that hold bytes `start` to before `stop` of a file, trimmed to whole chunks at both ends."""
        found: list[Term] = []
        skipped = position = 0
        for each in self.files[file_hash]:
            xorb = self.xorbs[each.xorb]
            length = xorb.length(each)
            if position < stop and position + length > start:
                origin = position - xorb.plain[each.start]
                first = max(each.start, bisect_right(xorb.plain, start - origin) - 1)
                last = min(each.stop, bisect_right(xorb.plain, stop - 1 - origin))
                if not found:
                    skipped = start - (origin + xorb.plain[first])
                found.append(Term(each.xorb, first, last))
            position += length
        return TrimmedTerms(found, skipped)

    def read(self, xorb: str, start: int, stop: int) -> bytes:
        """Stored bytes of a xorb."""
        with self._lock:
            self._file().seek(self.xorbs[xorb].at + start)
            return self._file().read(stop - start)

    def close(self) -> None:
        """Forget everything that is on the disk."""
        if self._spool is not None:
            self._spool.close()

    def _file(self) -> IO[bytes]:
        if self._spool is None:
            self._spool = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the storage
        return self._spool


def _head(length: int) -> bytes:
    """What stands before a chunk that is not compressed."""
    size = length.to_bytes(3, "little")
    return b"\0" + size + b"\0" + size


def _groups(digests: Sequence[bytes]) -> list[Sequence[bytes]]:
    most = min(MOST_CHUNKS, MOST_XORB_BYTES // (128 << 10))
    return [digests[start : start + most] for start in range(0, len(digests), most)]


def _runs(places: Iterable[tuple[str, int]]) -> list[Term]:
    runs: list[Term] = []
    for xorb, number in places:
        if runs and runs[-1].xorb == xorb and runs[-1].stop == number:
            runs[-1] = runs[-1]._replace(stop=number + 1)
        else:
            runs.append(Term(xorb, number, number + 1))
    return runs
