"""Atomic replacement of files: readers and crashes see all of the new content or the old. Raises OSError."""

import os
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST_NAME = 255
"""Bytes of a file's name, as most file systems take it."""


def write_whole(path: Path, content: bytes, *, before_rename: Callable[[], None] = lambda: None) -> None:
    """Replace a file by new content: a reader, or a crash at any moment, sees the old or the new, never a part.

    Args:
        path: Of the file.
        content: What it is to hold.
        before_rename: Called last; what it raises leaves all as it was.

    Raises:
        OSError: Nothing was changed.
    """
    with replacement(path) as scratch, scratch.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        before_rename()
    sync_folder(path.parent)


@contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """A name beside `path` for a new file, which takes its place at the end of the context; nothing after an exception.

    Whoever writes the file syncs it, or a crash might leave the name and not the content.
    """
    # Not tempfile's: its files are for their owner alone, and others may read a shared store.
    scratch = path.with_name(scratch_name(path.name))
    try:
        yield scratch
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def scratch_name(name: str, ending: str = "") -> str:
    """A name that nothing has, which begins like another one and is not longer than file systems take."""
    ending = f".{uuid.uuid4().hex}{ending}"
    begin = name[:LONGEST_NAME]
    # Character by character: whoever cuts bytes must know the encoding of names, which is the system's.
    while len(os.fsencode(begin)) > LONGEST_NAME - len(ending) - 1:
        begin = begin[:-1]
    return f".{begin}{ending}"


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power loss, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        # Windows cannot open folders; its renames are journalled by the file system.
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_bytes(path: Path) -> int | None:
    """Room for this user on the disk that holds `path`, or would hold it; None where the disk does not tell.

    File systems over the network and in user space tell 0 of 0 bytes.
    """
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    try:
        total, _, free = shutil.disk_usage(existing)
    except OSError:
        return None
    return free if total else None


def prune_empty(folder: Path, stop: Path) -> None:
    """Remove a folder and its parents while they are empty, up to `stop`, which stays."""
    while folder != stop and stop in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def size_of(path: Path) -> int | None:
    """Bytes of a regular file; None for anything else (missing, folder, link)."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
