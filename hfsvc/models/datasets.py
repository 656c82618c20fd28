"""Structs about datasets: what to download, what the Hub lists, what is planned, what lies on disk."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec.structs import force_setattr

from hfsvc.arguments import check_fields
from hfsvc.errors import InvalidArgument
from hfsvc.models.base import Model
from hfsvc.secret import Secret

DEFAULT_REVISION = "main"
Limit = Annotated[int, msgspec.Meta(ge=1)]
"""How much is brought at most."""


class Conversion(Model, frozen=True, kw_only=True):
    """Of what a dataset's files are the Hub's parquet copy, instead of being the dataset's own.

    Attributes:
        revision: The ref that the copy lies on; its commit is the `commit` of the dataset that this belongs to.
        source_commit: The dataset's own commit that it is the copy of.
        confirmed: Whether the Hub said so. A server that does not say leaves only that it has a copy now.
    """

    revision: str
    source_commit: str
    confirmed: bool

    @property
    def about(self) -> str:
        """What it is, for people."""
        sure = "" if self.confirmed else ", as far as the Hub tells"
        return f"the Hub's parquet copy of commit {self.source_commit[:12]}{sure}"


class DatasetRequest(Model, frozen=True):
    """What to bring onto disk.

    Attributes:
        repo: An alias such as ``openthoughts-sft``, ``owner/name``, a single-name id such as ``squad``, ``datasets/owner/name``, a dataset page's address, or
            ``hf://datasets/owner/name@revision``. A revision inside it counts only where `revision` is left alone.
        revision: Branch, tag, ``refs/...`` or full commit.
        include: Globs as in a shell: ``*`` stops at ``/``, ``**`` crosses it and matches nothing too, dot files match,
            braces work, case counts, ``dir/`` means ``dir/**``, an exact path matches itself. A text is one glob. None
            means what was asked for before of this dataset, or where nothing was, ``**/*.parquet``; of a dataset whose
            parquet files do not say by their names that they are the data, also the next kinds of files that may hold
            rows: Arrow, JSON Lines, JSON, CSV.
        exclude: Globs that take away from `include`, or from the default where that is None. A text is one glob.
        token: Used for this request instead of the settings' token.
        force: Fetch every file again, also those that are already verified on disk.
        config: Only files of this configuration, as the card or the names of files say; of those that may hold rows,
            where `include` is None.
        split: Only files of this split, likewise; in all configurations that have it, unless one is named.
        max_bytes: Of what is asked for, so many bytes at most in all: whole files in byte order of their paths, up to
            the first that does not fit. Those that are here count. Where nothing else is said, what was limited before
            goes on up to this.
        max_files: So many files at most, likewise.
        converted: Whether to bring the Hub's parquet copy of the dataset (``refs/convert/parquet``) instead of its own
            files. None means as it was downloaded before, else its own. A `Conversion` says what `revision`, a commit
            of the copy, is known to be, as a lock file does; then the Hub is not asked.
        shard: ``(i, n)``: bring the i-th of n shards of the files, counted from 0, of about the same bytes; all of them
            together are the dataset. None brings all.

    Raises:
        InvalidArgument: A field has a value that it cannot have.
    """

    repo: str
    revision: str = DEFAULT_REVISION
    include: Sequence[str] | str | None = None
    exclude: Sequence[str] | str = ()
    token: str | Secret | None = None
    force: bool = False
    config: str | None = None
    split: str | None = None
    max_bytes: Limit | None = None
    max_files: Limit | None = None
    converted: bool | Conversion | None = None
    shard: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.shard and not 0 <= self.shard[0] < self.shard[1]:
            reason = "the first number counts from 0 and is less than the second one, the number of shards"
            raise InvalidArgument(name="shard", given=str(self.shard), reason=reason)
        for name in ("revision", "token", "config", "split"):
            if getattr(self, name) == "":
                reason = "it is empty: leave it out for the usual one"
                raise InvalidArgument(name=name, given="''", reason=reason)
        if isinstance(self.token, str):
            # As a text it would be shown wherever the request is.
            force_setattr(self, "token", Secret(self.token.strip()))

    @property
    def secret(self) -> Secret | None:
        """The token, which is kept as a secret however it was given."""
        return Secret(self.token) if isinstance(self.token, str) else self.token


class LeftFiles(Model, frozen=True, kw_only=True):
    """What the limits of requests leave of what was asked for.

    Attributes:
        files: How many.
        total_bytes: Their size.
        next_path: The one that comes next.
        next_bytes: Its size.
    """

    files: int
    total_bytes: int
    next_path: str
    next_bytes: int


class Globs(Model, frozen=True, kw_only=True):
    """One request's selection, kept so that a new commit is selected the same way."""

    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    config: str | None = None
    split: str | None = None
    max_bytes: int | None = None
    max_files: int | None = None

    @property
    def is_limited(self) -> bool:
        """Whether only the first of the files may be meant."""
        return self.max_bytes is not None or self.max_files is not None

    @property
    def is_part(self) -> bool:
        """Whether not all files may be meant that the globs mean."""
        return self.is_limited or self.config is not None or self.split is not None

    def with_limits(self, max_bytes: int | None, max_files: int | None) -> "Globs":
        """The same selection up to other limits."""
        return msgspec.structs.replace(self, max_bytes=max_bytes, max_files=max_files)

    def covers(self, other: "Globs") -> bool:
        """Whether it is the same selection, up to limits that are no narrower."""
        limits = ((self.max_bytes, other.max_bytes), (self.max_files, other.max_files))
        same = self.with_limits(None, None) == other.with_limits(None, None)
        return same and all(ours is None or (theirs is not None and theirs <= ours) for ours, theirs in limits)


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


class ByteRange(Model, frozen=True, kw_only=True):
    """Bytes of a file: `start` inclusive, `stop` exclusive, both from 0."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """Bytes in the range."""
        return self.stop - self.start


class CopiedRange(ByteRange, frozen=True, kw_only=True):
    """Bytes of a file that lie in another one, where they begin at `source`."""

    source: int


class Delta(Model, frozen=True, kw_only=True):
    """What a new version of a file shares with one on disk, and is copied from there instead of fetched.

    Attributes:
        donor: Path of the recorded file, below the dataset's folder.
        copies: Ranges of the new file, in order; what lies between them is fetched.
    """

    donor: str
    copies: tuple[CopiedRange, ...]

    @property
    def copied_bytes(self) -> int:
        """All that is copied."""
        return sum(each.length for each in self.copies)


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


class PlannedFile(Model, frozen=True, kw_only=True):
    """A selected file and what is already here of it.

    Attributes:
        present: True when it lies at its final path, verified.
        copy_of: Where the same content is copied from instead of fetched: another file of the dataset (which may have
            to be fetched itself), or an absolute path in the cache of Hugging Face's own tools.
        kept_bytes: Bytes of an interrupted transfer that need not be fetched again.
        fault: Why a download fails at this file: its listing lacks something (`RemoteFile.fault`; the others are brought
            before), or its path is refused (nothing is).
        xet_hash: As `RemoteFile.xet_hash`.
        delta: What of it is copied from the version on disk, where that was found out.
        copied_bytes: Bytes that `delta` copies, beside those that are kept.
        whole_because: Why nothing of it is copied from the version on disk, where there is one.
    """

    path: str
    size: int
    checksum: str | None
    present: bool
    copy_of: str | None = None
    kept_bytes: int = 0
    fault: str | None = None
    xet_hash: str | None = None
    delta: Delta | None = None
    copied_bytes: int = 0
    whole_because: str | None = None

    @property
    def to_fetch(self) -> bool:
        """True when bytes of it come from the Hub."""
        return not self.present and self.copy_of is None


class DownloadPlan(Model, frozen=True, kw_only=True):
    """What a download would do, in bytes and requests.

    Attributes:
        files: Every selected file, in byte order of paths.
        removed: Recorded files that the new commit no longer has.
        total_bytes: All selected files.
        present_bytes: Of files already here.
        kept_bytes: Of interrupted transfers.
        copied_bytes: What is copied from versions on disk (`PlannedFile.delta`).
        fetch_bytes: What is left to fetch.
        free_bytes: Room on the root's disk; None where it does not tell.
        hub_requests: Requests to the Hub that the transfer will cost at most (ranges from the CDN are not counted).
        hub_requests_left: What the Hub's rate limit leaves for them in this window, where it told.
        unportable: Paths of files whose names this system holds and others cannot.
        conversion: Set where the files are those of the Hub's parquet copy.
        left: What limits leave of what was asked for; None where they leave nothing.
    """

    repo: str
    revision: str
    commit: str
    files: tuple[PlannedFile, ...]
    removed: tuple[str, ...]
    total_bytes: int
    present_bytes: int
    kept_bytes: int
    copied_bytes: int = 0
    fetch_bytes: int
    free_bytes: int | None
    hub_requests: int
    hub_requests_left: int | None = None
    unportable: tuple[str, ...] = ()
    conversion: Conversion | None = None
    left: LeftFiles | None = None


class DownloadedDataset(Model, frozen=True, kw_only=True):
    """A dataset on disk: every file complete, verified and in place.

    Attributes:
        repo: Canonical ``owner/name``.
        folder: Absolute, holds the files; ``localPath`` in JSON.
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
    def local_path(self) -> Path:
        """`folder` as a path."""
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
