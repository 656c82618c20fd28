"""Inventory of a disk: which of listed files are in place, under other names, or partly here.

Blobs of the cache of Hugging Face's own tools are named by their hash (the layout of huggingface_hub 2.4:
``<cache>/datasets--owner--name/blobs/<sha256 or git sha1>``). They are read only, copied (as a reflink where the disk can)
and verified; never linked, for a link could be changed from the other side.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from anyio import from_thread, to_thread

from hfsvc.disk import disk_errors
from hfsvc.files.atomic import size_of
from hfsvc.files.checksum import checksum_file, kind_of
from hfsvc.models import RemoteDataset, RemoteFile
from hfsvc.store.index import IndexEntry
from hfsvc.transfer.part_paths import PartPaths, kept_ranges, left_behind, part_name
from hfsvc.transfer.ranges import RangeSet


class RecordedVersions(NamedTuple):
    """Files of what may be another commit, from which content can be copied.

    Attributes:
        entry: What is recorded of them.
        folder: Stands before their paths; empty where they are in the dataset's own folder.
    """

    entry: IndexEntry
    folder: str = ""


class Inventory(NamedTuple):
    """What is here of the selected files of a listing.

    Attributes:
        present: Paths whose final file has the listed content.
        copies: ``{path: where the same content lies on this disk}``, for files that need not be fetched.
        kept: ``{path: what is here}`` of interrupted transfers.
        free_bytes: Room on the disk; None where it does not tell.
        beside: The whole dataset that this is a shard of, where it is recorded and that can be relied on.
    """

    present: frozenset[str]
    copies: Mapping[str, str]
    kept: Mapping[str, RangeSet]
    free_bytes: int | None
    beside: RecordedVersions | None = None


async def find_present(folder: Path, entry: IndexEntry | None, files: Sequence[RemoteFile]) -> frozenset[str]:
    """Paths of `files` whose content is in place.

    A recorded file counts when its hash was recorded as the listed one and its size is right. A file that nothing is
    recorded of (left by an interrupted run, or the index was lost) is hashed.

    Args:
        folder: The dataset's folder.
        entry: What is recorded; None to hash everything that could be right.
        files: What is wanted.
    """
    recorded = dict(entry.checksums) if entry else {}
    candidates = await to_thread.run_sync(_of_listed_size, folder, files)
    present = {file.path for file in candidates if recorded.get(file.path) == file.checksum}
    for file in candidates:
        if file.path not in recorded and await _has_checksum(folder / file.path, file.checksum):
            present.add(file.path)
    return frozenset(present)


def _of_listed_size(folder: Path, files: Iterable[RemoteFile]) -> list[RemoteFile]:
    if not folder.exists():
        return []
    return [file for file in files if file.checksum and not file.fault and size_of(folder / file.path) == file.size]


async def _has_checksum(path: Path, checksum: str | None) -> bool:
    return checksum is not None and await hash_file(path, checksum) == checksum


async def hash_file(path: Path, like: str, *, on_block: Callable[[], None] = lambda: None) -> str | None:
    """The checksum of a file, of the kind of `like`; None where there is no such file. Cancelled within a block.

    `on_block` is called before every block of it, in a worker thread.
    """

    def block() -> None:
        from_thread.check_cancelled()
        on_block()

    return await to_thread.run_sync(_hash, path, kind_of(like), block)


def _hash(path: Path, kind: str, on_block: Callable[[], None]) -> str | None:
    with disk_errors(path, verb="read"):
        return None if size_of(path) is None else checksum_file(path, kind, on_block=on_block)


def find_copies(
    entry: IndexEntry | None, repo: str, files: Sequence[RemoteFile], hf_cache: Path | None, *, elsewhere: bool = False
) -> dict[str, str]:
    """Where the content of missing files lies under another name.

    Args:
        entry: What is recorded, if it can be trusted.
        repo: The dataset.
        files: What is missing.
        hf_cache: The cache of Hugging Face's own tools; None to leave it alone.
        elsewhere: Whether the entry is of another store than the one where they are missing.

    Returns:
        ``{path: other path}``, relative to the dataset's folder, or absolute for blobs of the cache. Blocks.
    """
    donors: dict[str, list[str]] = {}
    for path, checksum in entry.checksums.items() if entry else ():
        donors.setdefault(checksum, []).append(path)
    alike = ((file.path, donors.get(file.checksum or "", ())) for file in files)
    # What is missing is no copy of itself, but where it is recorded elsewhere.
    others = ((path, [each for each in known if elsewhere or each != path]) for path, known in alike)
    found = {path: known[-1] for path, known in others if known}
    has_blobs = hf_cache is not None and blob_path(hf_cache, repo, "").is_dir()
    for file in files if has_blobs else ():
        if hf_cache and file.checksum and file.path not in found:
            blob = blob_path(hf_cache, repo, file.checksum)
            if size_of(blob) == file.size > 0:
                found[file.path] = str(blob)
    return found


def blob_path(cache: Path, repo: str, checksum: str) -> Path:
    """Where the cache of Hugging Face's own tools would hold content with this checksum."""
    return cache / f"datasets--{repo.replace('/', '--')}" / "blobs" / checksum.partition(":")[2]


def find_kept(dataset: RemoteDataset, files: Sequence[RemoteFile], parts: Path, digests: Path) -> dict[str, RangeSet]:
    """``{path: ranges}`` that interrupted transfers left of files, by their journals. Blocks."""
    left = left_behind(parts)
    if not left:
        return {}
    names = {file.path: part_name(dataset.repo, dataset.commit, file.path, file.checksum) for file in files}
    return {
        file.path: kept_ranges(PartPaths(parts, digests, names[file.path]), file.size)
        for file in files
        if names[file.path] in left
    }
