"""Merging of roots: what other stores have is brought into one, verified by the hashes that they recorded."""

from collections.abc import Sequence
from pathlib import Path

from anyio import from_thread, to_thread

from hfsvc.aio.cancellation import in_task_group
from hfsvc.errors import InvalidArgument, NotOnDisk, PathNotFound
from hfsvc.models import DownloadedDataset, OnEvent
from hfsvc.settings import is_address
from hfsvc.store.dataset_store import DatasetStore
from hfsvc.store.gathering import StoredDataset, stored_datasets
from hfsvc.store.merging import merged_entry
from hfsvc.transfer.progress import HashProgress


async def merge_roots(
    store: DatasetStore, roots: Sequence[Path], *, move: bool = False, on_event: OnEvent = lambda _: None
) -> list[DownloadedDataset]:
    """Bring all datasets, and shards of them, that other roots have recorded into a store.

    Every file is hashed on the way. A merge that was interrupted is gone on with by the same call.

    Args:
        store: Where they are to be.
        roots: Of the other stores.
        move: Take them away from there, once they are recorded here.
        on_event: Called with `BytesHashed` while files are read.

    Returns:
        Every dataset that was merged, by id.

    Raises:
        NotOnDisk: The store is in an object store.
        InvalidArgument: A root holds nothing, or is the store's own.
        PathNotFound: There is no such folder.
        ShardsMissing: A shard did not come; nothing was changed.
        MergeConflict: Stores have a dataset at several commits, or divided in other ways; nothing was changed.
        ChecksumMismatch: A file is not what was recorded of it; what was merged before that dataset stays.
    """
    if is_address(store.address):
        raise NotOnDisk(address=store.address, wanted="a merge of folders")
    found = await to_thread.run_sync(_stored_in, roots, Path(store.address))
    for repo, sources in found.items():
        # All are looked at first, so that one that cannot be merged does not stop half way.
        entries = [*await store.shards(repo), *(each.entry for each in sources)]
        merged_entry(entries, (await store.entries()).get(repo))
    return [
        await in_task_group(_merge(store, repo, sources, move=move, on_event=on_event))
        for repo, sources in found.items()
    ]


async def _merge(
    store: DatasetStore, repo: str, sources: Sequence[StoredDataset], *, move: bool, on_event: OnEvent
) -> DownloadedDataset:
    progress = HashProgress(on_event, sum(each.entry.total_bytes for each in sources))

    def block() -> None:
        from_thread.check_cancelled()
        progress.block()

    entry = await store.merge(repo, sources, move=move, on_block=block)
    progress.done()
    return store.dataset(entry)


def _stored_in(roots: Sequence[Path], target: Path) -> dict[str, list[StoredDataset]]:
    found: dict[str, list[StoredDataset]] = {}
    for root in dict.fromkeys(Path.cwd() / each.expanduser() for each in roots):
        for each in _stored(root, target):
            found.setdefault(each.entry.repo, []).append(each)
    return dict(sorted(found.items()))


def _stored(root: Path, target: Path) -> list[StoredDataset]:
    if not root.is_dir():
        raise PathNotFound(path=str(root))
    if target.exists() and root.samefile(target):
        reason = "it is the root that the others are merged into: name only those"
        raise InvalidArgument(name="ROOT", given=str(root), reason=reason)
    if found := stored_datasets(root):
        return found
    raise InvalidArgument(name="ROOT", given=str(root), reason="no dataset and no shard of one is recorded there")
