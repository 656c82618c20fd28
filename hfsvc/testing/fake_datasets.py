"""The fake `DatasetService`: it "downloads" what was published into it, without a Hub."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from hfsvc.aio.cancellation import in_task_group
from hfsvc.aio.listening import listening
from hfsvc.datasets.plan import make_plan
from hfsvc.datasets.request import ResolvedRequest, new_entry, parse_request
from hfsvc.datasets.selecting import check_selects, select
from hfsvc.datasets.updates import unmoved, update_of
from hfsvc.errors import DatasetNotFound, InvalidArgument, NotDownloaded, RevisionNotFound, typed
from hfsvc.files.atomic import free_bytes, prune_empty, size_of
from hfsvc.files.checksum import checksum_of
from hfsvc.hub.urls import parse_repo
from hfsvc.models import (
    BytesHashed,
    BytesReceived,
    DamagedFile,
    DatasetRequest,
    DatasetUpdate,
    DatasetUsage,
    DownloadedDataset,
    DownloadPlan,
    FileStarted,
    FileVerified,
    Finished,
    OnEvent,
    Planned,
    PlannedFile,
    RemoteDataset,
    RemoteFile,
    VerifyReport,
)
from hfsvc.settings import Settings
from hfsvc.store.index import IndexEntry
from hfsvc.store.inventory import Inventory
from hfsvc.trajectories.known_datasets import KNOWN
from hfsvc.trajectories.registry import Registry

_Files = dict[str, bytes]
_KNOWN = Registry(KNOWN)


class FakeDatasetService:
    """A `DatasetService` that "downloads" datasets from memory into a folder. One process, one task at a time.

    It keeps what `hfsvc.protocols.DatasetService` guarantees as far as one caller sees: globs, commits, updates,
    events, errors. There are no tokens and no branches but ``main``.

    Args:
        root: Where files are put, below ``<root>/<owner>/<name>``.
        datasets: ``{id: {path: content}}`` to begin with.

    Attributes:
        requests: Every request that was downloaded, in order.
    """

    def __init__(self, root: Path, datasets: Mapping[str, Mapping[str, bytes]] | None = None) -> None:
        self.requests: list[DatasetRequest] = []
        self._settings = Settings(root=root)
        self._root = root
        self._published: dict[str, _Files] = {repo: dict(files) for repo, files in (datasets or {}).items()}
        self._commits: dict[tuple[str, str], _Files] = {}
        self._entries: dict[str, IndexEntry] = {}

    # ---- the Hub's side ---------------------------------------------------------------------------------------------

    def publish(self, repo: str, path: str, content: bytes) -> None:
        """Add or change a file; the dataset moves to another commit."""
        self._published.setdefault(repo, {})[path] = content

    def retract(self, repo: str, path: str) -> None:
        """Remove a file; the dataset moves to another commit."""
        del self._published[repo][path]

    def _resolve(self, repo: str, revision: str) -> tuple[RemoteDataset, _Files]:
        found = next((name for name in self._published if name.casefold() == repo.casefold()), None)
        if found is None:
            raise DatasetNotFound(repo=repo)
        head = dict(self._published[found])
        newest = _commit_of(head)
        self._commits[found, newest] = head
        commit = newest if revision == "main" else revision
        if (found, commit) not in self._commits:
            raise RevisionNotFound(repo=found, revision=revision)
        return RemoteDataset(repo=found, hub_id=None, revision=revision, commit=commit), self._commits[found, commit]

    # ---- the service ------------------------------------------------------------------------------------------------

    async def download(self, request: DatasetRequest, *, on_event: OnEvent | None = None) -> DownloadedDataset:
        self.requests.append(request)
        return await in_task_group(self._download_telling(request, on_event))

    async def _download_telling(self, request: DatasetRequest, on_event: OnEvent | None) -> DownloadedDataset:
        async with listening(on_event) as notify:
            return self._download(request, notify)

    def _download(self, request: DatasetRequest, notify: OnEvent) -> DownloadedDataset:
        resolved = self._parse(request)
        remote, content = self._resolve(resolved.address.repo, resolved.revision)
        entry = self._entries.get(remote.repo)
        if not (entry and resolved.is_recorded(entry, remote.commit) and not entry.missing(self._root)):
            plan = self._plan(request)
            notify(Planned(plan=plan))
            self._bring(plan, content, notify)
            resolved = resolved.among([*content], entry)
            entry = new_entry(resolved, remote, plan, entry, learned={}, now=datetime.now(UTC))
            self._entries[remote.repo] = entry
        dataset = entry.dataset(self._root)
        notify(Finished(dataset=dataset))
        return dataset

    async def plan(self, request: DatasetRequest) -> DownloadPlan:
        return self._plan(request)

    async def check_update(self, repo: str) -> DatasetUpdate:
        entry = self._recorded(repo)
        plan = self._plan(DatasetRequest(repo=typed(entry.repo), revision=entry.revision))
        return unmoved(entry) if plan.commit == entry.commit else update_of(entry, plan)

    def _parse(self, request: DatasetRequest) -> ResolvedRequest:
        if request.shard:
            raise InvalidArgument(name="shard", given=str(request.shard), reason="the fake brings whole datasets only")
        return parse_request(request, self._settings, full_name=_KNOWN.expand)

    def _plan(self, request: DatasetRequest) -> DownloadPlan:
        resolved = self._parse(request)
        remote, content = self._resolve(resolved.address.repo, resolved.revision)
        entry = self._entries.get(remote.repo)
        listing = [_remote_file(path, content[path]) for path in content]
        resolved = resolved.among([*content], entry)
        check_selects(remote, listing, resolved.wanted(entry))
        files, left = select(remote, listing, resolved.selections(entry))
        folder = self._root / remote.repo
        present = frozenset(
            file.path for file in files if not resolved.force and _checksum(folder / file.path) == file.checksum
        )
        inventory = Inventory(present, {}, {}, free_bytes(self._root))
        return make_plan(remote, files, inventory, recorded=entry.files if entry else (), left=left)

    def _bring(self, plan: DownloadPlan, content: _Files, notify: OnEvent) -> None:
        received = 0
        missing = [file for file in plan.files if not file.present]
        for file in missing:
            notify(FileStarted(path=file.path, size=file.size, kept_bytes=0))
            received += file.size
            notify(FileVerified(path=file.path, size=file.size, checksum=file.checksum or ""))
        notify(BytesReceived(received=received, total=_total(missing)))
        # Last, and without another word: whoever listens sees the old commit until the new one is whole.
        folder = self._root / plan.repo
        for path in plan.removed:
            self._remove(folder / path)
        for file in missing:
            self._put(folder / file.path, content[file.path])

    async def is_downloaded(self, repo: str) -> bool:
        entry = self._find(repo)
        return entry is not None and not entry.missing(self._root)

    async def get_local_path(self, repo: str) -> Path | None:
        entry = self._find(repo)
        return self._root / entry.local_path if entry else None

    async def get_download_info(self, repo: str) -> DownloadedDataset | None:
        entry = self._find(repo)
        return entry.dataset(self._root) if entry else None

    async def list_downloaded(self) -> list[DownloadedDataset]:
        return [self._entries[repo].dataset(self._root) for repo in sorted(self._entries)]

    async def verify(self, repo: str, *, repair: bool = False, on_event: OnEvent | None = None) -> VerifyReport:
        entry = self._recorded(repo)
        if on_event:
            on_event(BytesHashed(hashed=entry.total_bytes, total=entry.total_bytes))
        found = {path: _checksum(self._root / entry.repo / path) for path in entry.files}
        damaged = tuple(
            DamagedFile(path=path, expected=entry.checksums[path], actual=actual)
            for path, actual in found.items()
            if actual != entry.checksums[path]
        )
        if repair:
            for file in damaged:
                self._put(self._root / entry.repo / file.path, self._commits[entry.repo, entry.commit][file.path])
        return VerifyReport(
            repo=entry.repo,
            commit=entry.commit,
            checked_files=len(entry.files),
            checked_bytes=entry.total_bytes,
            damaged=damaged,
            repaired=tuple(file.path for file in damaged) if repair else (),
        )

    async def disk_usage(self) -> list[DatasetUsage]:
        return [
            DatasetUsage(
                repo=repo,
                recorded=True,
                files=len(entry.files),
                file_bytes=entry.total_bytes,
                unfinished_bytes=0,
                index_bytes=0,
            )
            for repo, entry in sorted(self._entries.items())
        ]

    async def prune(self, repo: str | None = None) -> list[DatasetUsage]:
        return []

    async def delete(self, repo: str) -> None:
        entry = self._recorded(repo)
        del self._entries[entry.repo]
        for path in entry.files:
            self._remove(self._root / entry.repo / path)

    # ---- what is here -----------------------------------------------------------------------------------------------

    def _find(self, repo: str) -> IndexEntry | None:
        wanted = parse_repo(_KNOWN.expand(repo), self._settings.endpoint).repo.casefold()
        return next((entry for name, entry in self._entries.items() if name.casefold() == wanted), None)

    def _recorded(self, repo: str) -> IndexEntry:
        entry = self._find(repo)
        if entry is None:
            raise NotDownloaded(repo=repo)
        return entry

    def _put(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        prune_empty(path.parent, self._root)


def _commit_of(files: Mapping[str, bytes]) -> str:
    named = "".join(f"{path}\n{hashlib.sha256(files[path]).hexdigest()}\n" for path in sorted(files))
    return hashlib.sha1(named.encode(), usedforsecurity=False).hexdigest()


def _remote_file(path: str, content: bytes) -> RemoteFile:
    return RemoteFile(path=path, size=len(content), checksum=checksum_of("sha256", content))


def _checksum(path: Path) -> str | None:
    return None if size_of(path) is None else checksum_of("sha256", path.read_bytes())


def _total(files: list[PlannedFile]) -> int:
    return sum(file.size for file in files)
