"""The division of a reading into pieces: stretches of its rows that anybody can read on their own, wherever the files are.

It depends on the files and on what is read of them alone, not on who reads: any number of readers, of any engine, get the
same pieces: processes of our own, tasks of Ray and of Daft, an Arrow reader. Pure.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from hfsvc.models import DownloadedDataset
from hfsvc.models.file_kinds import result_file
from hfsvc.trajectories.chooser import Chosen
from hfsvc.trajectories.data_file import DataFile
from hfsvc.trajectories.files.base import RowGroup
from hfsvc.trajectories.files.dataset_files import DatasetFiles, PortableFiles
from hfsvc.trajectories.positions import Positions

LEAST_BYTES, MOST_BYTES = 8 << 20, 128 << 20
MOST_ROWS = 16_384
USUAL_PIECES = 16
"""A reading is cut into so many pieces, unless they would be smaller or larger than those."""


class Stretch(NamedTuple):
    """Rows that follow one another in a reading.

    Attributes:
        rows: Their numbers in the dataset.
        before: How many rows of the reading come before them.
        size: About how many bytes they take when decoded, going by the files' footers.
    """

    rows: Sequence[int]
    before: int
    size: int

    @property
    def bounds(self) -> tuple[int, int]:
        """The lowest of the numbers, and the one after the highest."""
        if isinstance(self.rows, range):
            return self.rows[0], self.rows[-1] + 1
        return min(self.rows), max(self.rows) + 1


class ReadingPiece(NamedTuple):
    """A stretch of a reading with all that it takes to read it; can be pickled.

    Attributes:
        dataset: Of its files only those that hold the rows are named.
        files: Those, as they were when their rows were counted.
        portable: Opens the files; None where they lie in the dataset's folder.
        sidecars: The folder of the dataset's sidecars; None for none.
        rows: As `Stretch.rows`.
        before: As `Stretch.before`.
        size: As `Stretch.size`.
        ordered: Whether the numbers rise.
        window: Most rows that are put into another order at once.
    """

    dataset: DownloadedDataset
    files: tuple[DataFile, ...]
    portable: PortableFiles | None
    sidecars: str | None
    rows: Sequence[int]
    before: int
    size: int
    ordered: bool
    window: int

    @property
    def row_groups(self) -> list[tuple[str, range]]:
        """Its files, each with the numbers of the row groups that it reads of it; none where a file has no groups."""
        first, stop = Stretch(self.rows, self.before, self.size).bounds
        found = []
        for file in self.files:
            begin = bisect_right(file.groups, first - file.first, key=lambda group: group.stop)
            end = bisect_left(file.groups, stop - file.first, key=lambda group: group.first)
            found.append((file.path, range(begin, end)))
        return found

    def __str__(self) -> str:
        first, stop = Stretch(self.rows, self.before, self.size).bounds
        named = ", ".join(each.path for each in self.files[:3])
        more = f" and {len(self.files) - 3} more files" if len(self.files) > 3 else ""
        return f"rows {first} to {stop - 1} of {named}{more}"


def divide(chosen: Chosen, left: Positions, files: Sequence[DataFile], window: int) -> list[Stretch]:
    """The stretches of a reading, in its order.

    Row groups that follow one another are one stretch, up to a size that goes by the whole reading. A group of more than
    twice that, and files without groups, are divided, though what lies before a stretch of theirs must be decoded with it.

    Args:
        chosen: The rows.
        left: Places among them.
        files: That hold them.
        window: Most rows that are put into another order at once.
    """
    groups = [*_groups_of(files)]
    runs = uncut(chosen, left)
    count = sum(len(run.rows) for run in runs)
    whole = sum(group.size for group in groups) * count // max(1, files[-1].stop)
    usual = max(LEAST_BYTES, min(MOST_BYTES, whole // USUAL_PIECES))
    return [
        each._replace(before=run.before + each.before)
        for run in runs
        for each in (
            _ordered(run.rows, groups, usual) if chosen.ordered else _unordered(run.rows, window, whole // count)
        )
    ]


def uncut(chosen: Chosen, left: Positions) -> list[Stretch]:
    """The longest stretches of a reading, in its order, of no known size: for one who reads all of it in one go."""
    found, before = [], 0
    for run in left.ranges:
        rows = chosen.rows[run.start : run.stop : run.step]
        found.append(Stretch(rows, before, 0))
        before += len(rows)
    return found


def piece_of(
    stretch: Stretch,
    dataset: DownloadedDataset,
    files: Sequence[DataFile],
    *,
    stored: DatasetFiles,
    sidecars: str | None,
    ordered: bool,
    window: int,
) -> ReadingPiece:
    """A stretch with what it takes to read it."""
    first, stop = stretch.bounds
    own = tuple(each for each in _overlapping(files, first, stop) if each.first < each.stop)
    paths = {path for each in own for path in (each.path, result_file(each.path)) if path}
    named = msgspec.structs.replace(
        dataset,
        files=tuple(each.path for each in own),
        checksums={path: dataset.checksums[path] for path in sorted(paths & dataset.checksums.keys())},
        sizes={path: dataset.sizes[path] for path in sorted(paths & dataset.sizes.keys())},
    )
    return ReadingPiece(named, own, stored.portable(paths), sidecars, *stretch, ordered=ordered, window=window)


def _overlapping(files: Sequence[DataFile], first: int, stop: int) -> Sequence[DataFile]:
    begin = bisect_right(files, first, key=lambda each: each.stop)
    return files[begin : bisect_left(files, stop, key=lambda each: each.first)]


def _groups_of(files: Sequence[DataFile]) -> Iterator[RowGroup]:
    for file in files:
        for group in file.groups:
            yield RowGroup(file.first + group.first, file.first + group.stop, group.size)


class _Part(NamedTuple):
    """Places of a run whose rows lie in one row group."""

    first: int
    stop: int
    size: int


def _parts(rows: Sequence[int], groups: Sequence[RowGroup]) -> Iterator[_Part]:
    first = 0
    begin = bisect_right(groups, rows[0], key=lambda group: group.stop)
    for index in range(begin, len(groups)):
        group = groups[index]
        if first == len(rows):
            return
        stop = bisect_left(rows, group.stop, first)
        if first < stop:
            yield _Part(first, stop, group.size * (stop - first) // (group.stop - group.first))
            first = stop
    if first < len(rows):
        yield _Part(first, len(rows), 0)


def _ordered(rows: Sequence[int], groups: Sequence[RowGroup], usual: int) -> Iterator[Stretch]:
    known: _Part | None = None
    for part in _parts(rows, groups):
        fits = known and known.size + part.size <= usual and part.stop - known.first <= MOST_ROWS
        if known and not fits:
            yield from _cut(rows, known, usual)
        known = _Part(known.first, part.stop, known.size + part.size) if known and fits else part
    if known:
        yield from _cut(rows, known, usual)


def _cut(rows: Sequence[int], part: _Part, usual: int) -> Iterator[Stretch]:
    count = part.stop - part.first
    pieces = max(1 if part.size <= 2 * usual else -(-part.size // usual), -(-count // MOST_ROWS))
    pieces = min(pieces, count)
    for begin, end in pairwise(part.first + count * index // pieces for index in range(pieces + 1)):
        yield Stretch(rows[begin:end], begin, part.size // pieces)


def _unordered(rows: Sequence[int], window: int, row_bytes: int) -> Iterator[Stretch]:
    for begin in range(0, len(rows), window):
        some = rows[begin : begin + window]
        yield Stretch(some, begin, row_bytes * len(some))
