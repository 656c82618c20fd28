"""Interfaces of a dataset store: the record, what is present, staging, removal."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from hfsvc.models import (
    DamagedFile,
    DatasetUsage,
    DownloadedDataset,
    DownloadPlan,
    PlannedFile,
    RemoteDataset,
    RemoteFile,
)
from hfsvc.store.gathering import StoredDataset
from hfsvc.store.index import IndexEntry
from hfsvc.store.inventory import Inventory
from hfsvc.transfer.interfaces import Destination

STORE_LOGGER = "hfsvc.store.notes"
"""The name of the logger that tells what people are to know of a store."""
IsRenamed = Callable[[IndexEntry, RemoteDataset], Awaitable[bool]]
"""Whether a recorded dataset is called as another one is now."""


class StagingArea(Destination, Protocol):
    """The files of one download, before readers know of them.

    Attributes:
        checksums: What each accepted file was verified against, by path.
    """

    @property
    def checksums(self) -> Mapping[str, str]: ...

    async def copy(self, file: PlannedFile) -> bool:
        """Accept a file from where its content lies in the store already; False when it does not."""
        ...

    async def salvage(self, file: RemoteFile) -> None:
        """Begin the part of a damaged file with what of it is still right."""
        ...

    def each_content_once(self, files: Sequence[RemoteFile]) -> list[RemoteFile]:
        """One of the files for every content; the others of the same content are accepted as soon as it is."""
        ...

    async def publish(self, old: IndexEntry | None, new: IndexEntry) -> None:
        """Exchange what is recorded for what came in, so that readers see the old commit or the new one.

        Args:
            old: What is recorded now.
            new: What will be; its files that did not come in are in place.
        """
        ...


class DatasetStore(Protocol):
    """Owns what a root holds of datasets. All that changes something is for the holder of the dataset's lock.

    Attributes:
        address: Of its root: a folder's path, or what an object store is called. For people and errors.
    """

    @property
    def address(self) -> str: ...

    # ---- the record -------------------------------------------------------------------------------------------------

    async def entries(self) -> Mapping[str, IndexEntry]:
        """All recorded datasets by canonical id, also those whose files are being exchanged."""
        ...

    async def is_complete(self, entry: IndexEntry) -> bool:
        """Whether every recorded file is there with its recorded size."""
        ...

    async def amend(self, known: IndexEntry, amended: IndexEntry) -> None:
        """Replace an entry that is still what the caller knows; the one change that needs no lock."""
        ...

    def dataset(self, entry: IndexEntry) -> DownloadedDataset:
        """An entry as callers see it."""
        ...

    # ---- one holder -------------------------------------------------------------------------------------------------

    def hold(self, repo: str) -> AbstractAsyncContextManager[bool]:
        """Hold a dataset's lock; gives True when somebody else had it before."""
        ...

    def hold_to_read(self, repo: str) -> AbstractAsyncContextManager[None]:
        """The same for who only reads: where nothing can be written there is nobody to keep out."""
        ...

    async def follow_rename(self, remote: RemoteDataset, is_renamed: IsRenamed) -> None:
        """Move what is recorded under an earlier name of a repository to the one it has now. Takes the locks itself.

        Args:
            remote: The repository.
            is_renamed: Asked of a dataset that is recorded with the same id, before anything is moved.
        """
        ...

    async def tidy(self, entry: IndexEntry) -> None:
        """Finish what a run left to do that was killed right after it had recorded the dataset, if nobody holds it."""
        ...

    # ---- shards -----------------------------------------------------------------------------------------------------

    def shard(self, repo: str, index: int, count: int) -> "DatasetStore":
        """The store of one shard of a dataset: what comes in there is not this store's until all shards are joined."""
        ...

    async def shards(self, repo: str) -> list[IndexEntry]:
        """What is recorded in the stores of a dataset's shards."""
        ...

    async def join(self, part: IndexEntry) -> IndexEntry | None:
        """Record a dataset all of whose shards are here, and put their files in place. Takes the locks itself.

        Args:
            part: One of the shards.

        Returns:
            None where one of them is missing, or under way.
        """
        ...

    async def merge(
        self, repo: str, sources: Sequence[StoredDataset], *, move: bool, on_block: Callable[[], None] = ...
    ) -> IndexEntry:
        """Record what other stores have of a dataset, and put its files in place. Takes the locks itself.

        Args:
            repo: The dataset.
            sources: What they have of it, one at least.
            move: Take it away from there, instead of copying it.
            on_block: Called in a worker thread of `anyio`, about every megabyte that is hashed.

        Raises:
            ShardsMissing, MergeConflict, ChecksumMismatch: It is not one dataset, or not what was recorded; nothing was
                changed.
        """
        ...

    # ---- a download -------------------------------------------------------------------------------------------------

    async def inspect(
        self, remote: RemoteDataset, files: Sequence[RemoteFile], entry: IndexEntry | None, *, force: bool
    ) -> Inventory:
        """What is here of the selected files; with `force` nothing of it counts."""
        ...

    async def check_places(self, plan: DownloadPlan) -> None:
        """Raise where files of the plan need the same place, or one that the root cannot put them in."""
        ...

    def open_staging(
        self, remote: RemoteDataset, recorded: Sequence[str], *, empty: bool
    ) -> AbstractAsyncContextManager[StagingArea]:
        """Where the files of a download come in, until the context ends; what is on its way then is given up, or kept for a later run.

        Args:
            remote: The dataset at its commit.
            recorded: Paths that readers know of: their new content is held back until `StagingArea.publish`.
            empty: Leave aside what interrupted runs kept.
        """
        ...

    async def keep_range(self, remote: RemoteDataset, file: RemoteFile, start: int, data: bytes) -> bool:
        """Leave bytes of a file for a later download to reuse; False where one is under way. Takes the lock itself."""
        ...

    async def clear(self, repo: str) -> None:
        """Remove what downloads of a dataset left on the way."""
        ...

    # ---- what is there ----------------------------------------------------------------------------------------------

    def find_damaged(self, entry: IndexEntry, *, on_block: Callable[[], None] = ...) -> AsyncIterator[DamagedFile]:
        """Recorded files whose content is not what was recorded.

        `on_block` is called in a worker thread of `anyio`, about every megabyte that is read.
        """
        ...

    async def usage(self) -> list[DatasetUsage]:
        """What every dataset takes of the disk, by id."""
        ...

    async def prune(self, repo: str) -> bool:
        """Remove what unfinished downloads have left of a dataset; False where one is under way. Takes the lock itself."""
        ...

    async def remove(self, entry: IndexEntry) -> None:
        """Forget a dataset and remove its recorded files."""
        ...
