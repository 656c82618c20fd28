"""The dataset service: resolve, list, select, plan, transfer, record."""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from anyio import to_thread

from hfsvc.aio.cancellation import in_task_group
from hfsvc.aio.listening import listening
from hfsvc.aio.per_process import HomeLoop
from hfsvc.arguments import check_value
from hfsvc.datasets.comparison import Comparison, DatasetComparer
from hfsvc.datasets.identity import RepositoryIdentity
from hfsvc.datasets.lookups import HubLookups
from hfsvc.datasets.plan import (
    check_paths,
    check_room,
    saying_how_to_leave_out,
)
from hfsvc.datasets.request import ResolvedRequest, new_entry, parse_request
from hfsvc.datasets.selecting import SHOWN_FILES
from hfsvc.datasets.sharded import ShardDownload
from hfsvc.datasets.transfer import DatasetTransfer, TransferServices
from hfsvc.datasets.updates import unmoved, update_of
from hfsvc.errors import DatasetChanged, NoSpace, NotDownloaded, Offline, OtherEventLoop, StoreNotWritable, typed
from hfsvc.hub.urls import parse_repo
from hfsvc.models import (
    DatasetRequest,
    DatasetUpdate,
    DatasetUsage,
    DownloadedDataset,
    DownloadPlan,
    Finished,
    OnEvent,
    Planned,
    RemoteDataset,
    VerifyReport,
)
from hfsvc.store.dataset_store import DatasetStore
from hfsvc.store.index import IndexEntry, find_entry
from hfsvc.store.merging import unfinished
from hfsvc.transfer.progress import HashProgress, retry_events

logger = logging.getLogger(__name__)


class HubDatasetService:
    """`DatasetService` over a Hub and a store.

    Args:
        services: The Hub, and what transfers share.
        store: What lies on disk.
        check_open: Raises where the service must not be used any more.
        full_name: Gives the id that an alias stands for, and any other name as it is.
        now: The time for records, UTC.
    """

    def __init__(
        self,
        *,
        services: TransferServices,
        store: DatasetStore,
        check_open: Callable[[], None] = lambda: None,
        full_name: Callable[[str], str] = str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._services = services
        self._hub = services.hub
        self._settings = services.settings
        self._store = store
        self._comparer = DatasetComparer(services.hub, HubLookups(services.hub), store, services.settings)
        self._check_open = check_open
        self._full_name = full_name
        self._home = HomeLoop()
        self._now = now

    # ---- download ---------------------------------------------------------------------------------------------------

    async def download(self, request: DatasetRequest, *, on_event: OnEvent | None = None) -> DownloadedDataset:
        return await in_task_group(self._download_telling(self._parse(request), on_event))

    async def _download_telling(self, request: ResolvedRequest, on_event: OnEvent | None) -> DownloadedDataset:
        async with listening(on_event) as tell:
            return await self._download(request, tell)

    def _parse(self, request: DatasetRequest) -> ResolvedRequest:
        self._check_loop()
        check_value("request", request, DatasetRequest)
        return parse_request(request, self._settings, full_name=self._full_name)

    async def _download(self, request: ResolvedRequest, on_event: OnEvent) -> DownloadedDataset:
        self._check_open()
        if self._settings.offline:
            return await self._recorded_offline(request)
        remote = await self._comparer.resolve(request, retry_events(on_event))
        if request.shard and request.shard[1] > 1:
            dataset = await self._bring_shard(request, remote, on_event)
        else:
            dataset = await self._bring(request._replace(shard=None), remote, on_event)
        on_event(Finished(dataset=dataset))
        return dataset

    async def _bring_shard(
        self, request: ResolvedRequest, remote: RemoteDataset, on_event: OnEvent
    ) -> DownloadedDataset:
        entry, whole = await self._comparer.entry(remote), request._replace(shard=None)
        if entry and whole.is_recorded(entry, remote.commit) and await self._store.is_complete(entry):
            return await self._confirm(Comparison(whole, remote, entry, None))

        async def bring(store: DatasetStore, asked: ResolvedRequest, at: RemoteDataset) -> DownloadedDataset:
            return await self._over(store)._bring(asked, at, on_event)

        async def at_commit(commit: str) -> RemoteDataset:
            return await self._comparer.resolve(request._replace(revision=commit), retry_events(on_event))

        return await ShardDownload(self._store, bring=bring, at_commit=at_commit).run(request, remote, entry)

    def _over(self, store: DatasetStore) -> "HubDatasetService":
        return HubDatasetService(services=self._services, store=store, check_open=self._check_open, now=self._now)

    async def _bring(self, request: ResolvedRequest, remote: RemoteDataset, on_event: OnEvent) -> DownloadedDataset:
        on_retry = retry_events(on_event)
        identity = RepositoryIdentity(self._hub, request.token)
        await self._store.follow_rename(remote, identity.is_renamed)
        # Before the lock, so that a name or a glob that fits nothing leaves nothing on the disk.
        found = await self._comparer.compare(request, remote, on_retry)
        if found.listing is None:
            return await self._confirm(found)
        async with self._store.hold(remote.repo):
            found = await self._comparer.compare_again(found, on_retry)
            return await (self._confirm(found) if found.listing is None else self._fetch(found, on_event))

    async def _confirm(self, found: Comparison) -> DownloadedDataset:
        request, remote, entry = found.request, found.remote, found.entry
        assert entry is not None
        await self._store.tidy(entry)
        aliases = request.aliases(entry, entry.repo)
        known = msgspec.structs.replace(
            entry, revision=request.revision, aliases=aliases, configs=remote.configs, conversion=remote.conversion
        )
        if known != entry:
            # Without the lock: whoever records something else at this moment knows better. Nor is it worth an error where
            # nothing can be written: all that was asked for is here.
            with suppress(NoSpace, StoreNotWritable):
                await self._store.amend(entry, known)
        return self._store.dataset(known)

    async def _fetch(self, found: Comparison, on_event: OnEvent) -> DownloadedDataset:
        request, remote, entry = found.request, found.remote, found.entry
        plan = await self._comparer.plan(found)
        check_paths(plan.files)
        check_room(plan, self._store.address)
        with saying_how_to_leave_out(remote.repo):
            await self._store.check_places(plan)
        if plan.unportable:
            logger.warning(
                "%s: names that other systems cannot hold: %s", remote.repo, list(plan.unportable[:SHOWN_FILES])
            )
        on_event(Planned(plan=plan))
        recorded = entry.files if entry else ()
        async with self._store.open_staging(remote, recorded, empty=request.force) as staging:
            transfer = DatasetTransfer(self._services, remote, request.token, on_event)
            await transfer.run(plan, staging, force=request.force)
            shard = await to_thread.run_sync(found.shard)
            new = new_entry(request, remote, plan, entry, learned=staging.checksums, now=self._now(), shard=shard)
            await staging.publish(entry, new)
        return self._store.dataset(new)

    async def plan(self, request: DatasetRequest) -> DownloadPlan:
        self._check_open()
        resolved = self._parse(request)
        remote = await self._comparer.resolve(resolved, None)
        if request.shard and request.shard[1] > 1:
            whole = await self._comparer.entry(remote)
            shard = self._over(self._store.shard(remote.repo, *request.shard))
            return await shard._plan(resolved.in_shard(whole), remote)
        return await self._plan(resolved, remote)

    async def _plan(self, request: ResolvedRequest, remote: RemoteDataset) -> DownloadPlan:
        entry = await self._comparer.entry(remote)
        at = await self._comparer.converted(request, remote, entry)
        return await self._comparer.plan(await self._comparer.list(request, at, entry))

    async def check_update(self, repo: str) -> DatasetUpdate:
        entry = await self._recorded(repo)
        if self._settings.offline:
            raise Offline(wanted=entry.repo)
        request = self._parse(DatasetRequest(repo=typed(entry.repo), revision=entry.revision))
        at = await self._comparer.converted(request, await self._comparer.resolve(request, None), entry)
        if at.commit == entry.commit:
            return unmoved(entry)
        # Where it has another name by now, its files are still under the one that is recorded.
        remote = msgspec.structs.replace(at, repo=entry.repo)
        return update_of(entry, await self._comparer.plan(await self._comparer.list(request, remote, entry)))

    async def _recorded_offline(self, request: ResolvedRequest) -> DownloadedDataset:
        entry = find_entry(await self._store.entries(), request.address.repo)
        asked_for = entry and request.revision in {entry.revision, entry.commit}
        is_meant = entry and request.means_conversion(entry) == bool(entry.conversion)
        is_here = entry and (request.is_recorded(entry, entry.commit) or request.is_on_disk(entry))
        if entry and asked_for and is_meant and is_here and await self._store.is_complete(entry):
            return self._store.dataset(entry)
        raise Offline(wanted=request.address.repo)

    # ---- what is here -----------------------------------------------------------------------------------------------

    async def is_downloaded(self, repo: str) -> bool:
        entry = await self._find(repo)
        return entry is not None and not entry.updating_to and await self._store.is_complete(entry)

    async def get_local_path(self, repo: str) -> Path | None:
        dataset = await self.get_download_info(repo)
        return dataset.local_path if dataset else None

    async def get_download_info(self, repo: str) -> DownloadedDataset | None:
        entry = await self._find(repo)
        return None if entry is None or entry.updating_to else self._store.dataset(entry)

    async def list_downloaded(self) -> list[DownloadedDataset]:
        self._check_open()
        self._check_loop()
        entries = await self._store.entries()
        return [self._store.dataset(entry) for _, entry in sorted(entries.items()) if not entry.updating_to]

    def _check_loop(self) -> None:
        # Connections, locks and waits of another loop would never come to their end.
        if not self._home.is_running:
            raise OtherEventLoop

    async def _find(self, repo: str) -> IndexEntry | None:
        self._check_open()
        self._check_loop()
        return find_entry(await self._store.entries(), self._repo_of(repo))

    def _repo_of(self, name: str) -> str:
        return parse_repo(self._full_name(name), self._settings.endpoint).repo

    async def _recorded(self, repo: str) -> IndexEntry:
        entry = await self._find(repo)
        if entry is None:
            name = self._repo_of(repo)
            raise unfinished(await self._store.shards(name)) or NotDownloaded(repo=name)
        return entry

    # ---- verify, delete ---------------------------------------------------------------------------------------------

    async def verify(self, repo: str, *, repair: bool = False, on_event: OnEvent | None = None) -> VerifyReport:
        return await in_task_group(self._verify(repo, repair=repair, on_event=on_event or (lambda _: None)))

    async def _verify(self, repo: str, *, repair: bool, on_event: OnEvent) -> VerifyReport:
        hold = self._store.hold if repair else self._store.hold_to_read
        async with hold((await self._recorded(repo)).repo):
            entry = await self._recorded(repo)
            if entry.updating_to:
                hint = f"An exchange of its files was interrupted: run: hfsvc download {typed(entry.repo)}"
                raise DatasetChanged(repo=entry.repo, hint=hint)
            progress = HashProgress(on_event, entry.total_bytes)
            damaged = tuple([file async for file in self._store.find_damaged(entry, on_block=progress.block)])
            progress.done()
            paths = tuple(file.path for file in damaged) if repair else ()
            if paths:
                await self._repair(entry, paths, on_event)
            return VerifyReport(
                repo=entry.repo,
                commit=entry.commit,
                checked_files=len(entry.files),
                checked_bytes=entry.total_bytes,
                damaged=damaged,
                repaired=paths,
            )

    async def _repair(self, entry: IndexEntry, paths: tuple[str, ...], on_event: OnEvent) -> None:
        remote = entry.remote()
        async with self._store.open_staging(remote, (), empty=True) as staging:
            transfer = DatasetTransfer(self._services, remote, self._settings.token, on_event)
            await transfer.repair([file for file in entry.remote_files() if file.path in paths], staging)
        await self._store.clear(entry.repo)

    async def disk_usage(self) -> list[DatasetUsage]:
        return await self._store.usage()

    async def prune(self, repo: str | None = None) -> list[DatasetUsage]:
        wanted = None if repo is None else self._repo_of(repo).casefold()
        left = [each for each in await self._store.usage() if each.unfinished_bytes]
        chosen = [each for each in left if wanted in {None, each.repo.casefold()}]
        return [each for each in chosen if await in_task_group(self._store.prune(each.repo))]

    async def delete(self, repo: str) -> None:
        await in_task_group(self._delete(repo))

    async def _delete(self, repo: str) -> None:
        async with self._store.hold((await self._recorded(repo)).repo):
            await self._store.remove(await self._recorded(repo))
