"""Structs of requests: what to download, and what of it was chosen so far."""

from collections.abc import Sequence
from typing import Annotated

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
