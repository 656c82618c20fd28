"""Places in a sequence of rows, as runs of equal steps, and their division among readers. Pure."""

from collections.abc import Iterable, Iterator
from itertools import accumulate, chain

Shard = tuple[int, int]
"""``(i, n)``, ``0 <= i < n``: the i-th of n parts."""


class Positions:
    """Places in a sequence, in the order in which they are read.

    Args:
        ranges: Runs of places; none of them twice.
    """

    def __init__(self, ranges: Iterable[range]) -> None:
        self.ranges = tuple(filter(None, ranges))

    def __len__(self) -> int:
        return sum(map(len, self.ranges))

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.ranges)

    def between(self, first: int, stop: int) -> "Positions":
        """Those from the `first`-th to the one before the `stop`-th."""
        begins = accumulate(map(len, self.ranges), initial=0)
        return Positions(
            run[max(0, first - begin) : max(0, stop - begin)] for run, begin in zip(self.ranges, begins, strict=False)
        )

    def after(self, count: int) -> "Positions":
        """All but the first `count`."""
        return self.between(count, len(self))

    def within(self, window: range) -> "Positions":
        """Those in a stretch."""
        return Positions(run[_before(run, window.start) : _before(run, window.stop)] for run in self.ranges)

    def part(self, shard: Shard, *, stripe: bool) -> "Positions":
        """One of n parts, whose sizes differ by one at most: a stretch, or every n-th place.

        Raises:
            ValueError: It is not ``0 <= i < n``.
        """
        index, parts = shard
        if not 0 <= index < parts:
            raise ValueError(f"shard {index} of {parts}: it must be 0 <= i < n")
        if not stripe:
            return self.between(len(self) * index // parts, len(self) * (index + 1) // parts)
        begins = accumulate(map(len, self.ranges), initial=0)
        return Positions(run[(index - begin) % parts :: parts] for run, begin in zip(self.ranges, begins, strict=False))


def _before(run: range, place: int) -> int:
    """How many places of a run come before a place."""
    return min(len(run), max(0, -((run.start - place) // run.step)))


def joined(parts: Iterable[Positions]) -> Positions:
    """All places of several parts, none of which they share, in few runs."""
    ranges = sorted(chain.from_iterable(part.ranges for part in parts), key=lambda run: (run.step, run.start))
    stripes = [run for run in ranges if run.step > 1]
    steps = {run.step for run in stripes}
    for step in steps:
        ranges = [run for run in ranges if run.step != step]
        ranges += _interleaved([run for run in stripes if run.step == step], step)
    return Positions(_adjoining(sorted(ranges, key=lambda run: (run.start, run.step))))


def _interleaved(stripes: list[range], step: int) -> list[range]:
    """Stripes of one step; where all of them are there, they are a stretch from some place on."""
    # What a stripe lacks lies a step before its first place, or a step behind its last.
    first, stop = max(run.start for run in stripes) - step + 1, min(run[-1] for run in stripes) + step
    if {run.start % step for run in stripes} != set(range(step)) or len(stripes) != step or first >= stop:
        return stripes
    before = [run[: _before(run, first)] for run in stripes]
    after = [run[_before(run, stop) :] for run in stripes]
    return [*before, range(first, stop), *after]


def _adjoining(ranges: Iterable[range]) -> Iterator[range]:
    """Stretches that touch as one."""
    known: range | None = None
    for run in filter(None, ranges):
        if known is not None and known.step == run.step == 1 and known.stop == run.start:
            known = range(known.start, run.stop)
            continue
        if known is not None:
            yield known
        known = run
    if known is not None:
        yield known
