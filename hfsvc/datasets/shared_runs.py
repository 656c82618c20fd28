"""Runs of chunks that versions of a file share, and the places of chunks in either of them. Pure.

A term says which chunks stand in a stretch of a file and how many bytes they are together, not where each of them begins.
"""

from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from hfsvc.hub.reconstruction import Chunk, ContentTerm

MOST_RUNS: Final = 100_000


class Doubtful(Exception):
    """What was told of files contradicts itself: nothing of it is used."""


class PlacedTerm:
    """A term where it stands in a file, and the places of its chunks that are known.

    Attributes:
        term: The term.
        file: The file; empty for the new version.
        places: ``{chunk: where it begins in the file}``; one past the last chunk, too.
    """

    __slots__ = ("_known", "file", "places", "term")

    def __init__(self, term: ContentTerm, position: int, file: str = "") -> None:
        self.term = term
        self.file = file
        self.places = {term.start: position, term.stop: position + term.length}
        self._known = [term.start, term.stop]

    def around(self, chunk: int) -> tuple[int, int]:
        """The known chunks next to one that is not known, before and behind it."""
        at = bisect_right(self._known, chunk)
        return self._known[at - 1], self._known[at]

    def guess(self, chunk: int) -> int:
        """About where a chunk begins."""
        if chunk in self.places:
            return self.places[chunk]
        before, behind = self.around(chunk)
        first, last = self.places[before], self.places[behind]
        return first + (last - first) * (chunk - before) // (behind - before)

    def learn(self, found: Chunk) -> None:
        """Take the place of a chunk.

        Raises:
            Doubtful: It cannot stand there.
        """
        if found.xorb != self.term.xorb or not self.term.start <= found.number < self.term.stop:
            raise Doubtful("another chunk stands there")
        self.put(found.number, found.start)
        self.put(found.number + 1, found.stop)

    def put(self, chunk: int, position: int) -> None:
        """Take the place where a chunk of the term begins, or its last one ends.

        Raises:
            Doubtful: It cannot be there.
        """
        if chunk in self.places:
            if self.places[chunk] != position:
                raise Doubtful("a chunk stands in two places")
            return
        before, behind = self.around(chunk)
        if not self.places[before] < position < self.places[behind]:
            raise Doubtful("chunks stand in another order")
        self.places[chunk] = position
        insort(self._known, chunk)


class SharedRun(NamedTuple):
    """Chunks `start` to before `stop` of one xorb that stand in a term of the new version and in one of an old one.

    Each end of it is an end of one of the two terms, so that its place in one of the versions is known from the start.
    """

    old: PlacedTerm
    new: PlacedTerm
    start: int
    stop: int

    def settle(self) -> bool:
        """Fill in what follows from what is known of either side; True where that gives all places.

        Raises:
            Doubtful: The same chunks have two lengths.
        """
        length = self._length()
        if length is None:
            return False
        for side in (self.old, self.new):
            if self.start in side.places:
                side.put(self.stop, side.places[self.start] + length)
            elif self.stop in side.places:
                side.put(self.start, side.places[self.stop] - length)
            else:
                return False
        return True

    def _length(self) -> int | None:
        for side in (self.old, self.new):
            if self.start in side.places and self.stop in side.places:
                return side.places[self.stop] - side.places[self.start]
        return None

    def missing(self) -> list[tuple[PlacedTerm, int]]:
        """The sides and chunks whose places are not known. Any one of them settles the run."""
        places = ((side, chunk) for side in (self.old, self.new) for chunk in (self.start, self.stop))
        return [(side, chunk) for side, chunk in places if chunk not in side.places]


def place_terms(terms: Sequence[ContentTerm], file: str = "") -> Iterator[PlacedTerm]:
    """The terms of a file, each where it stands."""
    position = 0
    for each in terms:
        yield PlacedTerm(each, position, file)
        position += each.length


def find_shared_runs(old: Sequence[PlacedTerm], new: Sequence[PlacedTerm]) -> Iterator[SharedRun]:
    """For every term of the new version the runs of its chunks that old ones have: few, long ones.

    Raises:
        Doubtful: They are more than files of any sense have.
    """
    by_xorb: dict[str, list[PlacedTerm]] = {}
    for each in sorted(old, key=lambda each: (each.term.start, -each.term.stop)):
        known = by_xorb.setdefault(each.term.xorb, [])
        # What lies within an earlier one adds nothing.
        if not known or each.term.stop > known[-1].term.stop:
            known.append(each)
    count = 0
    starts = {xorb: [each.term.start for each in known] for xorb, known in by_xorb.items()}
    for each in new:
        if each.term.xorb in by_xorb:
            for run in _covering(each, by_xorb[each.term.xorb], starts[each.term.xorb]):
                if (count := count + 1) > MOST_RUNS:
                    raise Doubtful("the versions share too many runs")
                yield run


def _covering(new: PlacedTerm, old: Sequence[PlacedTerm], starts: Sequence[int]) -> Iterator[SharedRun]:
    chunk, stop = new.term.start, new.term.stop
    while chunk < stop:
        at = bisect_right(starts, chunk) - 1
        if at >= 0 and old[at].term.stop > chunk:
            end = min(stop, old[at].term.stop)
            yield SharedRun(old[at], new, chunk, end)
            chunk = end
        elif at + 1 < len(old):
            chunk = starts[at + 1]
        else:
            return
