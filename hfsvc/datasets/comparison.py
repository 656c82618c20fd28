"""Comparison of a dataset on the Hub with what a store holds of it: whether all is here, else what would be fetched."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import msgspec
from anyio import to_thread

from hfsvc.datasets.conversions import ConvertedDataset, as_conversion, is_copy_of
from hfsvc.datasets.delta_planner import DeltaPlanner
from hfsvc.datasets.division import divide
from hfsvc.datasets.identity import RepositoryIdentity
from hfsvc.datasets.lookups import HubLookups
from hfsvc.datasets.plan import make_plan, marking_refused, with_deltas
from hfsvc.datasets.request import ResolvedRequest
from hfsvc.datasets.selecting import SelectedFiles, check_selects, select
from hfsvc.hub.client import HubClient
from hfsvc.models import DatasetShard, DownloadPlan, RemoteDataset, RemoteFile
from hfsvc.settings import Settings
from hfsvc.store.dataset_store import DatasetStore
from hfsvc.store.index import IndexEntry
from hfsvc.store.inventory import RecordedVersions
from hfsvc.store.merging import division_of
from hfsvc.store.safe_paths import check_dataset_folder
from hfsvc.transfer.progress import OnRetry


class Comparison(NamedTuple):
    """A dataset on the Hub beside what is recorded of it.

    Attributes:
        request: What is asked for of it.
        remote: At its commit.
        entry: What is recorded.
        listing: Every file of the commit; None where all that is asked for is here.
    """

    request: ResolvedRequest
    remote: RemoteDataset
    entry: IndexEntry | None
    listing: Sequence[RemoteFile] | None

    def selected(self) -> SelectedFiles:
        """The files that are meant, by this request and those before; of a shard its own."""
        found = self._selected()
        files = [*map(marking_refused, found.files)]
        index, count = self.request.shard or (0, 1)
        return found._replace(files=divide(files, count)[index] if count > 1 else files)

    def shard(self) -> DatasetShard | None:
        """Which of the shards it is; None for a whole dataset."""
        if self.request.shard is None:
            return None
        index, count = self.request.shard
        division = division_of(((file.path, file.size) for file in self._selected().files), count)
        return DatasetShard(index=index, count=count, division=division)

    def _selected(self) -> SelectedFiles:
        return select(self.remote, self.listing or (), self.request.selections(self.entry))


class DatasetComparer:
    """Compares datasets on a Hub with those in a store.

    Args:
        hub: Is asked.
        lookups: What was asked of it already.
        store: What lies on disk.
        settings: Of the deltas.
    """

    def __init__(self, hub: HubClient, lookups: HubLookups, store: DatasetStore, settings: Settings) -> None:
        self._hub = hub
        self._lookups = lookups
        self._store = store
        self._settings = settings

    async def resolve(self, request: ResolvedRequest, on_retry: OnRetry | None) -> RemoteDataset:
        """The dataset at its commit.

        Raises:
            UnsafePath: No folder can have its name.
        """
        remote = await self._lookups.resolve(request, on_retry)
        check_dataset_folder(remote.repo)
        return remote

    async def entry(self, remote: RemoteDataset) -> IndexEntry | None:
        """What is recorded of a dataset."""
        # Not by other names: another repository may have taken over the name that this one was once asked for by.
        return (await self._store.entries()).get(remote.repo)

    async def compare(
        self, request: ResolvedRequest, remote: RemoteDataset, on_retry: OnRetry | None = None
    ) -> Comparison:
        """A dataset beside what is recorded of it.

        Raises:
            HfsvcError: The request means nothing of it, or the Hub does not tell.
        """
        entry = await self.entry(remote)
        identity = RepositoryIdentity(self._hub, request.token)
        await identity.check_recorded(request.address.repo, entry, remote)
        remote = await self.converted(request, remote, entry, on_retry)
        if entry and request.is_recorded(entry, remote.commit) and await self._store.is_complete(entry):
            return Comparison(request, remote, entry, None)
        return await self.list(request, remote, entry, on_retry)

    async def compare_again(self, found: Comparison, on_retry: OnRetry | None) -> Comparison:
        """The same now that the dataset is held: whoever held it before may have brought this commit, or another."""
        entry, remote = await self.entry(found.remote), found.remote
        if entry == found.entry:
            return found
        if entry and entry.commit != remote.commit:
            # Which one is newer only the Hub knows.
            remote = await self.resolve(found.request, on_retry)
        return await self.compare(found.request, remote, on_retry)

    async def converted(
        self,
        request: ResolvedRequest,
        remote: RemoteDataset,
        entry: IndexEntry | None,
        on_retry: OnRetry | None = None,
    ) -> RemoteDataset:
        """The dataset itself, or its parquet copy where that is meant."""
        return (await self._converted(request, remote, entry, on_retry)).remote

    async def _converted(
        self, request: ResolvedRequest, remote: RemoteDataset, entry: IndexEntry | None, on_retry: OnRetry | None
    ) -> ConvertedDataset:
        if remote.conversion or not request.means_conversion(entry):
            return ConvertedDataset(remote, ())
        if entry and is_copy_of(remote, entry) and not request.force:
            here = msgspec.structs.replace(
                remote, commit=entry.commit, configs=entry.configs, conversion=entry.conversion
            )
            return ConvertedDataset(here, ())
        if request.conversion:
            files = await self._lookups.list_files(remote, request.token, on_retry)
            return as_conversion(remote, request.conversion, files)
        return await self._lookups.find_conversion(remote, request.token, on_retry)

    async def list(
        self,
        request: ResolvedRequest,
        remote: RemoteDataset,
        entry: IndexEntry | None,
        on_retry: OnRetry | None = None,
    ) -> Comparison:
        """A dataset of which not all is known to be here, with its files.

        Raises:
            FileNotFound, LimitTooSmall, SplitNotFound: The request means none of them.
        """
        listing = await self._lookups.list_files(remote, request.token, on_retry)
        # In threads, here and in the plan: with 100,000 files, the loop would stand still for a second.
        request = await to_thread.run_sync(request.among, [file.path for file in listing], entry)
        await to_thread.run_sync(check_selects, remote, listing, request.wanted(entry))
        return Comparison(request, remote, entry, listing)

    async def plan(self, found: Comparison) -> DownloadPlan:
        """What would be fetched, copied and removed."""
        request, remote, entry = found.request, found.remote, found.entry
        files, left = await to_thread.run_sync(found.selected)
        inventory = await self._store.inspect(remote, files, entry, force=request.force)
        recorded = entry.files if entry else ()
        make = partial(make_plan, remote, files, inventory, recorded=recorded, left=left)
        plan = await to_thread.run_sync(partial(make, requests_left=self._hub.requests_left()))
        # What is recorded of an interrupted exchange may lie under the other commit's content.
        versions = RecordedVersions(entry) if entry and not entry.updating_to else inventory.beside
        if versions is None or request.force:
            return plan
        planner = DeltaPlanner(self._hub, self._settings, remote, versions, request.token)
        listed = frozenset(file.path for file in found.listing or ())
        return with_deltas(plan, await planner.plan(plan, listed), inventory)
