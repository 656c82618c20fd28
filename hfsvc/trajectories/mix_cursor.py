"""The cursor of a mix: the cursors of its parts, and how many rows were drawn. Pure."""

import hashlib
from collections.abc import Sequence

import msgspec

from hfsvc.errors import CursorMismatch
from hfsvc.opaque_text import pack, unpack
from hfsvc.trajectories.cursor import join_cursors
from hfsvc.trajectories.positions import Shard

KIND = "mix 1"


class MixCursor(msgspec.Struct, frozen=True, array_like=True):
    """A place in the stream of a mix.

    Attributes:
        kind: Of cursor, and its version.
        mix: Stands for its parts, weights and seed.
        shard: Which part of the stream; None for all.
        draws: How many rows were drawn.
        cursors: Of every part; None where none of its rows was drawn.
        ended: Whether all rows of a part were.
        round: How often the rest was divided among other readers.
    """

    kind: str
    mix: str
    shard: tuple[int, int] | None
    draws: int
    cursors: tuple[str | None, ...]
    ended: tuple[bool, ...]
    round: int = 0

    def write(self) -> str:
        """The text that stands for it."""
        return pack(self)


def mix_digest(parts: Sequence[tuple[str, float]], seed: int, until: str) -> str:
    """Stands for a mix in cursors."""
    return hashlib.blake2b(msgspec.json.encode((parts, seed, until)), digest_size=6).hexdigest()


def begin_mix(mix: str, parts: int, shard: Shard | None, cursor: str | None) -> MixCursor:
    """Where a stream begins, or goes on.

    Raises:
        CursorMismatch: The cursor is of another mix, or of another shard of it.
    """
    start = MixCursor(KIND, mix, shard, 0, (None,) * parts, (False,) * parts)
    if cursor is None:
        return start
    known = _read(cursor)
    if known.mix != mix or len(known.cursors) != parts:
        raise CursorMismatch(reason="it belongs to another mix: its parts, their weights, or the seed differ")
    if known.shard == shard:
        return known
    if known.shard is not None:
        index, shards = known.shard
        raise CursorMismatch(reason=f"it belongs to shard {index} of {shards}; join the cursors of all to divide anew")
    # Whoever takes a part of the rest draws in an order of their own.
    return msgspec.structs.replace(known, shard=shard, draws=0, ended=start.ended, round=known.round + 1)


def is_of_mix(cursor: str) -> bool:
    """Whether a text is the cursor of a mix."""
    try:
        return _read(cursor).kind == KIND
    except CursorMismatch:
        return False


def join_mix_cursors(cursors: Sequence[str | None]) -> str:
    """The cursor of a whole run of a mix from the cursors of its parts, as `hfsvc.join_cursors`.

    Raises:
        CursorMismatch: They are not of one run.
    """
    known = [None if each is None else _read(each) for each in cursors]
    first = next(each for each in known if each)
    if any(each and (each.mix, each.round) != (first.mix, first.round) for each in known):
        raise CursorMismatch(reason="the cursors are not of one mix that was divided once")
    of_parts = [[each.cursors[part] if each else None for each in known] for part in range(len(first.cursors))]
    joined = tuple(join_cursors(part) if any(part) else None for part in of_parts)
    return msgspec.structs.replace(first, shard=None, draws=0, cursors=joined).write()


def _read(text: str) -> MixCursor:
    found = unpack(text, MixCursor)
    if found.kind != KIND or len(found.cursors) != len(found.ended):
        raise CursorMismatch(reason="it is no cursor of this kind")
    return found
