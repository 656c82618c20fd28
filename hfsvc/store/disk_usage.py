"""What each dataset takes of the disk, and what unfinished downloads have left of it. All of it blocks."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hfsvc.disk import disk_errors
from hfsvc.files.atomic import size_of
from hfsvc.models import DatasetUsage
from hfsvc.store.directories import (
    clear_parts,
    digests_folder,
    parts_folder,
    repos_with_state,
    rows_folder,
    shards_folder,
)
from hfsvc.store.exchange import remove_file
from hfsvc.store.index import Fence, IndexEntry
from hfsvc.store.staging import placed_paths


def usage_of(root: Path, entries: Mapping[str, IndexEntry]) -> list[DatasetUsage]:
    """Every dataset that is recorded, or of which something is left, by id.

    Raises:
        StoreNotWritable: A folder of the store cannot be read.
    """
    with disk_errors(root, verb="read"):
        repos = sorted({*entries, *repos_with_state(root)})
        found = [_usage(root, repo, entries.get(repo)) for repo in repos]
    return [each for each in found if each.recorded or each.total_bytes]


def _usage(root: Path, repo: str, entry: IndexEntry | None) -> DatasetUsage:
    sizes = [*_sizes(root / repo / path for path in entry.files)] if entry else []
    unfinished = [parts_folder(root, repo), shards_folder(root, repo)]
    beside = [digests_folder(root, repo), rows_folder(root, repo)]
    return DatasetUsage(
        repo=repo,
        recorded=entry is not None,
        files=len(sizes),
        file_bytes=sum(sizes),
        unfinished_bytes=sum(map(_on_disk, unfinished)) + sum(_sizes(_placed(root, repo, entry))),
        index_bytes=sum(map(_on_disk, beside)),
    )


def _placed(root: Path, repo: str, entry: IndexEntry | None) -> list[Path]:
    recorded = set(entry.files) if entry else set()
    return [root / repo / path for path in placed_paths(parts_folder(root, repo)) - recorded]


def _sizes(paths: Iterable[Path]) -> Iterator[int]:
    return (size for size in map(size_of, paths) if size is not None)


def _on_disk(folder: Path) -> int:
    # A part is as long as its file from the start on: what counts is what it takes.
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def remove_unfinished(root: Path, repo: str, entry: IndexEntry | None, fence: Fence) -> None:
    """Remove what unfinished downloads have left of a dataset. Only the holder of its lock may."""
    for path in _placed(root, repo, entry):
        remove_file(root, path.relative_to(root).as_posix(), fence)
    fence()
    clear_parts(root, repo)
    shutil.rmtree(shards_folder(root, repo), ignore_errors=True)
