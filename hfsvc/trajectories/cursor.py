"""The opaque text with which a stream goes on after the last row seen, also with another number of readers. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from hfsvc.errors import CursorMismatch
from hfsvc.opaque_text import pack, unpack
from hfsvc.trajectories.positions import Positions, Shard, joined

VERSION = 2
_LARGEST = 1 << 60
_MAX_RUNS = 1 << 16


class Numbering(NamedTuple):
    """What row numbers hold for: one commit of a dataset, and the files of it on disk.

    Attributes:
        repo: The dataset.
        commit: 40 hex digits.
        files: Stands for the files on disk and their rows: others of the same commit may come, and renumber them.
    """

    repo: str
    commit: str
    files: str


class _Versioned(msgspec.Struct, frozen=True, array_like=True):
    """What every version of a cursor begins with."""

    version: int


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A place in a sequence of rows that were chosen from a dataset.

    Attributes:
        version: Of this form.
        repo: As in `Numbering`, like the next two.
        commit: 40 hex digits.
        files: Stands for the files on disk.
        choice: Stands for what was chosen, aspect by aspect; without those by which nothing was.
        window: The stretch of the sequence that was asked for.
        whole: What is read: start, stop and step of runs of places in the sequence.
        shard: Which part of that; None for all.
        stripe: Whether parts are every n-th place.
        seen: How many places of it lie behind.
    """

    version: int
    repo: str
    commit: str
    files: str
    choice: dict[str, str]
    window: tuple[int, int]
    whole: list[tuple[int, int, int]]
    shard: tuple[int, int] | None
    stripe: bool
    seen: int

    def left(self) -> Positions:
        """What lies ahead."""
        whole = Positions(range(*run) for run in self.whole)
        part = whole if self.shard is None else whole.part(self.shard, stripe=self.stripe)
        return part.after(self.seen)


def number_rows(repo: str, commit: str, files: Iterable[tuple[str, int]]) -> Numbering:
    """The numbering of the rows of `files`: their paths, in order, each with its number of rows."""
    named = "".join(f"{rows} {path}\n" for path, rows in files if rows)
    return Numbering(repo, commit, hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:12])


def choice_digests(aspects: Mapping[str, object]) -> dict[str, str]:
    """What stands for a choice in cursors: of every aspect by which something was chosen, a digest of how."""
    return {
        name: hashlib.blake2b(msgspec.json.encode(value), digest_size=4).hexdigest() for name, value in aspects.items()
    }


class Reading(NamedTuple):
    """What one stream reads of a sequence of rows.

    Attributes:
        start: The cursor before its first row.
        left: Places in the sequence.
    """

    start: Cursor
    left: Positions

    @property
    def others(self) -> int:
        """Places of what is divided that belong to other shards."""
        if self.start.shard is None:
            return 0
        return sum(len(range(*run)) for run in self.start.whole) - len(self.left) - self.start.seen

    def cursor_after(self, count: int) -> str:
        """The cursor after the first `count` rows of the stream, of characters that are safe in addresses."""
        return pack(msgspec.structs.replace(self.start, seen=self.start.seen + count))


def begin_reading(
    numbering: Numbering,
    choice: dict[str, str],
    rows: int,
    window: range,
    *,
    shard: Shard | None = None,
    stripe: bool = False,
    cursor: str | None = None,
) -> Reading:
    """What a stream reads.

    Args:
        numbering: Of the dataset.
        choice: As `choice_digests` gives it.
        rows: How many were chosen.
        window: The places among them that are asked for.
        shard: A part of them, or of what a cursor of the whole run has left.
        stripe: As for `Positions.part`.
        cursor: Where to go on; None to begin.

    Raises:
        CursorMismatch: The cursor is none, or belongs to another dataset, commit, choice or part.
        ValueError: The shard is none.
    """
    bounds = (window.start, window.stop)
    start = Cursor(VERSION, *numbering, choice, bounds, [(*bounds, 1)], shard, stripe and shard is not None, 0)
    if cursor is None and shard is not None:
        return Reading(start, start.left())
    everything = msgspec.structs.replace(start, whole=[(0, rows, 1)])
    known = everything if cursor is None else read_cursor(cursor)
    _check_numbering(known, numbering)
    _check_choice(known.choice, choice)
    if known.shard is None:
        return _within(known, start, window)
    if known.shard != shard:
        raise CursorMismatch(reason=_other_shard(known.shard, shard))
    if known.window != bounds:
        raise CursorMismatch(reason="its shard was cut of other rows: start or stop was another one")
    if known.stripe != stripe:
        raise CursorMismatch(reason=f"its shard was cut {'in stripes' if known.stripe else 'in one piece'}")
    return Reading(known, known.left())


def _within(known: Cursor, start: Cursor, window: range) -> Reading:
    """What a whole run has left of a stretch, or a shard of that."""
    left = known.left()
    inside = left.within(window)
    if start.shard is None and len(left.ranges) <= 1:
        # A wider stretch may be asked for later.
        passed = len(left.within(range(window.start)))
        return Reading(msgspec.structs.replace(known, seen=known.seen + passed), inside)
    rest = [(run.start, run.stop, run.step) for run in inside.ranges]
    divided = msgspec.structs.replace(start, whole=rest)
    return Reading(divided, divided.left())


def join_cursors(cursors: Sequence[str | None]) -> str:
    """The cursor of a whole run from the cursors of its parts, with which any number of readers can go on.

    Args:
        cursors: One for every shard, in any order; None for those that have none yet, of which there must be fewer than
            all.

    Raises:
        CursorMismatch: They are not of one run, a shard is missing, or comes twice.
    """
    from hfsvc.trajectories.mix_cursor import is_of_mix, join_mix_cursors

    if any(each and is_of_mix(each) for each in cursors):
        return join_mix_cursors(cursors)
    known = [read_cursor(each) for each in cursors if each is not None]
    if not known:
        raise CursorMismatch(reason="none was given, so nothing says of what run they are")
    first = known[0]
    if len(cursors) == 1 and first.shard is None:
        return pack(first)
    shards = first.shard[1] if first.shard else 1
    for each in known:
        _check_numbering(each, Numbering(first.repo, first.commit, first.files))
        _check_choice(each.choice, first.choice)
        if (each.whole, each.window, each.stripe, each.shard and each.shard[1]) != (
            first.whole,
            first.window,
            first.stripe,
            shards,
        ):
            raise CursorMismatch(reason="the cursors are not of one run that was divided once")
    given = {each.shard[0]: each for each in known if each.shard}
    if len(given) < len(known) or len(cursors) != shards:
        raise CursorMismatch(reason=f"there are {len(cursors)} cursors of {len(given)} shards, of {shards} in all")
    parts = [
        given.get(index) or msgspec.structs.replace(first, shard=(index, shards), seen=0) for index in range(shards)
    ]
    rest = joined(part.left() for part in parts)
    whole = [(run.start, run.stop, run.step) for run in rest.ranges]
    return pack(msgspec.structs.replace(first, whole=whole, shard=None, stripe=False, seen=0))


def read_cursor(text: str) -> Cursor:
    """The cursor that a text stands for.

    Raises:
        CursorMismatch: It is none, or none of this version.
    """
    version = unpack(text, _Versioned).version
    if version != VERSION:
        raise CursorMismatch(reason=f"it is one of version {version}, this is version {VERSION}")
    found = unpack(text, Cursor)
    runs_fit = len(found.whole) <= _MAX_RUNS and all(
        0 <= start <= stop <= _LARGEST and step > 0 for start, stop, step in found.whole
    )
    shard_fits = found.shard is None or 0 <= found.shard[0] < found.shard[1]
    if not runs_fit or not shard_fits or not 0 <= found.seen <= _LARGEST:
        raise CursorMismatch(reason="it is no cursor of this kind", malformed=True)
    return found


def _check_numbering(found: Cursor, numbering: Numbering) -> None:
    repo, commit, files = numbering
    if found.repo != repo:
        raise CursorMismatch(reason=f"it belongs to {found.repo}")
    if found.commit != commit:
        raise CursorMismatch(reason=f"it belongs to commit {found.commit[:12]}, {repo} is at {commit[:12]}")
    if found.files != files:
        raise CursorMismatch(reason=f"other files of {repo} were on disk when it was written")


def _check_choice(found: dict[str, str], choice: dict[str, str]) -> None:
    changed = [name for name in {**found, **choice} if found.get(name) != choice.get(name)]
    if changed:
        raise CursorMismatch(reason=f"it was written with another {', another '.join(changed)}")


def _other_shard(found: Shard, asked: Shard | None) -> str:
    index, shards = found
    named = f"shard {asked[0]} of {asked[1]}" if asked else "the whole run"
    return (
        f"it belongs to shard {index} of {shards}, not to {named}; to divide the rest anew, join the cursors of all "
        f"{shards} shards"
    )
