"""Structs about datasets: what the Hub lists, what lies on disk, and what became of it."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from hfsvc.errors import NotOnDisk
from hfsvc.models.base import Model
from hfsvc.models.requests import Conversion, Globs, LeftFiles


class DatasetShard(Model, frozen=True, kw_only=True):
    """Which of the shards of a dataset's files something is.

    Attributes:
        index: Counted from 0.
        count: Of shards that the files are divided into.
        division: Short text of all files that are divided; only shards of one division belong together.
        missing: Which shards are not here yet.
    """

    index: int
    count: int
    division: str
    missing: tuple[int, ...] = ()


class DatasetConfig(Model, frozen=True, kw_only=True):
    """A configuration (the Hub also says subset) of a dataset, as its card names it.

    Attributes:
        name: What people call it.
        default: Whether the card says so.
        folder: Where its files lie, with a ``/`` behind it; empty for the whole dataset.
        patterns: Globs of paths from the dataset's root, by split; empty where the names of files tell.
    """

    name: str
    default: bool = False
    folder: str = ""
    patterns: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class RemoteDataset(Model, frozen=True, kw_only=True):
    """A dataset as the Hub resolved it.

    Attributes:
        repo: Canonical ``owner/name``, after renames and case fixes.
        hub_id: The Hub's own id of the repository (24 hex), stable across renames; None where it sent none.
        revision: As asked.
        commit: 40 hex digits; everything later is pinned to it.
        license: From the dataset card, if it names one.
        configs: From the dataset card, if it names any; of a conversion from its paths.
        conversion: Set where `commit` is one of the Hub's parquet copy.
    """

    repo: str
    hub_id: str | None
    revision: str
    commit: str
    license: str | None = None
    configs: tuple[DatasetConfig, ...] = ()
    conversion: Conversion | None = None


class RemoteFile(Model, frozen=True, kw_only=True):
    """A file of a dataset at one commit.

    Attributes:
        path: From the repository's root, ``/`` between parts, exactly as git has it.
        size: Bytes of content (not of an LFS pointer).
        checksum: ``sha256:<64 hex>`` for LFS and Xet files, ``git-sha1:<40 hex>`` for others; None while the Hub masks
            it (gated datasets without access).
        fault: What its listing lacks, so that it cannot be fetched; None where all is well.
        xet_hash: Names its content in the storage of chunks, 64 hex digits, no hash of the content itself; None where
            the Hub tells none.
    """

    path: str
    size: int
    checksum: str | None
    fault: str | None = None
    xet_hash: str | None = None


class Location(Model, frozen=True, kw_only=True):
    """Where a file's content lies, and what the Hub said of it on the way there.

    Attributes:
        url: Signed and secret, valid for about an hour.
        checksum: As `RemoteFile.checksum`, from ``X-Linked-ETag``; None where the Hub did not say.
        content: The whole file, where the Hub answered with it at once and it is small.
    """

    url: str
    checksum: str | None
    content: bytes | None = None

    def __repr__(self) -> str:
        return f"Location(checksum={self.checksum!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("checksum", self.checksum)]


class DownloadedDataset(Model, frozen=True, kw_only=True):
    """A dataset on disk: every file complete, verified and in place.

    Attributes:
        repo: Canonical ``owner/name``.
        folder: Absolute, holds the files, or an address such as ``s3://bucket/owner/name``; ``localPath`` in JSON.
        files: Paths below `folder`, in byte order.
        total_bytes: Size of all `files`.
        downloaded_at: When the files of this commit were completed, UTC.
        revision: As asked.
        commit: 40 hex digits.
        license: From the dataset card, if it names one.
        configs: From the dataset card, if it names any.
        checksums: ``{path: "sha256:…" | "git-sha1:…"}`` that each file was verified against.
        sizes: ``{path: bytes}``.
        selection: What was asked for so far.
        conversion: Set where the files are those of the Hub's parquet copy; `commit` is the copy's.
        left: What limits have left of what was asked for; None where they have left nothing.
        shard: Where it is one shard of the dataset, and the others are not all here; None for the dataset itself.
    """

    repo: str
    folder: str = msgspec.field(name="localPath")
    files: tuple[str, ...]
    total_bytes: int
    downloaded_at: datetime
    revision: str
    commit: str
    license: str | None = None
    configs: tuple[DatasetConfig, ...] = ()
    checksums: Mapping[str, str] = msgspec.field(default_factory=dict)
    sizes: Mapping[str, int] = msgspec.field(default_factory=dict)
    selection: tuple[Globs, ...] = ()
    conversion: Conversion | None = None
    left: LeftFiles | None = None
    shard: DatasetShard | None = None

    @property
    def is_on_disk(self) -> bool:
        """Whether its files lie in a folder of this machine, and not in an object store."""
        return "://" not in self.folder

    @property
    def local_path(self) -> Path:
        """`folder` as a path.

        Raises:
            NotOnDisk: It is in an object store.
        """
        if not self.is_on_disk:
            raise NotOnDisk(address=self.folder)
        return Path(self.folder)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Absolute paths of `files`, for other readers."""
        return tuple(self.local_path / file for file in self.files)


class RemoteTraffic(Model, frozen=True, kw_only=True):
    """What was moved over the network to read a dataset without downloading it.

    Attributes:
        bytes_moved: Of content.
        requests: All of them: to the Hub, also those for the listing, and to servers of content; each try counts.
        total_bytes: Of the files that may be read.
    """

    bytes_moved: int = 0
    requests: int = 0
    total_bytes: int = 0


class DatasetUsage(Model, frozen=True, kw_only=True):
    """What a dataset takes of the disk, in bytes.

    Attributes:
        repo: The dataset.
        recorded: Whether it is downloaded; else only an unfinished download has left something.
        files: How many recorded files are there.
        file_bytes: Of its recorded files that are there.
        unfinished_bytes: Of unfinished downloads.
        index_bytes: Of what is written down beside the rows, for lists, single rows and repairs; it can be made again.
    """

    repo: str
    recorded: bool
    files: int
    file_bytes: int
    unfinished_bytes: int
    index_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.file_bytes + self.unfinished_bytes + self.index_bytes


class DamagedFile(Model, frozen=True, kw_only=True):
    """A recorded file that is not what was recorded. `actual` is None where the file is missing."""

    path: str
    expected: str
    actual: str | None


class VerifyReport(Model, frozen=True, kw_only=True):
    """What `verify` found.

    Attributes:
        checked_files: Files hashed.
        checked_bytes: Bytes hashed.
        damaged: Files that are missing or whose hash differs, as they were found.
        repaired: Paths of `damaged` that were fetched again.
    """

    repo: str
    commit: str
    checked_files: int
    checked_bytes: int
    damaged: tuple[DamagedFile, ...]
    repaired: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True when nothing is damaged any more."""
        return {file.path for file in self.damaged} == set(self.repaired)
