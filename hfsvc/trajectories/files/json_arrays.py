"""A splitter of JSON arrays into their elements, without parsing them, while the text arrives. Pure."""

import re
from collections.abc import Iterable, Iterator

# Whole steps are passed over in one go; more levels bring nothing.
_NESTING = 4
_OPENING = frozenset(b"[{")
_CLOSING = frozenset(b"]}")
_QUOTE, _COMMA, _END = b'",]'


def _balanced(levels: int) -> bytes:
    """A pattern over masked text that goes over strings, and over brackets nested up to so many levels."""
    brackets = rb"|[{\[]" + _balanced(levels - 1) + rb"[}\]]" if levels else b""
    return rb'(?:[^"{}\[\]]++|"[^"]*+"' + brackets + rb")*+"


_IN_ELEMENT = re.compile(_balanced(_NESTING))
_BETWEEN_ELEMENTS = re.compile(rb'(?:[^",{}\[\]]++|"[^"]*+")*+')


class BrokenArray(ValueError):
    """The text around the elements is no array: it does not end, or goes on after its end."""


def split_array(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The elements of a JSON array in UTF-8, as they stand in it.

    Only quotes, brackets and commas are looked at, so an element may be no JSON at all, or empty. Memory holds one element
    and one block; time grows with the text, however it is cut into blocks.

    Args:
        blocks: The text from its first byte, which is ``[``, in pieces of any size.

    Raises:
        BrokenArray: After the elements that are whole.
    """
    cutter = _Cutter()
    for block in _between_escapes(blocks):
        yield from cutter.feed(block)
    cutter.close()


def _between_escapes(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text in blocks that end in no escape."""
    held = b""
    for block in blocks:
        whole = held + block
        held = b"\\" if (len(whole) - len(whole.rstrip(b"\\"))) % 2 else b""
        if len(whole) > len(held):
            yield whole[: len(whole) - len(held)]


def _mask(block: bytes) -> bytes:
    """The text, as long as before, with quotes only where strings begin and end."""
    return block.replace(b"\\\\", b"__").replace(b'\\"', b"__")


class _Cutter:
    """The state of a splitter: in a string or not, at which depth (1 between elements, 0 after the array)."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._masked = bytearray()
        self._start = 1
        self._at = 1
        self._depth = 1
        self._quoted = False
        self._elements = 0

    def feed(self, block: bytes) -> Iterator[bytes]:
        self._text += block
        self._masked += _mask(block)
        while self._depth and (mark := self._next_mark()) is not None:
            if self._depth > 1:
                self._depth += (mark in _OPENING) - (mark in _CLOSING)
            elif mark == _COMMA:
                yield self._cut()
            elif mark == _END:
                yield from self._last()
            else:
                self._depth += mark in _OPENING
        self._forget()

    def close(self) -> None:
        if self._depth:
            raise BrokenArray(f"the array does not end; {self._elements} of its elements are whole")

    def _next_mark(self) -> int | None:
        """Go to the next byte that counts, and over it; None where the text ends before one."""
        if self._quoted and not self._leave_string():
            return None
        self._at = _end_of(_IN_ELEMENT if self._depth > 1 else _BETWEEN_ELEMENTS, self._masked, self._at)
        if self._at >= len(self._masked):
            return None
        self._at += 1
        mark = self._masked[self._at - 1]
        self._quoted = mark == _QUOTE
        return mark

    def _leave_string(self) -> bool:
        end = self._masked.find(b'"', self._at)
        self._quoted = end < 0
        self._at = len(self._masked) if self._quoted else end + 1
        return not self._quoted

    def _cut(self) -> bytes:
        element = bytes(memoryview(self._text)[self._start : self._at - 1])
        self._start = self._at
        self._elements += 1
        return element

    def _last(self) -> Iterator[bytes]:
        self._depth = 0
        element = self._cut()
        if self._elements > 1 or element.strip():
            yield element

    def _forget(self) -> None:
        if not self._depth and self._text[self._start :].strip():
            raise BrokenArray("there is more text after the end of the array")
        del self._text[: self._start], self._masked[: self._start]
        self._at -= self._start
        self._start = 0


def _end_of(pattern: re.Pattern[bytes], text: bytearray, start: int) -> int:
    # The match is gone when this returns: while it lives, the text cannot grow.
    found = pattern.match(text, start)
    return found.end() if found else start
