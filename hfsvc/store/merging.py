"""What to record of a dataset of which several stores hold something: roots, or the stores of its shards. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from hfsvc.errors import DatasetChanged, MergeConflict, ShardsMissing, typed
from hfsvc.store.index import IndexEntry


def division_of(files: Iterable[tuple[str, int]], count: int) -> str:
    """What is divided into how many shards, as a short text: only shards with the same one belong together.

    Args:
        files: Paths and sizes of all files that are divided.
        count: Of shards.
    """
    digest = hashlib.sha256(str(count).encode())
    for path, size in sorted(files):
        digest.update(f"\0{path}\0{size}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


def belong_together(one: IndexEntry, other: IndexEntry) -> bool:
    """Whether two entries are shards of one division of the same files at the same commit."""
    divisions = [(each.commit, each.shard.count, each.shard.division) for each in (one, other) if each.shard]
    return len(divisions) == 2 and divisions[0] == divisions[1]


def missing_shards(entries: Iterable[IndexEntry], of: IndexEntry) -> tuple[int, ...]:
    """The shards that are not among `entries`, of the division that `of` is a shard of."""
    there = {each.shard.index for each in entries if each.shard and belong_together(each, of)}
    return tuple(sorted(set(range(of.shard.count if of.shard else 0)) - there))


def merged_entry(entries: Sequence[IndexEntry], old: IndexEntry | None, *, may_replace: bool = False) -> IndexEntry:
    """What to record of a dataset that several stores hold files of.

    Args:
        entries: What they have recorded of it, one at least.
        old: What the store has that it is to be recorded in.
        may_replace: The entries are a newer commit than `old`, whose globs they were selected by, too.

    Raises:
        ShardsMissing: They are shards, and not all of them.
        MergeConflict: They cannot be one dataset.
        DatasetChanged: Files of one are being exchanged.
    """
    _check_shards(entries)
    for each in entries:
        if each.updating_to:
            hint = f"An exchange of its files was interrupted: run: hfsvc download {typed(each.repo)}, there"
            raise DatasetChanged(repo=each.repo, hint=hint)
    replaced = old is not None and old.commit != entries[0].commit and may_replace
    known = [*([old] if old and not replaced else []), *entries]
    for one, other in pairwise(known):
        _check_same(one, other)
    sizes = _together([each.sizes for each in known])
    repo, aliases = entries[0].repo, {alias for each in [*known, *([old] if old else [])] for alias in each.aliases}
    branches = [each.revision for each in known if each.revision != each.commit]
    return msgspec.structs.replace(
        entries[-1],
        # A shard that was brought by its commit, to go with the others, is still one of their branch.
        revision=branches[0] if branches else entries[-1].revision,
        files=tuple(sorted(sizes, key=str.encode)),
        total_bytes=sum(sizes.values()),
        downloaded_at=max(each.downloaded_at for each in known),
        globs=tuple(dict.fromkeys(globs for each in [*([old] if old else []), *entries] for globs in each.globs)),
        checksums=_agreed(repo, [each.checksums for each in known]),
        sizes=sizes,
        aliases=tuple(sorted(aliases - {repo})),
        xet_hashes={path: name for each in known for path, name in each.xet_hashes.items()},
        shard=None,
    )


def _check_shards(entries: Sequence[IndexEntry]) -> None:
    shards = [each for each in entries if each.shard]
    for one, other in pairwise(shards):
        if not belong_together(one, other):
            reason = f"{_named(one)} and {_named(other)} are not of one division: other files, or another commit, were divided"
            raise MergeConflict(repo=one.repo, reason=reason)
    for first in shards[:1]:
        if missing_shards(shards, first) and (missing := unfinished(shards)):
            raise missing
        sizes = _together([each.sizes for each in shards])
        if first.shard and division_of(sizes.items(), first.shard.count) != first.shard.division:
            reason = "the files that its shards have recorded are not those that were divided"
            raise MergeConflict(repo=first.repo, reason=reason)


def unfinished(entries: Sequence[IndexEntry]) -> ShardsMissing | None:
    """What is missing of a dataset of which these shards are here; None where none is."""
    fewest = min(entries, key=lambda each: len(missing_shards(entries, each)), default=None)
    if fewest is None or fewest.shard is None:
        return None
    missing = missing_shards(entries, fewest)
    return ShardsMissing(repo=fewest.repo, commit=fewest.commit, count=fewest.shard.count, missing_shards=missing)


def _named(entry: IndexEntry) -> str:
    shard = f"shard {entry.shard.index}/{entry.shard.count}" if entry.shard else "what is here"
    return f"{shard} (commit {entry.commit[:12]})"


def _check_same(one: IndexEntry, other: IndexEntry) -> None:
    if one.commit != other.commit:
        reason = f"one store has it at commit {one.commit[:12]}, another at {other.commit[:12]}"
        raise MergeConflict(repo=one.repo, reason=reason)


def _together(each: Iterable[dict[str, int]]) -> dict[str, int]:
    return {path: size for sizes in each for path, size in sizes.items()}


def _agreed(repo: str, each: Iterable[dict[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path, checksum in ((path, checksum) for checksums in each for path, checksum in checksums.items()):
        if found.setdefault(path, checksum) != checksum:
            reason = f"{path} is recorded as {found[path]} by one store, and as {checksum} by another"
            raise MergeConflict(repo=repo, reason=reason)
    return found
