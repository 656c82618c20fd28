"""Lookups of datasets at the Hub, made once for all callers who wait for the same answer."""

from weakref import WeakValueDictionary

from hfsvc.aio.coalesce import SharedCalls
from hfsvc.datasets.conversions import ConvertedDataset, no_conversion, settle_conversion
from hfsvc.datasets.request import ResolvedRequest
from hfsvc.errors import RevisionNotFound
from hfsvc.hub.client import HubClient
from hfsvc.models import RemoteDataset, RemoteFile
from hfsvc.models.conversion import CONVERSION_REVISION
from hfsvc.secret import Secret
from hfsvc.transfer.progress import OnRetry


class CommitFiles(list[RemoteFile]):
    """The files of one commit."""


class HubLookups:
    """Commits, listings and conversions. Only who makes a call hears of its retries.

    Args:
        hub: Is asked.
    """

    def __init__(self, hub: HubClient) -> None:
        self._hub = hub
        self._resolving: SharedCalls[RemoteDataset] = SharedCalls()
        self._converting: SharedCalls[ConvertedDataset] = SharedCalls()
        self._reading: SharedCalls[CommitFiles] = SharedCalls()
        # That of a commit never changes: whoever still holds it lends it.
        self._listings: WeakValueDictionary[tuple[str, str, Secret | None], CommitFiles] = WeakValueDictionary()

    async def resolve(self, request: ResolvedRequest, on_retry: OnRetry | None) -> RemoteDataset:
        """The dataset that a request names, at the commit that it names; see `HubClient.resolve`."""
        repo, revision, token = request.address.repo, request.revision, request.token
        return await self._resolving.get(
            (repo, revision, token), lambda: self._hub.resolve(repo, revision, token=token, on_retry=on_retry)
        )

    async def find_conversion(
        self, source: RemoteDataset, token: Secret | None, on_retry: OnRetry | None
    ) -> ConvertedDataset:
        """The Hub's parquet copy of a dataset at a commit. Costs its commit, its state and its listing.

        Raises:
            ConversionNotFound, ConversionNotReady: There is none that is whole and of this commit.
        """

        async def find() -> ConvertedDataset:
            try:
                copy = await self._hub.resolve(source.repo, CONVERSION_REVISION, token=token, on_retry=on_retry)
            except RevisionNotFound:
                raise no_conversion(source.repo) from None
            # After the commit: where the copy is made anew meanwhile, its state is of another one.
            state = await self._hub.conversion_state(source, token=token)
            files = await self.list_files(copy, token, on_retry)
            return ConvertedDataset(settle_conversion(source, copy.commit, state, files), files)

        return await self._converting.get((source.repo, source.commit, token), find)

    async def list_files(self, remote: RemoteDataset, token: Secret | None, on_retry: OnRetry | None) -> CommitFiles:
        """Every file of a commit; see `HubClient.list_files`."""
        key = remote.repo, remote.commit, token

        async def read() -> CommitFiles:
            if (known := self._listings.get(key)) is not None:
                return known
            files = self._hub.list_files(remote, token=token, on_retry=on_retry)
            self._listings[key] = listing = CommitFiles([file async for file in files])
            return listing

        return await self._reading.get(key, read)
