"""What all that reads parquet by its pages has in common: ranges of a file, how they are read, and files that lie about them."""

from collections.abc import Callable, Sequence
from typing import BinaryIO

Range = tuple[int, int]
"""Bytes of a file: start inclusive, stop exclusive."""
ReadRanges = Callable[[Sequence[Range]], Sequence[bytes]]
"""Gives the bytes of ranges of one file, in their order. It blocks."""


class MalformedPages(ValueError):
    """What a parquet file says of itself cannot be: of its footer, of an index, of a page."""


def read_checked(read_ranges: ReadRanges, ranges: Sequence[Range]) -> Sequence[bytes]:
    """The bytes of ranges, all of them.

    Raises:
        MalformedPages: The file ends before one of them does.
    """
    found = read_ranges(ranges) if ranges else []
    for (start, stop), content in zip(ranges, found, strict=True):
        if len(content) != stop - start:
            raise MalformedPages(f"it ends within the bytes {start} to {stop} that its footer speaks of")
    return found


def local_ranges(file: BinaryIO) -> ReadRanges:
    """Reads ranges of an open file."""

    def read_ranges(ranges: Sequence[Range]) -> list[bytes]:
        found = []
        for start, stop in ranges:
            file.seek(start)
            found.append(file.read(stop - start))
        return found

    return read_ranges


def joined(ranges: Sequence[Range]) -> list[Range]:
    """The same bytes in as few ranges, in rising order; those that touch or overlap become one. Pure."""
    found: list[Range] = []
    for start, stop in sorted(each for each in ranges if each[0] < each[1]):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(stop, found[-1][1])
        else:
            found.append((start, stop))
    return found
