"""The way of a dataset: resolve, list, select, plan, transfer, verify, record."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from anyio import to_thread

from hfsvc.aio.cancellation import guarded
from hfsvc.aio.coalesce import SharedLook
from hfsvc.datasets.plan import OnDisk, check_room, make_plan, nothing_selected, select
from hfsvc.datasets.request import Wish, all_paths, check_same_repository, new_entry, read_wish
from hfsvc.datasets.transfer import Engine, Transfer
from hfsvc.disk import check_same_disk, make_folder
from hfsvc.errors import DatasetChanged, LocalStorage, NotDownloaded, Offline
from hfsvc.files.atomic import free_bytes
from hfsvc.hub.retries import OnRetry, tell_retries
from hfsvc.hub.urls import parse_repo
from hfsvc.models import (
    DamagedFile,
    DatasetRequest,
    DownloadedDataset,
    DownloadPlan,
    Finished,
    OnEvent,
    Planned,
    RemoteDataset,
    RemoteFile,
    VerifyReport,
)
from hfsvc.store.directories import clear_parts, clear_rows, digests_folder, keep_digests, parts_folder
from hfsvc.store.exchange import move_dataset, remove_file, swap
from hfsvc.store.index import Catalog, Entry, find_entry
from hfsvc.store.inventory import find_copies, find_present, hash_file
from hfsvc.store.locks import DatasetLocks
from hfsvc.store.safe_paths import check_dataset_folder, check_path, check_together, inside, is_case_sensitive
from hfsvc.store.staging import keep_notes_only, note_placed, only_notes_of, placed_paths
from hfsvc.transfer.part_paths import Places, kept_bytes, left_behind, part_name


class HubDatasetService:
    """`DatasetService` over a Hub and a folder.

    Args:
        engine: The Hub, and what transfers share.
        catalog: Records what is here.
        locks: One holder a dataset.
        now: The time for records, UTC.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        catalog: Catalog,
        locks: DatasetLocks,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._hub = engine.hub
        self._catalog = catalog
        self._entries = SharedLook(catalog.entries)
        self._locks = locks
        self._settings = engine.settings
        self._root = engine.settings.root
        self._now = now

    # ---- download ---------------------------------------------------------------------------------------------------

    async def download(self, request: DatasetRequest, *, on_event: OnEvent | None = None) -> DownloadedDataset:
        return await guarded(self._download(read_wish(request, self._settings), on_event or (lambda _: None)))

    async def _download(self, wish: Wish, tell: OnEvent) -> DownloadedDataset:
        if self._settings.offline:
            return await self._recorded_offline(wish)
        on_retry = tell_retries(tell)
        remote = await self._resolve(wish, on_retry)
        await self._follow_rename(remote)
        dataset = await self._if_here(wish, remote)
        if dataset is None:
            # Before the lock, so that a name or a glob that fits nothing leaves nothing on the disk.
            before = await self._recorded_as(remote.repo)
            listing = await self._list(wish, remote, on_retry)
            async with self._locks.hold(remote.repo) as waited:
                if waited or await self._recorded_as(remote.repo) != before:
                    # Whoever held it may have brought this commit, or a newer one than was resolved before.
                    remote = await self._resolve(wish, on_retry)
                    dataset = await self._if_here(wish, remote)
                    listing = [] if dataset else await self._list(wish, remote, on_retry)
                dataset = dataset or await self._bring(wish, remote, listing, tell)
        tell(Finished(dataset=dataset))
        return dataset

    async def _if_here(self, wish: Wish, remote: RemoteDataset) -> DownloadedDataset | None:
        entry = await self._recorded_as(remote.repo)
        check_same_repository(entry, remote)
        if entry is None or not await self._is_here(entry, wish, remote.commit):
            return None
        await self._tidy(entry)
        return await self._touch(entry, wish, remote)

    async def _tidy(self, entry: Entry) -> None:
        """Finish what a run that was killed right after it had recorded the dataset left to do."""
        parts = parts_folder(self._root, entry.repo)
        if await to_thread.run_sync(only_notes_of, parts, entry.files):
            with suppress(LocalStorage):
                async with self._locks.hold_if_free(entry.repo) as held:
                    if held and await to_thread.run_sync(only_notes_of, parts, entry.files):
                        await to_thread.run_sync(clear_parts, self._root, entry.repo)

    async def _follow_rename(self, remote: RemoteDataset) -> None:
        if await to_thread.run_sync(self._catalog.find_moved, remote.repo, remote.hub_id) is None:
            return
        async with self._locks.hold(remote.repo):
            moved = await to_thread.run_sync(self._catalog.find_moved, remote.repo, remote.hub_id)
            if moved and remote.repo not in await self._entries():
                async with self._locks.hold(moved.repo):
                    await to_thread.run_sync(move_dataset, self._catalog, self._root, moved, remote.repo)

    async def _list(self, wish: Wish, remote: RemoteDataset, on_retry: OnRetry | None) -> list[RemoteFile]:
        listing = [file async for file in self._hub.list_files(remote, token=wish.token, on_retry=on_retry)]
        if not select(listing, [wish.selection]):
            raise nothing_selected(remote, listing, wish.selection)
        return listing

    async def _bring(
        self, wish: Wish, remote: RemoteDataset, listing: list[RemoteFile], tell: OnEvent
    ) -> DownloadedDataset:
        entry = await self._recorded_as(remote.repo)
        plan = await self._plan(wish, remote, listing, entry)
        check_room(plan, str(self._root))
        await to_thread.run_sync(self._check_places, plan)
        tell(Planned(plan=plan))
        transfer = Transfer(self._engine, remote, wish.token, tell)
        arrivals = await transfer.run(plan, entry, force=wish.force)
        new = new_entry(wish, remote, plan, entry, learned=arrivals.checksums, now=self._now())
        await to_thread.run_sync(self._install, entry, new, arrivals.held)
        return new.dataset(self._root)

    def _install(self, entry: Entry | None, new: Entry, held: Mapping[str, Path]) -> None:
        swap(self._catalog, self._root, entry, new, held, before_record=lambda: self._clean_up(new))
        clear_parts(self._root, new.repo)

    def _clean_up(self, entry: Entry) -> None:
        parts = parts_folder(self._root, entry.repo)
        for path in placed_paths(parts) - set(entry.files):
            remove_file(self._root, f"{entry.repo}/{path}")
        keep_notes_only(parts)
        names = {part_name(entry.repo, entry.commit, path, checksum) for path, checksum in entry.checksums.items()}
        keep_digests(self._root, entry.repo, names)

    async def plan(self, request: DatasetRequest) -> DownloadPlan:
        wish = read_wish(request, self._settings)
        remote = await self._resolve(wish, None)
        listing = await self._list(wish, remote, None)
        return await self._plan(wish, remote, listing, await self._recorded_as(remote.repo))

    async def _plan(
        self, wish: Wish, remote: RemoteDataset, listing: list[RemoteFile], entry: Entry | None
    ) -> DownloadPlan:
        files = select(listing, wish.selections(entry))
        for file in files:
            check_path(file.path)
        on_disk = await self._on_disk(remote, files, entry, force=wish.force)
        recorded = entry.files if entry else ()
        return make_plan(remote, files, on_disk, recorded=recorded, requests_left=self._hub.requests_left())

    async def _on_disk(
        self, remote: RemoteDataset, files: list[RemoteFile], entry: Entry | None, *, force: bool
    ) -> OnDisk:
        free = await to_thread.run_sync(free_bytes, self._root)
        if force:
            return OnDisk(frozenset(), {}, {}, free)
        # What is recorded of a dataset whose exchange was interrupted may lie under the other commit's content.
        trusted = entry if entry and not entry.changing_to else None
        present = await find_present(self._root / remote.repo, trusted, files)
        missing = [file for file in files if file.path not in present]
        kept = await to_thread.run_sync(self._kept, remote, missing)
        cache = self._settings.hf_cache if self._settings.reuse_hf_cache else None
        copies = await to_thread.run_sync(find_copies, trusted, remote.repo, missing, cache)
        return OnDisk(present, copies, kept, free)

    def _kept(self, remote: RemoteDataset, files: list[RemoteFile]) -> dict[str, int]:
        folders = parts_folder(self._root, remote.repo), digests_folder(self._root, remote.repo)
        left = left_behind(folders[0])
        names = {file.path: part_name(remote.repo, remote.commit, file.path, file.checksum) for file in files}
        return {
            file.path: kept_bytes(Places(*folders, names[file.path]), file.size)
            for file in files
            if names[file.path] in left
        }

    def _check_places(self, plan: DownloadPlan) -> None:
        parts = make_folder(parts_folder(self._root, plan.repo))
        paths = all_paths(list(self._catalog.entries().values()), plan)
        check_together(paths, case_sensitive=is_case_sensitive(parts))
        check_same_disk(parts, {(self._root / plan.repo / file.path).parent for file in plan.files})

    async def _resolve(self, wish: Wish, on_retry: OnRetry | None) -> RemoteDataset:
        remote = await self._hub.resolve(wish.address.repo, wish.revision, token=wish.token, on_retry=on_retry)
        check_dataset_folder(remote.repo)
        return remote

    async def _is_here(self, entry: Entry, wish: Wish, commit: str) -> bool:
        return wish.is_recorded(entry, commit) and not await to_thread.run_sync(entry.missing, self._root)

    async def _touch(self, entry: Entry, wish: Wish, remote: RemoteDataset) -> DownloadedDataset:
        """The recorded dataset, remembered under the name and revision it was asked for by."""
        aliases = wish.aliases(entry, entry.repo)
        known = msgspec.structs.replace(entry, revision=wish.revision, aliases=aliases, configs=remote.configs)
        if known != entry:
            # Without the lock: whoever records something else at this moment knows better.
            await to_thread.run_sync(self._catalog.amend, entry, known)
        return known.dataset(self._root)

    async def _recorded_offline(self, wish: Wish) -> DownloadedDataset:
        entry = await self._entry(wish.address.repo)
        asked_for = entry and wish.revision in {entry.revision, entry.commit}
        if entry and asked_for and await self._is_here(entry, wish, entry.commit):
            return entry.dataset(self._root)
        raise Offline(wanted=wish.address.repo)

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
        entries = await self._entries()
        return [entry.dataset(self._root) for _, entry in sorted(entries.items()) if not entry.changing_to]

    async def _recorded_as(self, repo: str) -> Entry | None:
        # Not by other names: another repository may have taken over the name that this one was once asked for by.
        return (await self._entries()).get(repo)

    async def _entry(self, repo: str) -> Entry | None:
        return find_entry(await self._entries(), parse_repo(repo, self._settings.endpoint).repo)

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
        return await guarded(self._verify(repo, repair=repair))

    async def _verify(self, repo: str, *, repair: bool) -> VerifyReport:
        async with self._locks.hold((await self._recorded(repo)).repo):
            entry = await self._recorded(repo)
            if entry.changing_to:
                hint = f"An exchange of its files was interrupted: run hfsvc download {entry.repo}."
                raise DatasetChanged(repo=entry.repo, hint=hint)
            damaged = [file async for file in self._damaged(entry)]
            if repair and damaged:
                await self._repair(entry, {file.path for file in damaged})
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

    async def _repair(self, entry: Entry, paths: set[str]) -> None:
        transfer = Transfer(self._engine, entry.remote(), self._settings.token, lambda _: None)
        await transfer.repair([file for file in entry.remote_files() if file.path in paths])
        await to_thread.run_sync(clear_parts, self._root, entry.repo)

    async def delete(self, repo: str) -> None:
        await guarded(self._delete(repo))

    async def _delete(self, repo: str) -> None:
        async with self._locks.hold((await self._recorded(repo)).repo):
            await to_thread.run_sync(self._remove, await self._recorded(repo))

    def _remove(self, entry: Entry) -> None:
        places = [f"{entry.repo}/{path}" for path in entry.files]
        for place in places:
            inside(self._root, place)
        # Noted, then out of the index: after a crash a later download adopts the files, or removes them.
        note_placed(make_folder(parts_folder(self._root, entry.repo)), entry.files)
        self._catalog.remove(entry.repo)
        for place in places:
            remove_file(self._root, place)
        clear_parts(self._root, entry.repo)
        clear_rows(self._root, entry.repo)
        keep_digests(self._root, entry.repo, ())
