"""`DatasetStore` in a folder: plain files by the Hub's paths, index.json, and `.hfsvc/` for what is on its way."""

import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from anyio import to_thread

from hfsvc.aio.coalesce import CoalescedCall
from hfsvc.aio.per_process import PerProcess
from hfsvc.disk import check_same_disk, disk_errors, make_folder
from hfsvc.errors import LocalStorage, StoreNotWritable
from hfsvc.files.atomic import free_bytes, prune_empty
from hfsvc.models import DamagedFile, DatasetUsage, DownloadedDataset, DownloadPlan, RemoteDataset, RemoteFile
from hfsvc.store.dataset_store import IsRenamed
from hfsvc.store.directories import (
    clear_parts,
    clear_rows,
    digests_folder,
    keep_digests,
    keep_journals,
    parts_folder,
    shard_names,
    shard_root,
    shards_folder,
)
from hfsvc.store.disk_usage import remove_unfinished, usage_of
from hfsvc.store.exchange import exchange, move_dataset, remove_file
from hfsvc.store.gathering import FileGatherer, StoredDataset, stored_shards
from hfsvc.store.index import Fence, IndexEntry, StoreIndex, find_moved
from hfsvc.store.inventory import Inventory, RecordedVersions, find_copies, find_kept, find_present, hash_file
from hfsvc.store.locks import DatasetLocks
from hfsvc.store.merging import belong_together, merged_entry, missing_shards
from hfsvc.store.safe_paths import check_names, check_together, inside, is_case_sensitive
from hfsvc.store.staging import Staging, keep_notes_only, note_placed, only_notes_of, placed_paths
from hfsvc.transfer.part_file import keep_range
from hfsvc.transfer.part_folder import PartFolder
from hfsvc.transfer.part_paths import PartPaths, left_behind, part_name


class FolderStore:
    """`DatasetStore` in a folder.

    Args:
        root: Absolute.
        index: Records what is here.
        locks: One holder a dataset.
        hf_cache: The cache of Hugging Face's own tools, to copy blobs from; None to leave it alone.
        whole: The store that this one is of a shard in: files are copied from there, too.
    """

    def __init__(
        self,
        root: Path,
        *,
        index: StoreIndex,
        locks: DatasetLocks,
        hf_cache: Path | None = None,
        whole: "FolderStore | None" = None,
    ) -> None:
        self.root = root
        self.address = str(root)
        self._whole = whole
        self._index = index
        self._look = PerProcess(lambda: CoalescedCall(index.entries))
        self._locks = locks
        self._hf_cache = hf_cache

    # ---- the record -------------------------------------------------------------------------------------------------

    async def entries(self) -> Mapping[str, IndexEntry]:
        return await self._look()()

    async def is_complete(self, entry: IndexEntry) -> bool:
        return not await to_thread.run_sync(entry.missing, self.root)

    async def amend(self, known: IndexEntry, amended: IndexEntry) -> None:
        await to_thread.run_sync(self._index.amend, known, amended)

    def dataset(self, entry: IndexEntry) -> DownloadedDataset:
        return entry.dataset(self.root)

    # ---- one holder -------------------------------------------------------------------------------------------------

    def hold(self, repo: str) -> AbstractAsyncContextManager[bool]:
        return self._locks.hold(repo)

    @asynccontextmanager
    async def hold_to_read(self, repo: str) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            with suppress(StoreNotWritable):
                await held.enter_async_context(self._locks.hold(repo))
            yield

    def _fence(self, repo: str) -> Fence:
        return partial(self._locks.check, repo)

    async def follow_rename(self, remote: RemoteDataset, is_renamed: IsRenamed) -> None:
        moved = find_moved(await self.entries(), remote)
        if moved is None or not await is_renamed(moved, remote):
            return
        async with self._locks.hold(remote.repo):
            if find_moved(await self.entries(), remote) == moved:
                async with self._locks.hold(moved.repo):
                    await to_thread.run_sync(
                        move_dataset, self._index, self.root, moved, remote.repo, self._fence(moved.repo)
                    )

    async def tidy(self, entry: IndexEntry) -> None:
        parts = parts_folder(self.root, entry.repo)
        if await to_thread.run_sync(self._is_left_over, parts, entry):
            with suppress(LocalStorage):
                async with self._locks.hold_if_free(entry.repo) as held:
                    if held and await to_thread.run_sync(only_notes_of, parts, entry.files):
                        await self.clear(entry.repo)
                    if held:
                        await self._tidy_shards(entry)

    def _is_left_over(self, parts: Path, entry: IndexEntry) -> bool:
        return only_notes_of(parts, entry.files) or bool(shard_names(self.root, entry.repo))

    async def _tidy_shards(self, entry: IndexEntry) -> None:
        """Remove the stores of shards that are in place by now."""
        for each in await to_thread.run_sync(stored_shards, self.root, entry.repo):
            if each.entry.shard and each.entry.commit == entry.commit and {*each.entry.files} <= {*entry.files}:
                locks = self._locks.of_shard(each.entry.shard.index, each.entry.shard.count)
                async with locks.hold_if_free(entry.repo) as held:
                    if held:
                        await to_thread.run_sync(shutil.rmtree, each.root, True)

    # ---- shards -----------------------------------------------------------------------------------------------------

    def shard(self, repo: str, index: int, count: int) -> "FolderStore":
        root = shard_root(self.root, repo, index, count)
        locks = self._locks.of_shard(index, count)
        records = StoreIndex(root, locks=locks.between_processes)
        return FolderStore(root, index=records, locks=locks, hf_cache=self._hf_cache, whole=self)

    async def shards(self, repo: str) -> list[IndexEntry]:
        return [each.entry for each in await to_thread.run_sync(stored_shards, self.root, repo)]

    async def join(self, part: IndexEntry) -> IndexEntry | None:
        async with AsyncExitStack() as held:
            await held.enter_async_context(self._locks.hold(part.repo))
            for index in range(part.shard.count if part.shard else 0):
                locks = self._locks.of_shard(index, part.shard.count if part.shard else 0)
                if not await held.enter_async_context(locks.hold_if_free(part.repo)):
                    # Whoever holds it joins them afterwards.
                    return None
            return await to_thread.run_sync(self._join, part)

    def _join(self, part: IndexEntry) -> IndexEntry | None:
        there = stored_shards(self.root, part.repo)
        shards = [each for each in there if belong_together(each.entry, part)]
        if missing_shards([each.entry for each in shards], part):
            return None
        new = self._take_in(shards, move=True, trusted=True, on_block=lambda: None)
        for each in shards:
            self._locks_of(each).check(part.repo)
            shutil.rmtree(each.root, ignore_errors=True)
        prune_empty(shards_folder(self.root, part.repo), self.root)
        return new

    async def merge(
        self,
        repo: str,
        sources: Sequence[StoredDataset],
        *,
        move: bool,
        on_block: Callable[[], None] = lambda: None,
    ) -> IndexEntry:
        async with AsyncExitStack() as held:
            await held.enter_async_context(self._locks.hold(repo))
            own = await to_thread.run_sync(stored_shards, self.root, repo)
            locks = [self._locks_of(each) for each in (*sources, *own)]
            # Where nothing can be written nobody has to be kept out.
            refused = () if move else (StoreNotWritable,)
            for each in locks:
                with suppress(*refused):
                    await held.enter_async_context(each.hold(repo))
            take_in = partial(self._take_in, [*sources, *own], move=move, trusted=False, on_block=on_block)
            new = await to_thread.run_sync(take_in)
            for stored, lock in zip((*sources, *own), locks, strict=True):
                if move or stored.base == self.root:
                    await to_thread.run_sync(self._take_away, stored, lock)
        return new

    def _locks_of(self, stored: StoredDataset) -> DatasetLocks:
        locks = self._locks if stored.base == self.root else self._locks.of_root(stored.base)
        return locks.of_shard(stored.entry.shard.index, stored.entry.shard.count) if stored.entry.shard else locks

    def _take_away(self, stored: StoredDataset, locks: DatasetLocks) -> None:
        locks.check(stored.entry.repo)
        if stored.entry.shard:
            shutil.rmtree(stored.root, ignore_errors=True)
            prune_empty(stored.root.parent, stored.base)
        else:
            index = StoreIndex(stored.root, locks=locks.between_processes)
            FolderStore(stored.root, index=index, locks=locks)._remove(stored.entry)

    def _take_in(
        self, sources: Sequence[StoredDataset], *, move: bool, trusted: bool, on_block: Callable[[], None]
    ) -> IndexEntry:
        """Put the files of other stores in place here, and record them."""
        repo = sources[0].entry.repo
        old = self._index.entries().get(repo)
        new = merged_entry([each.entry for each in sources], old, may_replace=trusted)
        parts = make_folder(parts_folder(self.root, repo))
        self._check_together(repo, new.files, parts)
        sure = old if old and not old.updating_to else None
        gatherer = FileGatherer(self.root, parts, sure, sources, move=move, trusted=trusted, on_block=on_block)
        held = gatherer.gather(new)
        note_placed(parts, held)
        for each in sources:
            keep_journals(digests_folder(each.root, repo), make_folder(digests_folder(self.root, repo)))
        self._exchange(old, new, held)
        return new

    # ---- a download -------------------------------------------------------------------------------------------------

    async def inspect(
        self, remote: RemoteDataset, files: Sequence[RemoteFile], entry: IndexEntry | None, *, force: bool
    ) -> Inventory:
        free = await to_thread.run_sync(free_bytes, self.root)
        if force:
            return Inventory(frozenset(), {}, {}, free)
        # What is recorded of a dataset whose exchange was interrupted may lie under the other commit's content.
        trusted = entry if entry and not entry.updating_to else None
        present = await find_present(self.root / remote.repo, trusted, files)
        missing = [file for file in files if file.path not in present]
        folders = parts_folder(self.root, remote.repo), digests_folder(self.root, remote.repo)
        kept = await to_thread.run_sync(find_kept, remote, missing, *folders)
        copies = await to_thread.run_sync(find_copies, trusted, remote.repo, missing, self._hf_cache)
        whole = None
        if self._whole and (known := (await self._whole.entries()).get(remote.repo)):
            folder = f"{self._whole.root / remote.repo}{os.sep}"
            beside = find_copies(known, remote.repo, missing, None, elsewhere=True)
            copies |= {path: folder + donor for path, donor in beside.items()}
            whole = None if known.updating_to else RecordedVersions(known, folder)
        return Inventory(present, copies, kept, free, whole)

    async def check_places(self, plan: DownloadPlan) -> None:
        await to_thread.run_sync(self._check_places, plan)

    def _check_places(self, plan: DownloadPlan) -> None:
        parts = make_folder(parts_folder(self.root, plan.repo))
        self._check_together(plan.repo, [file.path for file in plan.files], parts)

    def _check_together(self, repo: str, files: Sequence[str], parts: Path) -> None:
        others = (entry for entry in self._index.entries().values() if entry.repo != repo)
        paths = [f"{entry.repo}/{path}" for entry in others for path in entry.files]
        paths += (f"{repo}/{path}" for path in files)
        check_names(parts, files)
        check_together(paths, case_sensitive=is_case_sensitive(parts))
        check_same_disk(parts, {(self.root / repo / path).parent for path in files})

    @asynccontextmanager
    async def open_staging(
        self, remote: RemoteDataset, recorded: Sequence[str], *, empty: bool
    ) -> AsyncIterator[Staging]:
        yield await to_thread.run_sync(self._open_staging, remote, recorded, empty)

    def _open_staging(self, remote: RemoteDataset, recorded: Sequence[str], empty: bool) -> Staging:
        folder = parts_folder(self.root, remote.repo)
        if empty:
            shutil.rmtree(folder, ignore_errors=True)
        digests = make_folder(digests_folder(self.root, remote.repo))
        parts = PartFolder(remote, make_folder(folder), digests, left_behind(folder))
        fence = self._fence(remote.repo)
        return Staging(self.root, remote.repo, folder, parts, recorded=recorded, exchange=self._exchange, fence=fence)

    def _exchange(self, old: IndexEntry | None, new: IndexEntry, held: Mapping[str, Path]) -> None:
        fence = self._fence(new.repo)
        exchange(self._index, self.root, old, new, held, before_record=lambda: self._clean_up(new), fence=fence)
        self._clear(new.repo)

    def _clean_up(self, entry: IndexEntry) -> None:
        parts = parts_folder(self.root, entry.repo)
        for path in placed_paths(parts) - set(entry.files):
            remove_file(self.root, f"{entry.repo}/{path}", self._fence(entry.repo))
        keep_notes_only(parts)
        names = {part_name(entry.repo, entry.commit, path, checksum) for path, checksum in entry.checksums.items()}
        keep_digests(self.root, entry.repo, names)

    async def keep_range(self, remote: RemoteDataset, file: RemoteFile, start: int, data: bytes) -> bool:
        async with self._locks.hold_if_free(remote.repo) as held:
            if held:
                await to_thread.run_sync(self._keep_range, remote, file, start, data)
            return held

    def _keep_range(self, remote: RemoteDataset, file: RemoteFile, start: int, data: bytes) -> None:
        name = part_name(remote.repo, remote.commit, file.path, file.checksum)
        folder = make_folder(parts_folder(self.root, remote.repo))
        with disk_errors(folder, needed=len(data)):
            keep_range(PartPaths(folder, digests_folder(self.root, remote.repo), name), file.size, start, data)

    async def clear(self, repo: str) -> None:
        await to_thread.run_sync(self._clear, repo)

    def _clear(self, repo: str) -> None:
        self._locks.check(repo)
        clear_parts(self.root, repo)

    # ---- what is there ----------------------------------------------------------------------------------------------

    async def find_damaged(
        self, entry: IndexEntry, *, on_block: Callable[[], None] = lambda: None
    ) -> AsyncIterator[DamagedFile]:
        for path in entry.files:
            expected = entry.checksums[path]
            actual = await hash_file(self.root / entry.repo / path, expected, on_block=on_block)
            if actual != expected:
                yield DamagedFile(path=path, expected=expected, actual=actual)

    async def usage(self) -> list[DatasetUsage]:
        return await to_thread.run_sync(usage_of, self.root, await self.entries())

    async def prune(self, repo: str) -> bool:
        async with self._locks.hold_if_free(repo) as held:
            entry = (await self.entries()).get(repo)
            if not held or (entry and entry.updating_to):
                return False
            async with AsyncExitStack() as free:
                for index, count in await to_thread.run_sync(shard_names, self.root, repo):
                    locks = self._locks.of_shard(index, count)
                    if not await free.enter_async_context(locks.hold_if_free(repo)):
                        return False
                await to_thread.run_sync(remove_unfinished, self.root, repo, entry, self._fence(repo))
            return True

    async def remove(self, entry: IndexEntry) -> None:
        await to_thread.run_sync(self._remove, entry)

    def _remove(self, entry: IndexEntry) -> None:
        places = [f"{entry.repo}/{path}" for path in entry.files]
        for place in places:
            inside(self.root, place)
        # Noted, then out of the index: after a crash a later download adopts the files, or removes them.
        note_placed(make_folder(parts_folder(self.root, entry.repo)), entry.files)
        self._index.remove(entry.repo, fence=self._fence(entry.repo))
        for place in places:
            remove_file(self.root, place, self._fence(entry.repo))
        clear_parts(self.root, entry.repo)
        clear_rows(self.root, entry.repo)
        keep_digests(self.root, entry.repo, ())
