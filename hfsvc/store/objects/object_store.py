"""`DatasetStore` in an object store: objects by the Hub's paths, index.json, and `.hfsvc/` for leases and what is held back."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from uuid import uuid4

import anyio
import msgspec
from anyio import from_thread, to_thread

from hfsvc.aio.cancellation import only_error
from hfsvc.errors import NotOnDisk, ObjectStoreFailed
from hfsvc.files.checksum import kind_of, make_hasher
from hfsvc.models import DamagedFile, DatasetUsage, DownloadedDataset, DownloadPlan, RemoteDataset, RemoteFile
from hfsvc.store.dataset_store import STORE_LOGGER, IsRenamed
from hfsvc.store.gathering import StoredDataset
from hfsvc.store.index import IndexEntry, find_moved
from hfsvc.store.inventory import Inventory
from hfsvc.store.objects.object_bucket import ObjectBucket, StoredObject
from hfsvc.store.objects.object_content import ObjectContent
from hfsvc.store.objects.object_index import ObjectIndex
from hfsvc.store.objects.object_locks import ObjectLocks
from hfsvc.store.objects.object_staging import HeldFiles, ObjectStaging, staged_prefix
from hfsvc.store.safe_paths import STATE_FOLDER, check_together

notes = logging.getLogger(STORE_LOGGER)
LOOKS_AT_ONCE = 16
COPIES_AT_ONCE = 8
HASHED_BYTES = 64 << 20


class ObjectDatasetStore:
    """`DatasetStore` in an object store.

    Args:
        bucket: The objects below the root.
        locks: One holder a dataset.
        stall_s: Seconds without a byte after which reading an object fails.
    """

    def __init__(self, bucket: ObjectBucket, *, locks: ObjectLocks, stall_s: float) -> None:
        self.address = bucket.address
        self._bucket = bucket
        self._index = ObjectIndex(bucket)
        self._locks = locks
        self._stall_s = stall_s

    async def check_writable(self) -> None:
        """Write an object, once under a condition that holds and once under one that does not, and remove it.

        Raises:
            ObjectStoreFailed: It cannot be written, or conditions mean nothing there, so that writers would lose entries.
        """
        probe = f"{STATE_FOLDER}/probes/{uuid4().hex}"
        first = await self._bucket.exchange(probe, b"1", None)
        again = await self._bucket.exchange(probe, b"2", None)
        second = await self._bucket.exchange(probe, b"3", first)
        late = await self._bucket.exchange(probe, b"4", first)
        await self._bucket.delete([probe])
        if first is None or second is None or again is not None or late is not None:
            reason = "it does not keep to the conditions of a write, so that one of two writers would be lost"
            raise ObjectStoreFailed(address=self.address, verb="shared", reason=reason)

    # ---- the record -------------------------------------------------------------------------------------------------

    async def entries(self) -> Mapping[str, IndexEntry]:
        return await self._index.entries()

    async def is_complete(self, entry: IndexEntry) -> bool:
        found = await self._bucket.list_below(f"{entry.repo}/")
        return all(_is_there(found.get(f"{entry.repo}/{path}"), entry.sizes[path]) for path in entry.files)

    async def amend(self, known: IndexEntry, amended: IndexEntry) -> None:
        await self._index.change(
            lambda entries: {**entries, amended.repo: amended} if entries.get(known.repo) == known else {**entries}
        )

    def dataset(self, entry: IndexEntry) -> DownloadedDataset:
        return entry.dataset(self.address)

    def content(self, repo: str) -> ObjectContent:
        """Where the bytes of a recorded dataset come from."""
        return ObjectContent(self._bucket, repo, stall_s=self._stall_s)

    # ---- one holder -------------------------------------------------------------------------------------------------

    def hold(self, repo: str) -> AbstractAsyncContextManager[bool]:
        return self._locks.hold(repo)

    @asynccontextmanager
    async def hold_to_read(self, repo: str) -> AsyncIterator[None]:
        # Objects are replaced as a whole: whoever reads one keeps nobody out.
        yield

    async def follow_rename(self, remote: RemoteDataset, is_renamed: IsRenamed) -> None:
        moved = find_moved(await self.entries(), remote)
        if moved is not None and await is_renamed(moved, remote):
            notes.warning(
                "%s is recorded here under its earlier name %s: nothing is renamed in an object store, so it is brought "
                "once more; the other one can be deleted",
                remote.repo,
                moved.repo,
            )

    async def tidy(self, entry: IndexEntry) -> None:
        """Nothing: what a run leaves is cleared by the next one that brings something, or by pruning."""

    # ---- shards -----------------------------------------------------------------------------------------------------

    def shard(self, repo: str, index: int, count: int) -> "ObjectDatasetStore":
        raise NotOnDisk(address=self.address, wanted="a shard", hint="Bring the dataset as a whole.")

    async def shards(self, repo: str) -> list[IndexEntry]:
        return []

    async def join(self, part: IndexEntry) -> IndexEntry | None:
        return None

    async def merge(
        self,
        repo: str,
        sources: Sequence[StoredDataset],
        *,
        move: bool,
        on_block: Callable[[], None] = lambda: None,
    ) -> IndexEntry:
        raise NotOnDisk(address=self.address, wanted="a merge of folders")

    # ---- a download -------------------------------------------------------------------------------------------------

    async def inspect(
        self, remote: RemoteDataset, files: Sequence[RemoteFile], entry: IndexEntry | None, *, force: bool
    ) -> Inventory:
        if force:
            return Inventory(frozenset(), {}, {}, None)
        trusted = entry if entry and not entry.updating_to else None
        checksums = trusted.checksums if trusted else {}
        found = await self._bucket.list_below(f"{remote.repo}/")
        there = [
            each
            for each in files
            if each.checksum and not each.fault and _is_there(found.get(f"{remote.repo}/{each.path}"), each.size)
        ]
        present = {each.path for each in there if checksums.get(each.path) == each.checksum}
        present |= await self._marked(remote.repo, [each for each in there if each.path not in checksums])
        donors = {checksum: path for path, checksum in checksums.items() if f"{remote.repo}/{path}" in found}
        copies = {each.path: donors[each.checksum] for each in files if each.checksum in donors}
        return Inventory(frozenset(present), {path: copies[path] for path in copies.keys() - present}, {}, None)

    async def _marked(self, repo: str, files: Sequence[RemoteFile]) -> set[str]:
        """Paths of files that interrupted runs have completed, as the metadata of their objects say."""
        found: set[str] = set()

        async def look(file: RemoteFile) -> None:
            described = await self._bucket.describe(f"{repo}/{file.path}")
            if described and described.checksum == file.checksum:
                found.add(file.path)

        await _all([partial(look, each) for each in files], LOOKS_AT_ONCE)
        return found

    async def check_places(self, plan: DownloadPlan) -> None:
        entries = await self.entries()
        others = [f"{each.repo}/{path}" for each in entries.values() if each.repo != plan.repo for path in each.files]
        paths = [*others, *(f"{plan.repo}/{file.path}" for file in plan.files)]
        await to_thread.run_sync(partial(check_together, paths, case_sensitive=True))

    @asynccontextmanager
    async def open_staging(
        self, remote: RemoteDataset, recorded: Sequence[str], *, empty: bool
    ) -> AsyncIterator[ObjectStaging]:
        staged = frozenset() if empty else frozenset(await self._bucket.list_below(staged_prefix(remote.repo)))
        try:
            async with anyio.create_task_group() as tasks:
                try:
                    yield ObjectStaging(
                        self._bucket,
                        remote,
                        recorded=recorded,
                        staged=staged,
                        tasks=tasks,
                        exchange=self._exchange,
                    )
                finally:
                    # What is not complete by now is not to be.
                    tasks.cancel_scope.cancel()
        except BaseExceptionGroup as errors:
            raise only_error(errors) from None

    async def _exchange(self, old: IndexEntry | None, new: IndexEntry, held: HeldFiles) -> None:
        gone = sorted({*old.files} - {*new.files}) if old else []
        fence = partial(self._locks.check, new.repo)
        if old and (held.copies or held.uploads or gone):
            changing = msgspec.structs.replace(old, updating_to=new.commit)
            await self._index.change(lambda entries: {**entries, old.repo: changing}, fence)
        for upload in held.uploads:
            await upload.complete()
        await _all([partial(self._bucket.copy, source, key) for key, source in held.copies.items()], COPIES_AT_ONCE)
        await fence()
        await self._bucket.delete([f"{new.repo}/{path}" for path in gone])
        await self._remove_unrecorded(new.repo, new)
        await self._index.change(lambda entries: {**entries, new.repo: new}, fence)
        await self.clear(new.repo)

    async def _remove_unrecorded(self, repo: str, entry: IndexEntry | None) -> None:
        """Remove objects that an interrupted run has put in place, and no others."""
        known = {f"{repo}/{path}" for path in entry.files} if entry else set()
        strange = [key for key in await self._bucket.list_below(f"{repo}/") if key not in known]
        await self._bucket.delete(await self._ours(strange))

    async def _ours(self, keys: Sequence[str]) -> list[str]:
        """Those of the objects that a download has put there, as their metadata say."""
        ours: list[str] = []

        async def look(key: str) -> None:
            described = await self._bucket.describe(key)
            if described and described.checksum:
                ours.append(key)

        await _all([partial(look, each) for each in keys], LOOKS_AT_ONCE)
        return ours

    async def keep_range(self, remote: RemoteDataset, file: RemoteFile, start: int, data: bytes) -> bool:
        return False

    async def clear(self, repo: str) -> None:
        await self._bucket.delete([*await self._bucket.list_below(staged_prefix(repo))])

    # ---- what is there ----------------------------------------------------------------------------------------------

    async def find_damaged(
        self, entry: IndexEntry, *, on_block: Callable[[], None] = lambda: None
    ) -> AsyncIterator[DamagedFile]:
        for path in entry.files:
            expected = entry.checksums[path]
            actual = await self._hash(f"{entry.repo}/{path}", expected, on_block)
            if actual != expected:
                yield DamagedFile(path=path, expected=expected, actual=actual)

    async def _hash(self, key: str, like: str, on_block: Callable[[], None]) -> str | None:
        described = await self._bucket.describe(key)
        if described is None:
            return None
        hasher = make_hasher(kind_of(like), described.size)

        def take(block: bytes) -> None:
            for start in range(0, len(block), 1 << 20):
                from_thread.check_cancelled()
                on_block()
                hasher.update(memoryview(block)[start : start + (1 << 20)])

        async with aclosing(self._blocks(described)) as blocks:
            async for block in blocks:
                await to_thread.run_sync(take, block)
        return f"{kind_of(like)}:{hasher.hexdigest()}"

    async def _blocks(self, described: StoredObject) -> AsyncGenerator[bytes, None]:
        # One request for all of a large one would outlast what a request may take.
        for start in range(0, described.size, HASHED_BYTES):
            stop = min(start + HASHED_BYTES, described.size)
            _, chunks = await self._bucket.open(described.key, start, stop)
            async for chunk in chunks:
                yield chunk

    async def usage(self) -> list[DatasetUsage]:
        entries, objects = await self.entries(), await self._bucket.list_below("")
        unfinished = await self._unfinished(entries, objects)
        return [
            _usage_of(repo, entries.get(repo), objects, unfinished.get(repo, 0))
            for repo in sorted({*entries, *unfinished})
        ]

    async def _unfinished(
        self, entries: Mapping[str, IndexEntry], objects: Mapping[str, StoredObject]
    ) -> dict[str, int]:
        """Bytes of objects that no record names and a download has put there, by dataset."""
        recorded = {f"{entry.repo}/{path}" for entry in entries.values() for path in entry.files}
        candidates = {key: repo for key in objects if key not in recorded and (repo := _unfinished_of(key, entries))}
        found: dict[str, int] = {}
        for key in await self._ours([*candidates]):
            found[candidates[key]] = found.get(candidates[key], 0) + objects[key].size
        return found

    async def prune(self, repo: str) -> bool:
        async with self._locks.hold_if_free(repo) as held:
            entry = (await self.entries()).get(repo)
            if not held or (entry and entry.updating_to):
                return False
            await self._remove_unrecorded(repo, entry)
            await self.clear(repo)
            return True

    async def remove(self, entry: IndexEntry) -> None:
        # Out of the index first: after a crash a later download adopts the files, and pruning removes them.
        fence = partial(self._locks.check, entry.repo)
        await self._index.change(lambda entries: {k: each for k, each in entries.items() if k != entry.repo}, fence)
        await self._bucket.delete([f"{entry.repo}/{path}" for path in entry.files])
        await self.clear(entry.repo)


def _is_there(found: StoredObject | None, size: int) -> bool:
    return found is not None and found.size == size


def _usage_of(
    repo: str, entry: IndexEntry | None, objects: Mapping[str, StoredObject], unfinished: int
) -> DatasetUsage:
    keys = [f"{repo}/{path}" for path in (entry.files if entry else ())]
    sizes = [objects[key].size for key in keys if key in objects]
    return DatasetUsage(
        repo=repo,
        recorded=entry is not None,
        files=len(sizes),
        file_bytes=sum(sizes),
        unfinished_bytes=unfinished,
        index_bytes=0,
    )


def _unfinished_of(key: str, entries: Mapping[str, IndexEntry]) -> str | None:
    """The dataset that an object belongs to which no record names; None where it is none of the store's."""
    staged = f"{STATE_FOLDER}/staged/"
    if key.startswith(staged):
        return key.removeprefix(staged).partition("/")[0].replace("--", "/", 1)
    if key.startswith(f"{STATE_FOLDER}/"):
        return None
    parts = key.split("/")
    if len(parts) > 1 and parts[0] in entries:
        return parts[0]
    return "/".join(parts[:2]) if len(parts) > 2 else None


async def _all(calls: Sequence[Callable[[], Awaitable[None]]], at_once: int) -> None:
    """Await calls side by side; the first error ends all."""
    limit = anyio.CapacityLimiter(at_once)

    async def one(call: Callable[[], Awaitable[None]]) -> None:
        async with limit:
            await call()

    try:
        async with anyio.create_task_group() as group:
            for each in calls:
                group.start_soon(one, each)
    except BaseExceptionGroup as errors:
        raise only_error(errors) from None
