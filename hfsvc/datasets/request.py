"""Parsing of a request, and what it asks for beside what is recorded of the dataset. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from hfsvc.datasets.globs import covers, exactly, make_matcher
from hfsvc.errors import InvalidPattern
from hfsvc.hub.urls import RepoAddress, parse_repo
from hfsvc.models import DEFAULT_INCLUDE, DEFAULT_REVISION, DatasetRequest, DownloadPlan, Globs, RemoteDataset
from hfsvc.models.file_kinds import KINDS, likely_kinds
from hfsvc.secret import Secret
from hfsvc.settings import Settings
from hfsvc.store.index import IndexEntry

OF_KINDS = frozenset(pattern for kind in KINDS for pattern in kind.globs)
"""What a request that names no files may stand for."""


class ResolvedRequest(NamedTuple):
    """What a request asks for.

    Attributes:
        address: The dataset as it was named.
        revision: Its name, not resolved yet.
        globs: Which files; None for those that were asked for before, else the default.
        by_kind: Whether the kinds of files decide which ones, less those that `globs` leaves out.
        token: The request's own, else the settings'.
        force: Take nothing that is here for granted.
    """

    address: RepoAddress
    revision: str
    globs: Globs | None
    token: Secret | None
    force: bool
    by_kind: bool = False

    def is_recorded(self, entry: IndexEntry, commit: str) -> bool:
        """True when the index holds all of it at `commit` already (the files may still be missing)."""
        asked_before = self.globs is None or any(map(self._is_same, entry.globs))
        return not self.force and not entry.updating_to and entry.commit == commit and asked_before

    def _is_same(self, recorded: Globs) -> bool:
        if self.globs is None or not self.by_kind:
            return recorded == self.globs
        return recorded.exclude == self.globs.exclude and OF_KINDS.issuperset(recorded.include)

    def is_on_disk(self, entry: IndexEntry) -> bool:
        """True when its globs cannot mean more than the recorded files, as far as what was asked for before tells."""
        if self.globs is None or self.force or entry.updating_to:
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
        return [globs for globs in entry.globs if excluded.issuperset(globs.exclude)]

    def wanted(self, entry: IndexEntry | None) -> list[Globs]:
        """The globs of this request alone."""
        if self.globs is not None:
            return [self.globs]
        return list(entry.globs) if entry and entry.globs else [Globs(include=DEFAULT_INCLUDE)]

    def among(self, paths: Sequence[str], entry: IndexEntry | None) -> "ResolvedRequest":
        """The same request for a dataset of these files: where the default is not all that may hold rows, for all of it."""
        if not self.by_kind or (self.globs is None and entry and entry.globs):
            return self
        exclude = self.globs.exclude if self.globs else ()
        is_excluded = make_matcher(exclude)
        kinds = likely_kinds([path for path in paths if not is_excluded(path)])
        include = tuple(pattern for kind in kinds for pattern in kind.globs)
        return (
            self if include in {(), DEFAULT_INCLUDE} else self._replace(globs=Globs(include=include, exclude=exclude))
        )

    def selections(self, entry: IndexEntry | None) -> list[Globs]:
        """Everything that was asked for so far, this request last."""
        return list(dict.fromkeys([*(entry.globs if entry else ()), *self.wanted(entry)]))

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
    by_kind = request.include is None and not address.path
    return ResolvedRequest(address, revision, globs, request.secret or settings.token, request.force, by_kind)


def _globs(request: DatasetRequest, path: str | None) -> Globs | None:
    include, exclude = _listed(request.include), _listed(request.exclude) or ()
    if include is None and path:
        include = (path, f"{path}/")
    if include is None and not exclude:
        return None
    globs = Globs(include=DEFAULT_INCLUDE if include is None else include, exclude=exclude)
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
) -> IndexEntry:
    """What to record once the plan is done.

    Args:
        request: What was asked for.
        remote: The dataset at its commit.
        plan: What was done.
        entry: What was recorded before.
        learned: Checksums by path that the listing hid and the transfer brought.
        now: When it was done.
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
        xet_hashes={file.path: file.xet_hash for file in plan.files if file.xet_hash},
    )
