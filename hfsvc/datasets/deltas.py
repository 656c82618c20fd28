"""What a new version of a file shares with old ones, by the chunks that each is made of: what is copied, what is fetched. Pure.

Where a shared run of chunks begins or ends inside a term, its place has to be asked for: `SharedChunks` knows which places
are worth a question, and which bytes to ask about.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from hfsvc.datasets.shared_runs import Doubtful, PlacedTerm, SharedRun, find_shared_runs, place_terms
from hfsvc.hub.reconstruction import Chunk, ContentTerm
from hfsvc.models import ByteRange, CopiedRange

# A request costs as much as so many bytes.
SMALLEST_GAP: Final = 1 << 20
MOST_FETCHED_RANGES: Final = 64
LEAST_SAVED: Final = 0.25


class Question(NamedTuple):
    """A byte to ask about: which chunk holds it.

    Attributes:
        file: The old version; empty for the new one.
        position: Of the byte in it.
        about: The term that holds it.
    """

    file: str
    position: int
    about: PlacedTerm


class SharedChunks:
    """The chunks that a new version of a file shares with old ones, and how much is known of where they stand.

    Args:
        old: By file, terms of versions on disk, in order.
        new: Terms of the new version, in order.
    """

    def __init__(self, old: Mapping[str, Sequence[ContentTerm]], new: Sequence[ContentTerm]) -> None:
        self._old_sizes = {file: sum(each.length for each in terms) for file, terms in old.items()}
        self._new_size = sum(each.length for each in new)
        placed = [each for file, terms in old.items() for each in place_terms(terms, file)]
        self._runs = list(find_shared_runs(placed, list(place_terms(new))))
        self._runs_at: dict[tuple[int, int], list[SharedRun]] = {}
        for run in self._runs:
            for side, chunk in run.missing():
                self._runs_at.setdefault((id(side), chunk), []).append(run)
        self._open = {id(run): run for run in self._runs}
        self._settle(self._runs)

    def _settle(self, runs: Sequence[SharedRun]) -> None:
        """Settle what can be, and what follows from that."""
        waiting = list(runs)
        while waiting:
            run = waiting.pop()
            missing = run.missing()
            if id(run) in self._open and run.settle():
                del self._open[id(run)]
                for place in missing:
                    waiting += self._runs_waiting_for(*place)

    def _runs_waiting_for(self, side: PlacedTerm, chunk: int) -> list[SharedRun]:
        # Once each: nothing that the storage says makes this take longer than there are runs.
        return self._runs_at.pop((id(side), chunk), [])

    def learn(self, question: Question, found: Chunk) -> None:
        """Take an answer.

        Raises:
            Doubtful: It contradicts what is known.
        """
        if not found.start <= question.position < found.stop:
            raise Doubtful("another chunk was told than was asked for")
        question.about.learn(found)
        for chunk in (found.number, found.number + 1):
            self._settle(self._runs_waiting_for(question.about, chunk))

    def questions(self, most: int) -> list[Question]:
        """What to ask next, the most useful first; none where no answer would change much."""
        hoped = worthwhile(self._hoped(), self._new_size)
        if not self._open or not self._is_much(hoped):
            return []
        useful = {(each.start, each.stop) for each in hoped}
        runs = sorted((run for run in self._open.values() if _hope(run) in useful), key=_hoped_length, reverse=True)
        questions: dict[tuple[int, int], Question] = {}
        for run in runs:
            side, chunk = run.missing()[0]
            before, behind = side.around(chunk)
            # One question a gap: its answer tells where to ask next.
            position = min(side.guess(chunk), side.places[behind] - 1)
            questions.setdefault((id(side), before), Question(side.file, position, side))
            if len(questions) == most:
                break
        return list(questions.values())

    def _hoped(self) -> list[CopiedRange]:
        hopes = sorted(map(_hope, self._runs))
        return [CopiedRange(start=start, stop=stop, source=0, donor="") for start, stop in hopes if start < stop]

    @property
    def hoped_bytes(self) -> int:
        """About how many bytes of the new version the old ones have."""
        return sum(map(_hoped_length, self._runs))

    def _is_much(self, copies: Sequence[CopiedRange]) -> bool:
        return bool(copies) and sum(each.length for each in copies) >= LEAST_SAVED * self._new_size

    def copies(self) -> list[CopiedRange]:
        """What is copied: as much as is known, without what is not worth a range of its own; none where it is too little.

        Raises:
            Doubtful: It reaches beyond its version.
        """
        settled = (_copy(run) for run in self._runs if id(run) not in self._open)
        copies = _joined(sorted(settled, key=lambda each: each.start))
        for each in copies:
            end = each.source + each.length
            if not (each.source >= 0 and end <= self._old_sizes[each.donor] and each.stop <= self._new_size):
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


def _hope(run: SharedRun) -> tuple[int, int]:
    return run.new.guess(run.start), run.new.guess(run.stop)


def _hoped_length(run: SharedRun) -> int:
    start, stop = _hope(run)
    return stop - start


def _copy(run: SharedRun) -> CopiedRange:
    start, stop = run.new.places[run.start], run.new.places[run.stop]
    return CopiedRange(start=start, stop=stop, source=run.old.places[run.start], donor=run.old.file)


def _joined(copies: Sequence[CopiedRange]) -> list[CopiedRange]:
    """Copies in order, those joined that follow on each other on both sides."""
    joined: list[CopiedRange] = []
    for each in copies:
        if joined and _follows(joined[-1], each):
            joined[-1] = msgspec.structs.replace(joined[-1], stop=each.stop)
        else:
            joined.append(each)
    return joined


def _follows(before: CopiedRange, each: CopiedRange) -> bool:
    touches = before.stop == each.start and before.source + before.length == each.source
    return touches and before.donor == each.donor
