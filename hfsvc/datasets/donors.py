"""Donors: the files on disk that a file of another commit may share content with, found by their paths. Pure."""

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from heapq import nsmallest
from pathlib import PurePosixPath
from typing import Final

# A shard of a dataset that got one more of them spans two of those before.
MOST_DONORS: Final = 3
_NUMBERS = re.compile(r"[0-9]+")
_SHARD = re.compile(r"([0-9]+)-of-([0-9]+)")
Numbers = tuple[Fraction, ...]
Groups = Mapping[str, list[tuple[Numbers, str]]]


class Donors:
    """What lies on disk and is not what the new commit has at its path.

    Args:
        changed: Paths that have other content in the new commit: rows move between shards.
        leaving: Paths that are not in the new commit: shards get other numbers, files other names.
    """

    def __init__(self, changed: Collection[str], leaving: Collection[str]) -> None:
        self._changed = frozenset(changed)
        self._alike = _grouped({*changed, *leaving}, _without_numbers)
        self._of_name = _grouped(leaving, lambda path: _without_numbers(PurePosixPath(path).name))
        self._of_suffix = _grouped(leaving, lambda path: PurePosixPath(path).suffix)

    def find(self, path: str) -> list[str]:
        """Those that a file may share content with, the likeliest first."""
        others = (
            _nearest(self._alike.get(_without_numbers(path), ()), path)
            or _nearest(self._of_name.get(_without_numbers(PurePosixPath(path).name), ()), path)
            or self._of_any_name(path)
        )
        own = [path] if path in self._changed else []
        return [*own, *(each for each in others if each != path)][:MOST_DONORS]

    def _of_any_name(self, path: str) -> list[str]:
        # Of many none is likelier than another.
        found = self._of_suffix.get(PurePosixPath(path).suffix, [])
        return [each for _, each in found] if len(found) <= MOST_DONORS else []


def _grouped(paths: Iterable[str], key: Callable[[str], str]) -> Groups:
    groups: dict[str, list[tuple[Numbers, str]]] = {}
    for each in paths:
        groups.setdefault(key(each), []).append((_numbers(each), each))
    return {name: sorted(group) for name, group in groups.items()}


def _nearest(group: Sequence[tuple[Numbers, str]], path: str) -> list[str]:
    """Of paths in the order of their numbers those whose numbers are nearest."""
    wanted = _numbers(path)
    at = bisect_left(group, (wanted, ""))
    near = group[max(0, at - MOST_DONORS) : at + MOST_DONORS]
    return [each for _, each in nsmallest(MOST_DONORS, near, key=lambda each: (_apart(each[0], wanted), each))]


def _apart(one: Numbers, other: Numbers) -> Numbers:
    return tuple(abs(left - right) for left, right in zip(one, other, strict=False))


def _numbers(path: str) -> Numbers:
    """The numbers in a path. Those of a shard become one: where in the whole its middle lies."""
    found: list[Fraction] = []
    at = 0
    for shard in _SHARD.finditer(path):
        found += map(Fraction, _NUMBERS.findall(path[at : shard.start()]))
        found.append(Fraction(2 * int(shard[1]) + 1, 2 * max(1, int(shard[2]))))
        at = shard.end()
    return (*found, *map(Fraction, _NUMBERS.findall(path[at:])))


def _without_numbers(path: str) -> str:
    return _NUMBERS.sub("", path)
