"""Exchange of files: into place one by one, or all of a commit together where readers know an older one.

Everything here blocks and runs to its end once begun: call it from a worker thread.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from hfsvc.disk import disk_errors, make_folder
from hfsvc.files.atomic import prune_empty, sync_folder
from hfsvc.store.index import Fence, IndexEntry, StoreIndex
from hfsvc.store.safe_paths import inside


def place(root: Path, path: str, whole: Path, fence: Fence) -> None:
    """Rename a verified file to its final path below the root, over whatever file is there.

    Raises:
        UnsafePath: A folder or a link is in the way.
        LeaseExpired: It is another one's turn by now.
    """
    target = inside(root, path)
    fence()
    with disk_errors(target):
        try:
            whole.replace(target)
        except FileNotFoundError:
            # Most often the folder is there: of thousands of files, few are its first one.
            make_folder(target.parent)
            whole.replace(target)


def exchange(
    index: StoreIndex,
    root: Path,
    old: IndexEntry | None,
    new: IndexEntry,
    wholes: Mapping[str, Path],
    *,
    before_record: Callable[[], None],
    fence: Fence,
) -> None:
    """Move a dataset from what is recorded to `new`, so that no reader takes one for the other.

    The index says first that the dataset is changing; readers look there after they have opened a file. A crash in
    between leaves that mark, and the next download checks every file by its hash.

    Args:
        index: Of the store.
        root: Of the store.
        old: What is recorded now.
        new: What will be; its files that are not among `wholes` are in place.
        wholes: Verified files by path.
        before_record: Removes what is not needed any more: once the dataset is recorded, no later run looks for it.
        fence: Raises where the dataset is another holder's by now; asked before everything that is changed.
    """
    folder = root / new.local_path
    removed = sorted(set(old.files) - set(new.files)) if old else []
    if old and (wholes or removed):
        index.record(msgspec.structs.replace(old, updating_to=new.commit), fence=fence)
    # Removed first: a folder may come where a file was.
    for path in removed:
        remove_file(root, f"{new.local_path}/{path}", fence)
    for path, whole in wholes.items():
        place(root, f"{new.local_path}/{path}", whole, fence)
    for parent in {(folder / path).parent for path in new.files}:
        sync_folder(parent)
    fence()
    before_record()
    index.record(new, fence=fence)


def move_dataset(index: StoreIndex, root: Path, old: IndexEntry, repo: str, fence: Fence) -> None:
    """Follow a rename on the Hub: the files move, and the old name stays as an alias.

    A crash after the folder moved leaves files that nothing is recorded of; the next download adopts them.
    """
    target = inside(root, repo)
    if target.exists():
        return
    make_folder(target.parent)
    fence()
    with disk_errors(target):
        (root / old.local_path).rename(target)
    prune_empty((root / old.local_path).parent, root)
    aliases = tuple(sorted({*old.aliases, old.repo} - {repo}))
    index.rename(old, msgspec.structs.replace(old, repo=repo, local_path=repo, aliases=aliases), fence=fence)


def remove_file(root: Path, path: str, fence: Fence) -> None:
    """Delete a recorded file and the folders below the root that it leaves empty.

    Raises:
        UnsafePath: A folder or a link is in the way.
    """
    target = inside(root, path)
    fence()
    with disk_errors(target):
        target.unlink(missing_ok=True)
    prune_empty(target.parent, root)
