"""What two versions of a file share, by the chunks that each is made of: what is copied, what is fetched. Pure.

A term says which chunks stand in a stretch of a file and how many bytes they are together, not where each of them begins.
Where a shared run of chunks begins or ends inside a term, its place has to be asked for: `SharedChunks` knows which places
are worth a question, and which bytes to ask about.
"""

import re
from bisect import bisect_right, insort
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from hfsvc.hub.reconstruction import Chunk, ContentTerm
from hfsvc.models import ByteRange, CopiedRange

# A request costs as much as so many bytes.
SMALLEST_GAP: Final = 1 << 20
MOST_FETCHED_RANGES: Final = 64
LEAST_SAVED: Final = 0.25
_NUMBERS = re.compile(r"[0-9]+")


class Doubtful(Exception):
    """What was told of two files contradicts itself: nothing of it is used."""


class PlacedTerm:
    """A term where it stands in a file, and the places of its chunks that are known.

    Attributes:
        term: The term.
        places: ``{chunk: where it begins in the file}``; one past the last chunk, too.
    """

    def __init__(self, term: ContentTerm, position: int) -> None:
        self.term = term
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
    """Chunks `start` to before `stop` of one xorb that stand in a term of each version.

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

    def missing(self) -> tuple[PlacedTerm, int]:
        """A side and a chunk whose place is not known. Any one of them settles the run."""
        places = ((side, chunk) for side in (self.old, self.new) for chunk in (self.start, self.stop))
        return next((side, chunk) for side, chunk in places if chunk not in side.places)


class Question(NamedTuple):
    """A byte to ask about: which chunk holds it."""

    of_new: bool
    position: int
    about: PlacedTerm


class SharedChunks:
    """The chunks that two versions of a file share, and how much is known of where they stand.

    Args:
        old: Terms of the version on disk, in order.
        new: Terms of the new version, in order.
    """

    def __init__(self, old: Sequence[ContentTerm], new: Sequence[ContentTerm]) -> None:
        self._old_size = sum(each.length for each in old)
        self._new_size = sum(each.length for each in new)
        self._runs = list(_shared_runs(list(_placed(old)), list(_placed(new))))
        self._runs_of: dict[int, list[SharedRun]] = {}
        for run in self._runs:
            for side in (run.old, run.new):
                self._runs_of.setdefault(id(side), []).append(run)
        self._open = {id(run): run for run in self._runs}
        self._settle(self._runs)

    def _settle(self, runs: Sequence[SharedRun]) -> None:
        """Settle what can be, and what follows from that."""
        waiting = list(runs)
        while waiting:
            run = waiting.pop()
            if id(run) in self._open and run.settle():
                del self._open[id(run)]
                waiting += self._runs_of[id(run.old)] + self._runs_of[id(run.new)]

    def learn(self, question: Question, found: Chunk) -> None:
        """Take an answer.

        Raises:
            Doubtful: It contradicts what is known.
        """
        if not found.start <= question.position < found.stop:
            raise Doubtful("another chunk was told than was asked for")
        question.about.learn(found)
        self._settle(self._runs_of[id(question.about)])

    def questions(self, most: int) -> list[Question]:
        """What to ask next, the most useful first; none where no answer would change much."""
        hoped = worthwhile(self._hoped(), self._new_size)
        if not self._open or not self._is_much(hoped):
            return []
        useful = {(each.start, each.stop) for each in hoped}
        runs = sorted((run for run in self._open.values() if _hope(run) in useful), key=_hoped_length, reverse=True)
        questions: dict[tuple[int, int], Question] = {}
        for run in runs:
            side, chunk = run.missing()
            before, behind = side.around(chunk)
            # One question a gap: its answer tells where to ask next.
            position = min(side.guess(chunk), side.places[behind] - 1)
            questions.setdefault((id(side), before), Question(side is run.new, position, side))
            if len(questions) == most:
                break
        return list(questions.values())

    def _hoped(self) -> list[CopiedRange]:
        hopes = sorted(map(_hope, self._runs))
        return [CopiedRange(start=start, stop=stop, source=0) for start, stop in hopes if start < stop]

    def _is_much(self, copies: Sequence[CopiedRange]) -> bool:
        return bool(copies) and sum(each.length for each in copies) >= LEAST_SAVED * self._new_size

    def copies(self) -> list[CopiedRange]:
        """What is copied: as much as is known, without what is not worth a range of its own; none where it is too little.

        Raises:
            Doubtful: It reaches beyond either version.
        """
        settled = (_copy(run) for run in self._runs if id(run) not in self._open)
        copies = _joined(sorted(settled, key=lambda each: each.start))
        for each in copies:
            if not (each.source >= 0 and each.source + each.length <= self._old_size and each.stop <= self._new_size):
                raise Doubtful("chunks reach beyond their file")
        if any(before.stop > behind.start for before, behind in pairwise(copies)):
            raise Doubtful("chunks overlap")
        chosen = worthwhile(copies, self._new_size)
        return chosen if self._is_much(chosen) else []


def worthwhile(copies: Sequence[CopiedRange], size: int) -> list[CopiedRange]:
    """Of ranges that could be copied, those for which the rest is fetched in few ranges that are not close together."""
    fetched = [*_close_together(_between(copies, size), SMALLEST_GAP)]
    if len(fetched) > MOST_FETCHED_RANGES:
        between = sorted(behind.start - before.stop for before, behind in pairwise(fetched))
        fetched = [*_close_together(fetched, between[len(fetched) - MOST_FETCHED_RANGES - 1] + 1)]
    return [*_outside(copies, fetched)]


def _between(ranges: Sequence[ByteRange], size: int) -> list[ByteRange]:
    """What is left of a file between ranges in order."""
    edges = [(0, 0), *((each.start, each.stop) for each in ranges), (size, size)]
    between = ((before[1], behind[0]) for before, behind in pairwise(edges))
    return [ByteRange(start=start, stop=stop) for start, stop in between if start < stop]


def _close_together(ranges: Sequence[ByteRange], nearer_than: int) -> Iterator[ByteRange]:
    start: int | None = None
    for each, following in zip(ranges, [*ranges, None][1:], strict=True):
        start = each.start if start is None else start
        if following is None or following.start - each.stop >= nearer_than:
            yield ByteRange(start=start, stop=each.stop)
            start = None


def _outside(copies: Sequence[CopiedRange], fetched: Sequence[ByteRange]) -> Iterator[CopiedRange]:
    """The copies of which nothing is fetched; both in order. Of each copy all is fetched, or nothing."""
    starts = [each.start for each in fetched]
    for each in copies:
        at = bisect_right(starts, each.start) - 1
        if at < 0 or fetched[at].stop <= each.start:
            yield each


def find_donor(path: str, recorded: Collection[str], leaving: Collection[str]) -> str | None:
    """The file on disk of which a file may be a new version; None where there is none.

    Args:
        path: Of the file.
        recorded: Paths of what is on disk.
        leaving: Those of them that the new commit does not have: shards get other numbers when there are more of them.
    """
    if path in recorded:
        return path
    alike = [each for each in leaving if _NUMBERS.sub("", each) == _NUMBERS.sub("", path)]
    return min(alike, key=lambda each: _apart(each, path), default=None)


def _apart(path: str, other: str) -> list[int]:
    return [abs(int(left) - int(right)) for left, right in zip(*map(_NUMBERS.findall, (path, other)), strict=False)]


def _placed(terms: Sequence[ContentTerm]) -> Iterator[PlacedTerm]:
    position = 0
    for each in terms:
        yield PlacedTerm(each, position)
        position += each.length


def _shared_runs(old: Sequence[PlacedTerm], new: Sequence[PlacedTerm]) -> Iterator[SharedRun]:
    """For every term of the new version the runs of its chunks that the old one has: few, long ones."""
    by_xorb: dict[str, list[PlacedTerm]] = {}
    for each in sorted(old, key=lambda each: (each.term.start, -each.term.stop)):
        known = by_xorb.setdefault(each.term.xorb, [])
        # What lies within an earlier one adds nothing.
        if not known or each.term.stop > known[-1].term.stop:
            known.append(each)
    starts = {xorb: [each.term.start for each in known] for xorb, known in by_xorb.items()}
    for each in new:
        if each.term.xorb in by_xorb:
            yield from _covering(each, by_xorb[each.term.xorb], starts[each.term.xorb])


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


def _hope(run: SharedRun) -> tuple[int, int]:
    return run.new.guess(run.start), run.new.guess(run.stop)


def _hoped_length(run: SharedRun) -> int:
    start, stop = _hope(run)
    return stop - start


def _copy(run: SharedRun) -> CopiedRange:
    start, stop = run.new.places[run.start], run.new.places[run.stop]
    return CopiedRange(start=start, stop=stop, source=run.old.places[run.start])


def _joined(copies: Sequence[CopiedRange]) -> list[CopiedRange]:
    """Copies in order, those joined that follow on each other on both sides."""
    joined: list[CopiedRange] = []
    for each in copies:
        if joined and joined[-1].stop == each.start and joined[-1].source + joined[-1].length == each.source:
            joined[-1] = CopiedRange(start=joined[-1].start, stop=each.stop, source=joined[-1].source)
        else:
            joined.append(each)
    return joined
