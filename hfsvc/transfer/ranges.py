"""Sets of byte ranges: union, gaps, cutting. Pure."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from hfsvc.models import ByteRange


class RangeSet:
    """Bytes of one file that are there: disjoint ranges in order, neighbours joined."""

    def __init__(self, ranges: Iterable[ByteRange] = ()) -> None:
        self._ranges: list[tuple[int, int]] = []
        for each in ranges:
            self.add(each)

    def __iter__(self) -> Iterator[ByteRange]:
        return (ByteRange(start=start, stop=stop) for start, stop in self._ranges)

    @property
    def total(self) -> int:
        """Bytes that are there."""
        return sum(stop - start for start, stop in self._ranges)

    @property
    def prefix(self) -> int:
        """Bytes that are there from the file's first on, without a gap."""
        return self._ranges[0][1] if self._ranges and self._ranges[0][0] == 0 else 0

    def add(self, new: ByteRange) -> None:
        """Put a range in; overlaps are counted once."""
        if new.length <= 0:
            return
        start, stop = new.start, new.stop
        before = [each for each in self._ranges if each[1] < start]
        after = [each for each in self._ranges if each[0] > stop]
        touching = self._ranges[len(before) : len(self._ranges) - len(after)]
        start = min([start, *(each[0] for each in touching)])
        stop = max([stop, *(each[1] for each in touching)])
        self._ranges = [*before, (start, stop), *after]

    def without(self, ranges: Iterable[ByteRange]) -> "RangeSet":
        """What is there, but for these ranges."""
        left = self._ranges
        for out in ranges:
            cut_out = [((start, min(stop, out.start)), (max(start, out.stop), stop)) for start, stop in left]
            left = [(start, stop) for pieces in cut_out for start, stop in pieces if start < stop]
        return RangeSet(ByteRange(start=start, stop=stop) for start, stop in left)

    def gaps(self, size: int) -> list[ByteRange]:
        """What is missing of a file of `size` bytes, in order."""
        edges = [(0, 0), *self._ranges, (size, size)]
        between = ((left[1], right[0]) for left, right in pairwise(edges))
        return [ByteRange(start=start, stop=stop) for start, stop in between if start < stop]


def cut(ranges: Iterable[ByteRange], chunk_bytes: int) -> list[ByteRange]:
    """The same bytes in pieces of at most `chunk_bytes`, in order."""
    return [
        ByteRange(start=start, stop=min(start + chunk_bytes, each.stop))
        for each in ranges
        for start in range(each.start, each.stop, chunk_bytes)
    ]
