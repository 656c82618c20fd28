"""The body in which a client of Xet tells which terms its uploaded files are made of. Pure.

Source: the public specification of Xet, and bodies of the reference client as observed in 2026.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from hfsvc.testing.localhub.chunk_storage import Term

HEAD_BYTES = 48
RECORD_BYTES = 48
WITH_VERIFICATION = 1 << 31
WITH_METADATA = 1 << 30
_END = b"\xff" * 32


class UploadedFile(NamedTuple):
    """The terms of a file, and its sha256 where the client tells it."""

    terms: list[Term]
    sha256: str | None


def read_shard(body: bytes) -> dict[str, UploadedFile]:
    """The files of a body, by their hashes.

    Raises:
        ValueError: It is none.
    """
    found: dict[str, UploadedFile] = {}
    records = _records(body)
    try:
        while (record := next(records))[:32] != _END:
            found[hash_text(record[:32])] = _file(records, *struct.unpack_from("<II", record, 32))
    except (StopIteration, struct.error):
        raise ValueError("the list of files has no end") from None
    return found


def _file(records: Iterator[bytes], flags: int, count: int) -> UploadedFile:
    terms = [_term(next(records)) for _ in range(count)]
    for _ in range(count if flags & WITH_VERIFICATION else 0):
        next(records)
    sha256 = hash_text(next(records)[:32]) if flags & WITH_METADATA else None
    return UploadedFile(terms, sha256)


def _records(body: bytes) -> Iterator[bytes]:
    for at in range(HEAD_BYTES, len(body), RECORD_BYTES):
        record = body[at : at + RECORD_BYTES]
        if len(record) < RECORD_BYTES:
            return
        yield record


def _term(record: bytes) -> Term:
    _, _, start, stop = struct.unpack_from("<IIII", record, 32)
    return Term(hash_text(record[:32]), start, stop)


def hash_text(raw: bytes) -> str:
    """A hash as it is written: four numbers of 64 bits, little-endian."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", raw))
