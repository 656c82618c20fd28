"""Parsing of a request, and what it asks for beside what is recorded of the dataset. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from hfsvc.datasets.globs import covers, exactly, make_matcher
from hfsvc.errors import InvalidPattern
from hfsvc.hub.urls import RepoAddress, parse_repo
from hfsvc.models import (
    DEFAULT_INCLUDE,
    DEFAULT_REVISION,
    Conversion,
    DatasetRequest,
    DatasetShard,
    DownloadPlan,
    Globs,
    RemoteDataset,
)
from hfsvc.models.file_kinds import KINDS, likely_kinds
from hfsvc.secret import Secret
from hfsvc.settings import Settings
from hfsvc.store.index import IndexEntry

EVERYTHING = ("**",)
OF_KINDS = frozenset(pattern for kind in KINDS for pattern in kind.globs)
"""What a request that names no files may stand for."""


class ResolvedRequest(NamedTuple):
    """What a request asks for.

    Attributes:
        address: The dataset as it was named.
        revision: Its name, not resolved yet.
        globs: Which files; None for those that were asked for before, else the default.
        by_kind: Whether the kinds of files decide which ones, less those that `globs` leaves out.
        converted: Whether files of the Hub's parquet copy are meant; None for as before.
        goes_on: Whether it only says up to which limits what was limited before goes on, where something was.
        conversion: What the revision is known to be, where it is a commit of the copy.
        shard: Which of how many shards of the files; None for all.
        before: What a shard's dataset was asked for before, beside this request.
        token: The request's own, else the settings'.
        force: Take nothing that is here for granted.
    """

    address: RepoAddress
    revision: str
    globs: Globs | None
    token: Secret | None
    force: bool
    by_kind: bool = False
    converted: bool | None = None
    conversion: Conversion | None = None
    goes_on: bool = False
    shard: tuple[int, int] | None = None
    before: tuple[Globs, ...] = ()

    def means_conversion(self, entry: IndexEntry | None) -> bool:
        """Whether the files of the Hub's parquet copy are meant, beside what is recorded."""
        return bool(entry and entry.conversion) if self.converted is None else self.converted

    def asked_before(self, entry: IndexEntry | None) -> tuple[Globs, ...]:
        """What was asked for before, of the files that are meant now: those of a copy have other names."""
        if self.shard:
            return self.before
        same = entry is not None and bool(entry.conversion) == self.means_conversion(entry)
        return entry.globs if entry and same else ()

    def in_shard(self, entry: IndexEntry | None) -> "ResolvedRequest":
        """The same request in the store of its shard, which does not know what is recorded of the whole dataset."""
        whole = self._replace(shard=None)
        return self._replace(before=whole.asked_before(entry), converted=whole.means_conversion(entry))

    def is_recorded(self, entry: IndexEntry, commit: str) -> bool:
        """True when the index holds all of it at `commit` already (the files may still be missing)."""
        if self.force or entry.updating_to or entry.commit != commit:
            return False
        wanted = self.wanted(entry)
        if self.shard:
            # A shard is one of certain files: of more, or of fewer, it is another one.
            same = {globs for globs in entry.globs if any(self._is_same(globs, each) for each in wanted)}
            return same | {*self.before} == {*entry.globs}
        return all(any(self._is_same(recorded, each) for recorded in entry.globs) for each in wanted)

    def _is_same(self, recorded: Globs, wanted: Globs) -> bool:
        if self.by_kind and OF_KINDS.issuperset(recorded.include):
            wanted = msgspec.structs.replace(wanted, include=recorded.include)
        return recorded.covers(wanted)

    def is_on_disk(self, entry: IndexEntry) -> bool:
        """True when its globs cannot mean more than the recorded files, as far as what was asked for before tells."""
        if self.globs is None or self.globs.is_part or self.force or entry.updating_to:
            return False
        wanted = OF_KINDS if self.by_kind else self.globs.include
        include, exclude = make_matcher([*wanted]), make_matcher(self.globs.exclude)
        if not any(include(path) and not exclude(path) for path in entry.files):
            return False
        if self.by_kind and any(OF_KINDS.issuperset(globs.include) for globs in self._no_narrower(entry)):
            return True
        return all(self._is_covered(pattern, entry) for pattern in self.globs.include)

    def _is_covered(self, pattern: str, entry: IndexEntry) -> bool:
        if pattern in entry.files and exactly(pattern) == pattern:
            return True
        return any(covers(wider, pattern) for globs in self._no_narrower(entry) for wider in globs.include)

    def _no_narrower(self, entry: IndexEntry) -> list[Globs]:
        excluded = set(self.globs.exclude if self.globs else ())
        return [each for each in entry.globs if not each.is_part and excluded.issuperset(each.exclude)]

    def wanted(self, entry: IndexEntry | None) -> list[Globs]:
        """The selections of this request alone."""
        before = self.asked_before(entry)
        if self.globs is None:
            return list(before) or [Globs(include=DEFAULT_INCLUDE)]
        limited = [each for each in before if each.is_limited] if self.goes_on else []
        return [each.with_limits(self.globs.max_bytes, self.globs.max_files) for each in limited] or [self.globs]

    def among(self, paths: Sequence[str], entry: IndexEntry | None) -> "ResolvedRequest":
        """The same request for a dataset of these files: where the default is not all that may hold rows, for all of it."""
        if not self.by_kind or (self.globs is None and self.asked_before(entry)):
            return self
        globs = self.globs or Globs(include=DEFAULT_INCLUDE)
        is_excluded = make_matcher(globs.exclude)
        kinds = likely_kinds([path for path in paths if not is_excluded(path)])
        include = tuple(pattern for kind in kinds for pattern in kind.globs)
        if include in {(), DEFAULT_INCLUDE}:
            return self
        return self._replace(globs=msgspec.structs.replace(globs, include=include))

    def selections(self, entry: IndexEntry | None) -> list[Globs]:
        """Everything that was asked for so far, this request last; of one selection up to several limits the widest."""
        found = dict.fromkeys([*self.asked_before(entry), *self.wanted(entry)])
        return [each for each in found if not any(other.covers(each) for other in found if other is not each)]

    def aliases(self, entry: IndexEntry | None, repo: str) -> tuple[str, ...]:
        """Names under which the dataset `repo` was asked for, beside its own."""
        return tuple(sorted({*(entry.aliases if entry else ()), self.address.repo} - {repo}))


def parse_request(
    request: DatasetRequest, settings: Settings, *, full_name: Callable[[str], str] = str
) -> ResolvedRequest:
    """What a request asks for.

    Args:
        request: As a caller made it.
        settings: Give the endpoint, and a token where the request has none.
        full_name: Gives the id that an alias stands for, and any other name as it is.

    Raises:
        InvalidRepoId, InvalidPattern: It cannot be understood.
    """
    address = parse_repo(full_name(request.repo), settings.endpoint)
    inside = address.revision if request.revision == DEFAULT_REVISION else None
    revision, globs = inside or request.revision, _globs(request, address.path)
    by_kind = request.include is None and not address.path and not _names_split(request)
    goes_on = by_kind and not request.exclude and globs is not None
    token = request.secret or settings.token
    asked = request.converted
    conversion, converted = (asked, True) if isinstance(asked, Conversion) else (None, asked)
    return ResolvedRequest(
        address,
        revision,
        globs,
        token,
        request.force,
        by_kind,
        converted,
        conversion,
        goes_on,
        request.shard,
    )


def _names_split(request: DatasetRequest) -> bool:
    return request.config is not None or request.split is not None


def _globs(request: DatasetRequest, path: str | None) -> Globs | None:
    """What a request says of files; None where it says nothing."""
    include, exclude = _listed(request.include), _listed(request.exclude) or ()
    if include is None and path:
        include = (path, f"{path}/")
    # Of a split those files are meant that may hold rows, whatever their kind.
    usual = EVERYTHING if _names_split(request) else DEFAULT_INCLUDE
    globs = Globs(
        include=usual if include is None else include,
        exclude=exclude,
        config=request.config,
        split=request.split,
        max_bytes=request.max_bytes,
        max_files=request.max_files,
    )
    if include is None and not exclude and not globs.is_part:
        return None
    if not globs.include:
        raise InvalidPattern(pattern="", reason="no file is asked for: name globs, or leave include alone")
    make_matcher((*globs.include, *globs.exclude))
    return globs


def _listed(globs: Sequence[str] | None) -> tuple[str, ...] | None:
    # A text is a sequence too, of its letters.
    if globs is None:
        return None
    return (globs,) if isinstance(globs, str) else tuple(globs)


def new_entry(
    request: ResolvedRequest,
    remote: RemoteDataset,
    plan: DownloadPlan,
    entry: IndexEntry | None,
    *,
    learned: Mapping[str, str],
    now: datetime,
    shard: DatasetShard | None = None,
) -> IndexEntry:
    """What to record once the plan is done.

    Args:
        request: What was asked for.
        remote: The dataset at its commit.
        plan: What was done.
        entry: What was recorded before.
        learned: Checksums by path that the listing hid and the transfer brought.
        now: When it was done.
        shard: Which shard it is.
    """
    return IndexEntry(
        repo=remote.repo,
        local_path=remote.repo,
        files=tuple(file.path for file in plan.files),
        total_bytes=plan.total_bytes,
        downloaded_at=now,
        revision=request.revision,
        commit=remote.commit,
        license=remote.license,
        configs=remote.configs,
        globs=tuple(request.selections(entry)),
        checksums={file.path: file.checksum or learned[file.path] for file in plan.files},
        sizes={file.path: file.size for file in plan.files},
        aliases=request.aliases(entry, remote.repo),
        hub_id=remote.hub_id,
        conversion=remote.conversion,
        left=plan.left,
        shard=shard,
        xet_hashes={file.path: file.xet_hash for file in plan.files if file.xet_hash},
    )
