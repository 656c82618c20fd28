"""The journal beside a part file: which ranges are in it, so that a later run resumes there.

One header line, then one line a write: ``start stop digest-of-the-data crc-of-this-line``. A line counts only when it is
whole, so a cut at any byte costs the last line. The data's digest makes the order in which the disk kept part and journal
over a power loss irrelevant: what does not match is fetched again.
"""

import zlib
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import msgspec
import xxhash

from hfsvc.models import ByteRange, Model

VERSION = 1


class Header(Model, frozen=True, kw_only=True):
    """First line of a journal: what the part file is part of. Of another identity or size it is of no use."""

    version: int = VERSION
    identity: str
    size: int


class Extent(NamedTuple):
    """One write: bytes `start` (inclusive) to `stop` (exclusive), and the digest of the data."""

    start: int
    stop: int
    digest: int

    @property
    def span(self) -> ByteRange:
        """The bytes it covers."""
        return ByteRange(start=self.start, stop=self.stop)


def digest_of(data: Iterable[bytes]) -> int:
    """The digest of bytes in pieces: XXH3, 64 bits. It tells damage, not forgery; that is the checksum's part."""
    hasher = xxhash.xxh3_64()
    for piece in data:
        hasher.update(piece)
    return hasher.intdigest()


def header_line(header: Header) -> bytes:
    """First line of a journal."""
    return msgspec.json.encode(header) + b"\n"


def extent_line(extent: Extent) -> bytes:
    """A line to append once the data is written."""
    text = b"%d %d %016x" % extent
    return b"%s %08x\n" % (text, zlib.crc32(text))


def read_journal(content: bytes, wanted: Header) -> list[Extent]:
    """The extents of a journal that belongs to `wanted`; none when it belongs to something else or is no journal.

    Lines that are cut or altered, or reach over the file's end, are left out.
    """
    first, _, rest = content.partition(b"\n")
    try:
        header = msgspec.json.decode(first, type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []
    if header != wanted:
        return []
    extents = (_parse_line(line) for line in rest.split(b"\n"))
    return _without_overlaps(each for each in extents if each and 0 <= each.start < each.stop <= wanted.size)


def _parse_line(line: bytes) -> Extent | None:
    text, _, crc = line.rpartition(b" ")
    if b"%08x" % zlib.crc32(text) != crc:
        return None
    try:
        start, stop, digest = text.split(b" ")
        return Extent(int(start), int(stop), int(digest, 16))
    except ValueError:
        return None


def _without_overlaps(extents: Iterable[Extent]) -> list[Extent]:
    # A later write over the same bytes makes the earlier digest meaningless.
    found = list(extents)
    ordered = sorted(found)
    if all(left.stop <= right.start for left, right in pairwise(ordered)):
        return ordered
    kept: list[Extent] = []
    for each in found:
        kept = [other for other in kept if other.stop <= each.start or each.stop <= other.start]
        kept.append(each)
    return sorted(kept)
