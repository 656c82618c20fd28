"""index.json, the record of what is downloaded: always whole on disk, never loses an entry to a concurrent writer."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from hfsvc.disk import disk_errors, make_folder
from hfsvc.errors import DamagedIndex, HfsvcError, LeaseExpired
from hfsvc.files.atomic import size_of, write_whole
from hfsvc.models import (
    Conversion,
    DatasetConfig,
    DatasetShard,
    DownloadedDataset,
    Globs,
    LeftFiles,
    Model,
    RemoteDataset,
    RemoteFile,
)
from hfsvc.store.directories import locks_folder
from hfsvc.store.process_locks import ProcessLock, ProcessLocks, wait_for
from hfsvc.store.safe_paths import INDEX_NAME, check_path

INDEX_VERSION = 1
Fence = Callable[[], None]
"""Raises where the lock of the dataset that is changed is not held any more."""


def unfenced() -> None:
    """For changes that need no lock of a dataset."""


class IndexEntry(Model, frozen=True, kw_only=True):
    """A recorded dataset: the JSON of `DownloadedDataset`, and what the next download needs to know.

    Attributes:
        local_path: Relative to the root, always the canonical ``owner/name``.
        checksums: ``{path: "sha256:…" | "git-sha1:…"}`` of every file.
        sizes: Bytes of every file.
        globs: Every selection that was asked for.
        aliases: Other names under which it was asked for: the Hub renames repositories and ignores case.
        hub_id: The Hub's own id of the repository.
        conversion: Set where the files are those of the Hub's parquet copy; `commit` is the copy's.
        left: What limits have left of what was asked for.
        shard: Which shard of the dataset's files these are; None for all.
        xet_hashes: What names the content of files in the storage of chunks, where the Hub told.
        updating_to: Commit whose files are being put in place right now (or were, when the process was killed).
    """

    repo: str
    local_path: str
    files: tuple[str, ...]
    total_bytes: int
    downloaded_at: datetime
    revision: str
    commit: str
    license: str | None = None
    configs: tuple[DatasetConfig, ...] = ()
    globs: tuple[Globs, ...] = ()
    checksums: dict[str, str]
    sizes: dict[str, int]
    aliases: tuple[str, ...] = ()
    hub_id: str | None = None
    conversion: Conversion | None = None
    left: LeftFiles | None = None
    shard: DatasetShard | None = None
    xet_hashes: dict[str, str] = msgspec.field(default_factory=dict)
    updating_to: str | None = msgspec.field(default=None, name="changingTo")

    def dataset(self, root: Path | str) -> DownloadedDataset:
        """The entry as callers see it, in a folder, or at the address of an object store."""
        return DownloadedDataset(
            repo=self.repo,
            folder=f"{root}/{self.local_path}" if isinstance(root, str) else str(root / self.local_path),
            files=self.files,
            total_bytes=self.total_bytes,
            downloaded_at=self.downloaded_at,
            revision=self.revision,
            commit=self.commit,
            license=self.license,
            configs=self.configs,
            checksums=self.checksums,
            sizes=self.sizes,
            selection=self.globs,
            conversion=self.conversion,
            left=self.left,
            shard=self.shard,
        )

    def remote(self) -> RemoteDataset:
        """The dataset on the Hub, at the recorded commit."""
        return RemoteDataset(
            repo=self.repo,
            hub_id=self.hub_id,
            revision=self.revision,
            commit=self.commit,
            license=self.license,
            configs=self.configs,
            conversion=self.conversion,
        )

    def remote_files(self) -> list[RemoteFile]:
        """The recorded files as the Hub lists them."""
        return [RemoteFile(path=path, size=self.sizes[path], checksum=self.checksums[path]) for path in self.files]

    def missing(self, root: Path) -> tuple[str, ...]:
        """Recorded files that are not there, or not of their recorded size."""
        folder = root / self.local_path
        return tuple(path for path in self.files if size_of(folder / path) != self.sizes[path])


class IndexFile(Model, frozen=True, kw_only=True):
    """index.json as a whole."""

    version: int = INDEX_VERSION
    updated_at: datetime
    datasets: dict[str, IndexEntry]


_decoder = msgspec.json.Decoder(IndexFile)


def find_entry(entries: Mapping[str, IndexEntry], repo: str) -> IndexEntry | None:
    """The entry of a dataset under its canonical id, another case of it, or a name it was asked for by. Pure."""
    wanted = repo.casefold()
    own = (each for each in entries.values() if each.repo.casefold() == wanted)
    asked_for_by = (each for each in entries.values() if wanted in {name.casefold() for name in each.aliases})
    return entries.get(repo) or next(own, None) or next(asked_for_by, None)


def find_moved(entries: Mapping[str, IndexEntry], remote: RemoteDataset) -> IndexEntry | None:
    """The entry of what may be the same repository under an earlier name: the only one with its id. Pure."""
    same = [each for each in entries.values() if remote.hub_id and each.hub_id == remote.hub_id]
    # An id that several have is none.
    return same[0] if len(same) == 1 and remote.repo not in entries else None


def decode_index(content: bytes, where: str) -> dict[str, IndexEntry]:
    """The entries of an index, by canonical id. Pure.

    Args:
        content: As it is stored.
        where: That is, for errors.

    Raises:
        DamagedIndex: It is no index of this version, or holds a path that must not be touched.
    """
    try:
        index = _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedIndex(path=where, reason=str(error)) from error
    if index.version != INDEX_VERSION:
        raise DamagedIndex(path=where, reason=f"version {index.version}, this hfsvc reads {INDEX_VERSION}")
    for repo, entry in index.datasets.items():
        _check(where, repo, entry)
    return index.datasets


def _check(where: str, repo: str, entry: IndexEntry) -> None:
    reason = None
    if not repo == entry.repo == entry.local_path:
        reason = f"{repo} is recorded at {entry.local_path!r}"
    elif set(entry.files) != entry.sizes.keys() or set(entry.files) != entry.checksums.keys():
        reason = f"the files of {repo} lack sizes or checksums"
    if reason:
        raise DamagedIndex(path=where, reason=reason)
    try:
        for path in (entry.local_path, *entry.files):
            check_path(path)
    except HfsvcError as error:
        raise DamagedIndex(path=where, reason=str(error)) from error


def encode_index(entries: Mapping[str, IndexEntry], now: datetime) -> bytes:
    """An index as it is stored. Pure."""
    index = IndexFile(updated_at=now, datasets=dict(sorted(entries.items())))
    return msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n"


class StoreIndex:
    """Reads and changes index.json. Its methods block: call them from a worker thread.

    Args:
        root: Absolute folder of the store.
        clock: Gives the time of a change, UTC.
        locks: Between processes that change it.
    """

    def __init__(
        self,
        root: Path,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        locks: ProcessLocks | None = None,
    ) -> None:
        self._root = root
        self._locks = locks or ProcessLocks()
        self._path = root / INDEX_NAME
        self._clock = clock
        self._read: tuple[tuple[int, ...], dict[str, IndexEntry]] | None = None

    def entries(self) -> Mapping[str, IndexEntry]:
        """All entries by canonical id; none where there is no index yet.

        Raises:
            DamagedIndex: The file is no index of this version, or holds a path that must not be touched.
        """
        with disk_errors(self._path, verb="read"):
            try:
                with self._path.open("rb") as file:
                    # Every change replaces the file, so what was read from this one still holds.
                    version = os.fstat(file.fileno())
                    key = (version.st_dev, version.st_ino, version.st_mtime_ns, version.st_size)
                    if self._read is None or self._read[0] != key:
                        self._read = key, decode_index(file.read(), str(self._path))
                    return self._read[1]
            except (FileNotFoundError, NotADirectoryError):
                return {}

    def rename(self, old: IndexEntry, new: IndexEntry, *, fence: Fence = unfenced) -> None:
        """Put one entry in another's place."""
        others = {old.repo, new.repo}
        self._change(
            lambda datasets: {**{k: each for k, each in datasets.items() if k not in others}, new.repo: new}, fence
        )

    def record(self, entry: IndexEntry, *, fence: Fence = unfenced) -> None:
        """Add or replace one entry."""
        self._change(lambda datasets: {**datasets, entry.repo: entry}, fence)

    def amend(self, known: IndexEntry, amended: IndexEntry) -> bool:
        """Replace an entry by `amended`, unless it is no longer what the caller knows; for callers without the lock."""
        done = False

        def change(datasets: Mapping[str, IndexEntry]) -> dict[str, IndexEntry]:
            nonlocal done
            done = datasets.get(known.repo) == known
            return {**datasets, amended.repo: amended} if done else dict(datasets)

        self._change(change, unfenced)
        return done

    def remove(self, repo: str, *, fence: Fence = unfenced) -> None:
        """Take one entry out; files are not touched."""
        self._change(lambda datasets: {name: entry for name, entry in datasets.items() if name != repo}, fence)

    def _change(self, change: Callable[[Mapping[str, IndexEntry]], dict[str, IndexEntry]], fence: Fence) -> None:
        """Change the index as the only one who does. Whoever loses a turn on the way has changed nothing, and takes another."""
        lock = self._locks.make(make_folder(locks_folder(self._root)) / "index.lock", str(self._path))
        while True:
            wait_for(lock)
            try:
                self._write(change, lock, fence)
            except LeaseExpired:
                # Of the dataset, that is the end.
                fence()
            else:
                return
            finally:
                lock.release()

    def _write(
        self, change: Callable[[Mapping[str, IndexEntry]], dict[str, IndexEntry]], lock: ProcessLock, fence: Fence
    ) -> None:
        def before_rename() -> None:
            fence()
            lock.check()

        with disk_errors(self._path):
            content = encode_index(change(self.entries()), self._clock())
            with disk_errors(self._path, needed=len(content)):
                write_whole(self._path, content, before_rename=before_rename)
