"""One shard of a dataset: brought into a store of its own, and joined with the others as soon as all are there."""

from collections.abc import Awaitable, Callable

import msgspec

from hfsvc.datasets.request import ResolvedRequest
from hfsvc.models import DownloadedDataset, RemoteDataset
from hfsvc.store.dataset_store import DatasetStore
from hfsvc.store.index import IndexEntry
from hfsvc.store.merging import missing_shards

Bring = Callable[[DatasetStore, ResolvedRequest, RemoteDataset], Awaitable[DownloadedDataset]]
"""Downloads what a request asks for, at a commit, into a store."""


class ShardDownload:
    """Downloads a shard of a dataset, whose store may be shared by those who download the other ones.

    Args:
        store: That the dataset is to be in, once it is whole.
        bring: Downloads the shard.
        at_commit: The dataset at a commit.
    """

    def __init__(
        self, store: DatasetStore, *, bring: Bring, at_commit: Callable[[str], Awaitable[RemoteDataset]]
    ) -> None:
        self._store = store
        self._bring = bring
        self._at_commit = at_commit

    async def run(self, request: ResolvedRequest, remote: RemoteDataset, entry: IndexEntry | None) -> DownloadedDataset:
        """The whole dataset where this shard was the last one, else the shard, which says what is missing.

        Args:
            request: With a shard.
            remote: The dataset at its commit.
            entry: What is recorded of the whole dataset.
        """
        asked = request.in_shard(entry)
        index, count = request.shard or (0, 1)
        if not request.force:
            remote = await self._commit_of_the_others(asked, remote)
        part = await self._bring(self._store.shard(remote.repo, index, count), asked, remote)
        whole = await self._joined(asked, remote)
        if whole is not None:
            return self._store.dataset(whole)
        return await self._telling_what_is_missing(part)

    async def _commit_of_the_others(self, request: ResolvedRequest, remote: RemoteDataset) -> RemoteDataset:
        """The commit at which the other shards are here, while this one is not among them.

        A branch may move between the first shard and the last one, which may wait in a queue for hours.
        """
        shards = await self._own_shards(request, remote)
        own = {each.commit for each in shards if each.shard and each.shard.index == (request.shard or (0,))[0]}
        others = {each.commit for each in shards} - own
        if own or len(others) != 1 or remote.commit in others:
            return remote
        pinned = await self._at_commit(others.pop())
        return msgspec.structs.replace(pinned, revision=remote.revision)

    async def _own_shards(self, request: ResolvedRequest, remote: RemoteDataset) -> list[IndexEntry]:
        count = request.shard[1] if request.shard else 1
        found = await self._store.shards(remote.repo)
        return [
            each for each in found if each.shard and each.shard.count == count and each.revision == request.revision
        ]

    async def _joined(self, request: ResolvedRequest, remote: RemoteDataset) -> IndexEntry | None:
        shards = await self._own_shards(request, remote)
        own = next((each for each in shards if each.shard and each.shard.index == (request.shard or (0,))[0]), None)
        if own is not None and (joined := await self._store.join(own)):
            return joined
        # Whoever brought another shard may have joined them meanwhile.
        entry = (await self._store.entries()).get(remote.repo)
        is_whole = entry and request._replace(shard=None, force=False).is_recorded(entry, remote.commit)
        return entry if is_whole else None

    async def _telling_what_is_missing(self, part: DownloadedDataset) -> DownloadedDataset:
        shards = await self._store.shards(part.repo)
        own = next((each for each in shards if each.shard == part.shard), None)
        if own is None or part.shard is None:
            return part
        shard = msgspec.structs.replace(part.shard, missing=missing_shards(shards, own))
        return msgspec.structs.replace(part, shard=shard)
