"""Gathering of a dataset's files from other stores, verified by the hashes that those recorded. All of it blocks."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hfsvc.disk import disk_errors
from hfsvc.errors import ChecksumMismatch, NoSpace
from hfsvc.files.atomic import free_bytes, size_of
from hfsvc.files.checksum import checksum_file, kind_of
from hfsvc.store.directories import repos_with_state, shard_names, shard_root
from hfsvc.store.index import IndexEntry, StoreIndex
from hfsvc.store.staging import copy_verified


class StoredDataset(NamedTuple):
    """What one store has of a dataset.

    Attributes:
        root: Of the store.
        entry: What it has recorded.
        base: The root that the store lies in, where it is that of a shard; else `root`.
    """

    root: Path
    entry: IndexEntry
    base: Path


def stored_shards(root: Path, repo: str) -> list[StoredDataset]:
    """What the stores of a dataset's shards have recorded below a root."""
    roots = [shard_root(root, repo, *name) for name in shard_names(root, repo)]
    found = [(each, StoreIndex(each).entries().get(repo)) for each in roots]
    return [StoredDataset(each, entry, root) for each, entry in found if entry and entry.shard]


def stored_datasets(root: Path) -> list[StoredDataset]:
    """All that a root has recorded, of datasets and of shards.

    Raises:
        DamagedIndex: An index of it cannot be read.
    """
    whole = [StoredDataset(root, entry, root) for _, entry in sorted(StoreIndex(root).entries().items())]
    repos = sorted(repos_with_state(root))
    return whole + [each for repo in repos for each in stored_shards(root, repo)]


class FileGatherer:
    """Finds the files of an entry in several stores, for one of them to put in place.

    Args:
        root: Of the store that they are put in place in.
        parts: The dataset's parts folder there; exists. Copies come in there.
        old: What is recorded there, whose files are as they were recorded; None where nothing is, or that is not sure.
        sources: The other stores.
        move: Whether files may be taken from where they lie.
        trusted: Whether the sources are this store's own, so that what they recorded needs no second look.
        on_block: Called about every megabyte that is hashed.
    """

    def __init__(
        self,
        root: Path,
        parts: Path,
        old: IndexEntry | None,
        sources: Sequence[StoredDataset],
        *,
        move: bool,
        trusted: bool,
        on_block: Callable[[], None] = lambda: None,
    ) -> None:
        self._root, self._parts, self._old, self._sources = root, parts, old, sources
        self._move, self._trusted, self._on_block = move, trusted, on_block

    def gather(self, new: IndexEntry) -> Mapping[str, Path]:
        """Where the files of `new` lie that are not in place yet, each verified and ready to be renamed there.

        Raises:
            ChecksumMismatch: A source has something else than it recorded, or lacks it.
            NoSpace: The copies do not fit on the disk.
        """
        waiting = [path for path in new.files if not self._is_in_place(new, path)]
        self._check_room(sum(new.sizes[path] for path in waiting if not self._own_copy(new, path)))
        return {path: self._own_copy(new, path) or self._bring(new, path) for path in waiting}

    def _is_in_place(self, new: IndexEntry, path: str) -> bool:
        place, checksum = self._root / new.repo / path, new.checksums[path]
        if size_of(place) != new.sizes[path]:
            return False
        recorded = self._old.checksums.get(path) if self._old else None
        return recorded == checksum if recorded else self._is_right(place, checksum)

    def _own_copy(self, new: IndexEntry, path: str) -> Path | None:
        """What an interrupted merge has copied already."""
        copy = self._copy_path(path)
        return copy if size_of(copy) == new.sizes[path] and self._is_right(copy, new.checksums[path]) else None

    def _copy_path(self, path: str) -> Path:
        # By path: files of one content each need a copy of their own.
        return self._parts / f"merged-{hashlib.sha256(path.encode()).hexdigest()}.whole"

    def _is_right(self, path: Path, checksum: str) -> bool:
        with disk_errors(path, verb="read"):
            return checksum_file(path, kind_of(checksum), on_block=self._on_block) == checksum

    def _check_room(self, needed: int) -> None:
        free = None if self._move else free_bytes(self._root)
        if free is not None and needed > free:
            raise NoSpace(path=str(self._root), needed=needed, free=free)

    def _bring(self, new: IndexEntry, path: str) -> Path:
        there = [each for each in self._sources if size_of(self._path_in(each, path)) == new.sizes[path]]
        if self._trusted and there:
            return self._path_in(there[0], path)
        for source in there:
            if found := self._verified(self._path_in(source, path), path, new.checksums[path]):
                return found
        raise self._refusal(new, path, there)

    def _path_in(self, source: StoredDataset, path: str) -> Path:
        return source.root / source.entry.local_path / path

    def _verified(self, source: Path, path: str, checksum: str) -> Path | None:
        if self._move and source.stat().st_dev == self._root.stat().st_dev:
            return source if self._is_right(source, checksum) else None
        copy = self._copy_path(path)
        return copy if copy_verified(source, copy, checksum, self._on_block) else None

    def _refusal(self, new: IndexEntry, path: str, there: Sequence[StoredDataset]) -> ChecksumMismatch:
        holders = [each for each in there or self._sources if path in each.entry.checksums]
        root = holders[0].root if holders else self._root
        actual = "another content" if there else "no such file"
        return ChecksumMismatch(
            repo=new.repo,
            path=path,
            expected=new.checksums[path],
            actual=f"{actual} in {root}",
            hint=f"Bring it there once more, then merge again: nothing was changed in {self._root}.",
        )
