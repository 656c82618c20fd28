"""Directories of a store, below its root.

::

    index.json                what is recorded
    <owner>/<name>/…          the files of a dataset
    .hfsvc/locks/             lock files, never removed while anything runs
    .hfsvc/parts/<dataset>/   what is on its way, and its journals
    .hfsvc/digests/<dataset>/ a digest of every range of the files that are here, for repairs
    .hfsvc/rows/<dataset>/    rows in small blocks and their summaries, for single rows and lists
    .hfsvc/shards/<dataset>/  a store for every shard that is here while others are not, ``<index>-of-<count>/``
    .hfsvc/tokenizers/<model>/ the tokenizers of models, a folder a commit
"""

import shutil
from collections.abc import Collection
from pathlib import Path

from hfsvc.disk import disk_errors, make_folder
from hfsvc.files.atomic import replacement, write_whole
from hfsvc.store.safe_paths import STATE_FOLDER


def make_root(root: Path) -> None:
    """Make the root; in the default place with a file beside it that keeps datasets out of version control.

    Raises:
        StoreNotWritable: It cannot be made.
    """
    is_default = root.name == "datasets" and root.parent.name == ".openagents"
    ignored = root.parent / ".gitignore"
    if is_default and not root.exists() and not ignored.exists():
        make_folder(root.parent)
        with disk_errors(ignored):
            write_whole(ignored, b"datasets/\n")
    make_folder(root)


def flat_name(repo: str) -> str:
    """A dataset's id as one name; ``--`` cannot occur in an id."""
    return repo.replace("/", "--")


def locks_folder(root: Path) -> Path:
    """Holds the lock files."""
    return root / STATE_FOLDER / "locks"


def parts_folder(root: Path, repo: str) -> Path:
    """Holds what is on its way of one dataset."""
    return root / STATE_FOLDER / "parts" / flat_name(repo)


def digests_folder(root: Path, repo: str) -> Path:
    """Holds the range digests of one dataset's files."""
    return root / STATE_FOLDER / "digests" / flat_name(repo)


def rows_folder(root: Path, repo: str) -> Path:
    """Holds rows of one dataset in small blocks, and their summaries."""
    return root / STATE_FOLDER / "rows" / flat_name(repo)


def shards_folder(root: Path, repo: str) -> Path:
    """Holds the stores of one dataset's shards."""
    return root / STATE_FOLDER / "shards" / flat_name(repo)


def shard_root(root: Path, repo: str, index: int, count: int) -> Path:
    """The root of the store of one shard."""
    return shards_folder(root, repo) / f"{index}-of-{count}"


def shard_names(root: Path, repo: str) -> list[tuple[int, int]]:
    """Index and count of the shards of a dataset that have a store here."""
    found = (folder.name.partition("-of-") for folder in shards_folder(root, repo).glob("*-of-*"))
    return sorted((int(index), int(count)) for index, _, count in found if index.isdecimal() and count.isdecimal())


def tokenizers_folder(root: Path, model: str) -> Path:
    """Holds the tokenizer of one model, a folder a commit."""
    return root / STATE_FOLDER / "tokenizers" / flat_name(model)


def clear_rows(root: Path, repo: str) -> None:
    """Remove what was written down of a dataset's rows."""
    shutil.rmtree(rows_folder(root, repo), ignore_errors=True)


def keep_digests(root: Path, repo: str, names: Collection[str]) -> None:
    """Remove the digests of content that is not recorded any more."""
    for path in digests_folder(root, repo).glob("*.journal"):
        if path.stem not in names:
            path.unlink(missing_ok=True)


def keep_journals(source: Path, target: Path) -> None:
    """Keep the digests that another store has of its files, too."""
    for path in source.glob("*.journal"):
        with disk_errors(target), replacement(target / path.name) as scratch:
            shutil.copyfile(path, scratch)


def clear_parts(root: Path, repo: str) -> None:
    """Remove what earlier runs left of a dataset. Only the holder of its lock may."""
    shutil.rmtree(parts_folder(root, repo), ignore_errors=True)


def repos_with_state(root: Path) -> set[str]:
    """Ids of the datasets of which anything is on its way, or written down."""
    folders = (
        folder for kind in ("parts", "digests", "rows", "shards") for folder in (root / STATE_FOLDER / kind).glob("*")
    )
    return {folder.name.replace("--", "/") for folder in folders if folder.is_dir()}


def leftover_parts(root: Path) -> dict[str, int]:
    """``{flat name: bytes on disk}`` of what unfinished downloads have left."""
    folders = sorted((root / STATE_FOLDER / "parts").glob("*"))
    return {
        folder.name: sum(file.stat().st_blocks * 512 for file in folder.iterdir())
        for folder in folders
        if folder.is_dir()
    }
