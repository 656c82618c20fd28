"""Answers of the storage of chunks: of which terms a file is made, as checked values. Pure.

Source: the public specification of Xet, answers of both versions as observed in 2026. What is said of a file's terms is
the same in both; where their bytes lie is not asked here. Everything in an answer is checked before it is used.
"""

import re
from typing import Annotated, Final, NamedTuple

import msgspec

from hfsvc.errors import NotAHub

MOST_TERMS: Final = 50_000
# A xorb holds 8,192 chunks today.
MOST_CHUNKS: Final = 1 << 20
MOST_CHUNK_BYTES: Final = 128 << 10
_HASH = re.compile(r"[0-9a-f]{64}")


class ContentTerm(NamedTuple):
    """A stretch of a file: chunks `start` to before `stop` of one xorb, which are `length` bytes together.

    The same chunk of the same xorb is the same bytes for ever.
    """

    xorb: str
    start: int
    stop: int
    length: int


class Chunk(NamedTuple):
    """One chunk where it stands in a file: bytes `start` to before `stop`."""

    xorb: str
    number: int
    start: int
    stop: int


Number = Annotated[int, msgspec.Meta(ge=0, le=MOST_CHUNKS)]
# A term is at most as many chunks as a xorb has.
Length = Annotated[int, msgspec.Meta(ge=1, le=MOST_CHUNKS * MOST_CHUNK_BYTES)]


class _ChunkNumbers(msgspec.Struct, frozen=True):
    start: Number
    end: Number


class _Term(msgspec.Struct, frozen=True):
    hash: str
    unpacked_length: Length
    range: _ChunkNumbers


class _Terms(msgspec.Struct, frozen=True):
    """What both versions say alike; where the chunks lie is left out unread."""

    terms: Annotated[list[_Term], msgspec.Meta(max_length=MOST_TERMS)]
    offset_into_first_range: Annotated[int, msgspec.Meta(ge=0)] = 0


class Reconstruction(NamedTuple):
    """The terms of a range of a file; `skipped` bytes of the first of them lie before the range."""

    terms: list[ContentTerm]
    skipped: int


_decoder = msgspec.json.Decoder(_Terms)


def decode_terms(body: bytes, url: str) -> Reconstruction:
    """The terms in an answer.

    Raises:
        NotAHub: It is none, or says what cannot be.
    """
    try:
        found = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotAHub(url=url, reason=f"it sent no terms ({error})") from None
    terms = [ContentTerm(each.hash, each.range.start, each.range.end, each.unpacked_length) for each in found.terms]
    if not all(map(_can_be, terms)):
        raise NotAHub(url=url, reason="it sent a term that cannot be")
    if found.offset_into_first_range and (not terms or found.offset_into_first_range >= terms[0].length):
        raise NotAHub(url=url, reason="its range begins behind its first term")
    return Reconstruction(terms, found.offset_into_first_range)


def _can_be(term: ContentTerm) -> bool:
    chunks = term.stop - term.start
    return chunks > 0 and chunks <= term.length <= chunks * MOST_CHUNK_BYTES and bool(_HASH.fullmatch(term.xorb))


def only_chunk(found: Reconstruction, position: int, url: str) -> Chunk:
    """The chunk that holds the byte at `position`, from the answer to a question for that byte alone.

    Raises:
        NotAHub: The answer holds something else.
    """
    if len(found.terms) != 1 or found.terms[0].stop - found.terms[0].start != 1:
        raise NotAHub(url=url, reason="it sent more than the chunk of one byte")
    (term,), start = found.terms, position - found.skipped
    if start < 0:
        raise NotAHub(url=url, reason="its chunk begins before the file")
    return Chunk(term.xorb, term.start, start, start + term.length)
