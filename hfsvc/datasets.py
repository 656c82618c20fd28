"""The way of a dataset: resolve, list, select, plan, transfer, verify, record."""

import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
from anyio import to_thread

from hfsvc.disk import free_bytes, make_folder
from hfsvc.download.downloader import Downloader
from hfsvc.download.parts import kept_bytes, part_name
from hfsvc.download.plan import OnDisk, Selection, check_room, make_plan, nothing_selected, remote_file, select
from hfsvc.download.select import make_matcher
from hfsvc.errors import DatasetChanged, DownloadFailed, HfsvcError, NotDownloaded, Offline
from hfsvc.hub.client import HubClient
from hfsvc.hub.retries import OnRetry
from hfsvc.hub.urls import RepoAddress, parse_repo
from hfsvc.models import (
    DEFAULT_INCLUDE,
    DamagedFile,
    DatasetRequest,
    DownloadedDataset,
    DownloadPlan,
    Finished,
    OnEvent,
    Planned,
    RemoteDataset,
    RemoteFile,
    Retried,
    VerifyReport,
)
from hfsvc.settings import Secret, Settings
from hfsvc.store.arrivals import Arrivals
from hfsvc.store.catalog import Catalog, Entry, Globs
from hfsvc.store.install import remove_file, swap
from hfsvc.store.layout import clear_parts, parts_folder
from hfsvc.store.locks import DatasetLocks
from hfsvc.store.paths import check_dataset_folder, check_path, check_together, inside, is_case_sensitive
from hfsvc.store.survey import find_copies, find_present, hash_file


class _Wish(NamedTuple):
    """A request in canonical terms."""

    address: RepoAddress
    revision: str
    selection: Selection
    token: Secret | None
    force: bool


class HubDatasetService:
    """`DatasetService` over a Hub and a folder.

    Args:
        hub: Answers what there is.
        catalog: Records what is here.
        locks: One holder a dataset.
        settings: The root (absolute), the token, and how to transfer.
        now: The time for records, UTC.
    """

    def __init__(
        self,
        *,
        hub: HubClient,
        catalog: Catalog,
        locks: DatasetLocks,
        settings: Settings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._hub = hub
        self._catalog = catalog
        self._locks = locks
        self._settings = settings
        self._root = settings.root
        self._now = now

    # ---- download ---------------------------------------------------------------------------------------------------

    async def download(self, request: DatasetRequest, *, on_event: OnEvent | None = None) -> DownloadedDataset:
        tell = on_event or (lambda _: None)
        wish = self._wish(request)
        if self._settings.offline:
            return await self._recorded_offline(wish)
        remote = await self._resolve(wish, tell)
        async with self._locks.hold(remote.repo) as waited:
            if waited:
                # Whoever held it may have brought a newer commit than the one resolved before the wait.
                remote = await self._resolve(wish, tell)
            entry = await self._entry(remote.repo)
            _check_same_repository(entry, remote)
            if entry and await self._satisfies(entry, wish, remote):
                dataset = await self._touch(entry, wish)
            else:
                dataset = await self._bring(wish, remote, entry, tell)
        tell(Finished(dataset=dataset))
        return dataset

    async def _bring(self, wish: _Wish, remote: RemoteDataset, entry: Entry | None, tell: OnEvent) -> DownloadedDataset:
        plan = await self._plan(wish, remote, entry, _on_retry(tell))
        check_room(plan, str(self._root))
        await to_thread.run_sync(self._check_places, plan)
        tell(Planned(plan=plan))
        arrivals = await self._transfer(wish, remote, plan, entry, tell)
        new = self._new_entry(wish, remote, plan, entry, arrivals.checksums)
        await to_thread.run_sync(swap, self._catalog, self._root, entry, new, arrivals.held)
        await to_thread.run_sync(clear_parts, self._root, remote.repo)
        return new.dataset(self._root)

    async def _plan(
        self, wish: _Wish, remote: RemoteDataset, entry: Entry | None, on_retry: OnRetry | None
    ) -> DownloadPlan:
        listing = [file async for file in self._hub.list_files(remote, token=wish.token, on_retry=on_retry)]
        if not select(listing, [wish.selection]):
            raise nothing_selected(remote, listing, wish.selection)
        files = select(listing, _selections(wish, entry))
        for file in files:
            check_path(file.path)
        on_disk = await self._on_disk(remote, files, entry, force=wish.force)
        return make_plan(
            remote,
            files,
            on_disk,
            recorded=entry.files if entry else (),
            requests_left=self._hub.requests_left(),
        )

    async def _on_disk(
        self, remote: RemoteDataset, files: list[RemoteFile], entry: Entry | None, *, force: bool
    ) -> OnDisk:
        free = await to_thread.run_sync(free_bytes, self._root)
        if force:
            return OnDisk(frozenset(), {}, {}, free)
        # What is recorded of a dataset whose exchange was interrupted may lie under the other commit's content.
        trusted = entry if entry and not entry.changing_to else None
        present = await find_present(self._root / remote.repo, trusted, files)
        copies = find_copies(trusted, files, present)
        kept = await to_thread.run_sync(self._kept, remote, [file for file in files if file.path not in present])
        return OnDisk(present, copies, kept, free)

    def _kept(self, remote: RemoteDataset, files: list[RemoteFile]) -> dict[str, int]:
        folder = parts_folder(self._root, remote.repo)
        names = {file.path: part_name(remote.repo, remote.commit, file.path, file.checksum) for file in files}
        return {file.path: kept_bytes(folder, names[file.path], file.size) for file in files}

    def _check_places(self, plan: DownloadPlan) -> None:
        make_folder(parts_folder(self._root, plan.repo))
        others = [
            f"{entry.repo}/{path}"
            for entry in self._catalog.entries().values()
            if entry.repo != plan.repo
            for path in entry.files
        ]
        case_sensitive = is_case_sensitive(parts_folder(self._root, plan.repo))
        check_together([*others, *(f"{plan.repo}/{file.path}" for file in plan.files)], case_sensitive=case_sensitive)

    async def _transfer(
        self, wish: _Wish, remote: RemoteDataset, plan: DownloadPlan, entry: Entry | None, tell: OnEvent
    ) -> Arrivals:
        """Fetch what is missing; the verified files that replace recorded ones are held, and go in place together."""
        parts = parts_folder(self._root, remote.repo)
        if wish.force:
            await to_thread.run_sync(_empty, parts)
        recorded = entry.files if entry else ()
        arrivals = Arrivals(self._root, remote.repo, parts, recorded=recorded)
        downloader = Downloader(
            remote,
            await self._to_fetch(plan, None if wish.force else entry, arrivals),
            self._hub.content(remote, token=wish.token),
            folder=parts,
            settings=self._settings,
            on_verified=arrivals.take,
            on_event=tell,
        )
        if failures := await downloader.run():
            raise failures[0] if len(failures) == 1 else DownloadFailed(repo=remote.repo, failures=failures)
        return arrivals

    async def _to_fetch(self, plan: DownloadPlan, entry: Entry | None, arrivals: Arrivals) -> list[RemoteFile]:
        """Copy what lies here under another name; give what is left, every content once."""
        wanted: list[RemoteFile] = []
        for file in (remote_file(each) for each in plan.files if not each.present):
            donor = entry.path_of(file.checksum) if entry else None
            if donor and await arrivals.copy(self._root / plan.repo / donor, file):
                continue
            wanted.append(file)
        return arrivals.each_content_once(wanted)

    def _new_entry(
        self,
        wish: _Wish,
        remote: RemoteDataset,
        plan: DownloadPlan,
        entry: Entry | None,
        verified: Mapping[str, str],
    ) -> Entry:
        files = {file.path: file for file in plan.files}
        return Entry(
            repo=remote.repo,
            local_path=remote.repo,
            files=tuple(files),
            total_bytes=plan.total_bytes,
            downloaded_at=self._now(),
            revision=wish.revision,
            commit=remote.commit,
            license=remote.license,
            globs=tuple(Globs(include=each.include, exclude=each.exclude) for each in _selections(wish, entry)),
            # A listing may mask a hash that the file was then verified against.
            checksums={path: verified.get(path) or file.checksum or "" for path, file in files.items()},
            sizes={path: file.size for path, file in files.items()},
            aliases=_aliases(entry, wish.address.repo, remote.repo),
            hub_id=remote.hub_id,
        )

    async def _satisfies(self, entry: Entry, wish: _Wish, remote: RemoteDataset) -> bool:
        if wish.force or entry.changing_to or entry.commit != remote.commit:
            return False
        asked_before = Globs(include=wish.selection.include, exclude=wish.selection.exclude) in entry.globs
        return asked_before and not await to_thread.run_sync(entry.missing, self._root)

    async def _touch(self, entry: Entry, wish: _Wish) -> DownloadedDataset:
        """The recorded dataset, remembered under the name and revision it was asked for by."""
        aliases = _aliases(entry, wish.address.repo, entry.repo)
        known = msgspec.structs.replace(entry, revision=wish.revision, aliases=aliases)
        if known != entry:
            await to_thread.run_sync(self._catalog.record, known)
        return known.dataset(self._root)

    async def _recorded_offline(self, wish: _Wish) -> DownloadedDataset:
        entry = await self._entry(wish.address.repo)
        if entry and wish.revision in {entry.revision, entry.commit}:
            remote = entry.remote()
            if await self._satisfies(entry, wish, remote):
                return entry.dataset(self._root)
        raise Offline(wanted=wish.address.repo)

    async def plan(self, request: DatasetRequest) -> DownloadPlan:
        wish = self._wish(request)
        remote = await self._resolve(wish, lambda _: None)
        entry = await self._entry(remote.repo)
        return await self._plan(wish, remote, entry, None)

    async def _resolve(self, wish: _Wish, tell: OnEvent) -> RemoteDataset:
        on_retry = _on_retry(tell)
        remote = await self._hub.resolve(wish.address.repo, wish.revision, token=wish.token, on_retry=on_retry)
        check_dataset_folder(remote.repo)
        return remote

    def _wish(self, request: DatasetRequest) -> _Wish:
        address = parse_repo(request.repo, self._settings.endpoint)
        include, exclude = tuple(request.include), tuple(request.exclude)
        if address.path and include == DEFAULT_INCLUDE:
            include = (address.path, f"{address.path}/**")
        make_matcher((*include, *exclude))
        revision = address.revision if address.revision and request.revision == "main" else request.revision
        token = Secret(request.token) if request.token else self._settings.token
        return _Wish(address, revision, Selection(include, exclude), token, request.force)

    # ---- what is here -----------------------------------------------------------------------------------------------

    async def is_downloaded(self, repo: str) -> bool:
        entry = await self._settled(repo)
        return entry is not None and not await to_thread.run_sync(entry.missing, self._root)

    async def get_local_path(self, repo: str) -> Path | None:
        dataset = await self.get_download_info(repo)
        return dataset.local_path if dataset else None

    async def get_download_info(self, repo: str) -> DownloadedDataset | None:
        entry = await self._settled(repo)
        return entry.dataset(self._root) if entry else None

    async def list_downloaded(self) -> list[DownloadedDataset]:
        entries = await to_thread.run_sync(self._catalog.entries)
        return [entry.dataset(self._root) for _, entry in sorted(entries.items()) if not entry.changing_to]

    async def _entry(self, repo: str) -> Entry | None:
        return await to_thread.run_sync(self._catalog.find, parse_repo(repo, self._settings.endpoint).repo)

    async def _settled(self, repo: str) -> Entry | None:
        entry = await self._entry(repo)
        return None if entry is None or entry.changing_to else entry

    async def _recorded(self, repo: str) -> Entry:
        entry = await self._entry(repo)
        if entry is None:
            raise NotDownloaded(repo=parse_repo(repo, self._settings.endpoint).repo)
        return entry

    # ---- verify, delete ---------------------------------------------------------------------------------------------

    async def verify(self, repo: str, *, repair: bool = False) -> VerifyReport:
        async with self._locks.hold((await self._recorded(repo)).repo):
            entry = await self._recorded(repo)
            damaged = [file async for file in self._damaged(entry)]
            if repair and damaged:
                await self._repair(entry, [file.path for file in damaged])
            return VerifyReport(
                repo=entry.repo,
                commit=entry.commit,
                checked_files=len(entry.files),
                checked_bytes=entry.total_bytes,
                damaged=tuple(damaged),
                repaired=tuple(file.path for file in damaged) if repair else (),
            )

    async def _damaged(self, entry: Entry) -> AsyncIterator[DamagedFile]:
        for path in entry.files:
            expected = entry.checksums[path]
            actual = await hash_file(self._root / entry.repo / path, expected)
            if actual != expected:
                yield DamagedFile(path=path, expected=expected, actual=actual)

    async def _repair(self, entry: Entry, paths: list[str]) -> None:
        remote = entry.remote()
        parts = parts_folder(self._root, entry.repo)
        await to_thread.run_sync(_empty, parts)
        arrivals = Arrivals(self._root, entry.repo, parts, recorded=())
        files = [RemoteFile(path=path, size=entry.sizes[path], checksum=entry.checksums[path]) for path in paths]
        downloader = Downloader(
            remote,
            arrivals.each_content_once(files),
            self._hub.content(remote, token=self._settings.token),
            folder=parts,
            settings=self._settings,
            on_verified=arrivals.take,
            on_event=lambda _: None,
        )
        if failures := await downloader.run():
            raise failures[0] if len(failures) == 1 else DownloadFailed(repo=entry.repo, failures=failures)
        await to_thread.run_sync(clear_parts, self._root, entry.repo)

    async def delete(self, repo: str) -> None:
        async with self._locks.hold((await self._recorded(repo)).repo):
            entry = await self._recorded(repo)
            await to_thread.run_sync(self._delete, entry)

    def _delete(self, entry: Entry) -> None:
        places = [f"{entry.repo}/{path}" for path in entry.files]
        for place in places:
            inside(self._root, place)
        # The index first: after a crash the files are unrecorded, and a later download adopts them.
        self._catalog.remove(entry.repo)
        for place in places:
            remove_file(self._root, place)
        clear_parts(self._root, entry.repo)


def _selections(wish: _Wish, entry: Entry | None) -> list[Selection]:
    earlier = [Selection(each.include, each.exclude) for each in entry.globs] if entry else []
    return list(dict.fromkeys([*earlier, wish.selection]))


def _aliases(entry: Entry | None, asked: str, repo: str) -> tuple[str, ...]:
    names = {*(entry.aliases if entry else ()), asked} - {repo}
    return tuple(sorted(names))


def _check_same_repository(entry: Entry | None, remote: RemoteDataset) -> None:
    # A name may be taken over by another repository after a move; its files must not be mixed with the recorded ones.
    if entry and entry.hub_id and remote.hub_id and entry.hub_id != remote.hub_id:
        hint = f"The Hub has another repository under this name now: run hfsvc delete {remote.repo} first."
        raise DatasetChanged(repo=remote.repo, hint=hint)


def _on_retry(tell: OnEvent) -> OnRetry:
    def on_retry(error: HfsvcError, attempt: int, wait_s: float) -> None:
        tell(Retried(path=None, reason=error.message(), attempt=attempt, wait_s=wait_s, at=datetime.now(UTC)))

    return on_retry


def _empty(parts: Path) -> None:
    shutil.rmtree(parts, ignore_errors=True)
    make_folder(parts)
