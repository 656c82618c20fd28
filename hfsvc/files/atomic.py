"""How a file reaches the disk whole (temp, fsync, rename), and what the disk's errors mean."""

import errno
import os
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hfsvc.errors import HfsvcError, NoSpace, StoreNotWritable

_FULL = {errno.ENOSPC, errno.EDQUOT}


def make_folder(folder: Path) -> Path:
    """The folder, made with its parents where it is missing.

    Raises:
        StoreNotWritable: It cannot be made.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file by new content: a reader, or a crash at any moment, sees the old or the new, never a part.

    Raises:
        NoSpace, StoreNotWritable: Nothing was changed.
    """
    with disk_errors(path, needed=len(content)):
        # Not tempfile's: its files are for their owner alone, and others may read a shared store.
        scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            with scratch.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


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


@contextmanager
def disk_errors(path: Path, *, needed: int = 0, verb: str = "written") -> Iterator[None]:
    """Turn the system's errors into ours, with the path and, for a full disk, the bytes needed.

    Raises:
        NoSpace: The disk or a quota is full.
        StoreNotWritable: Any other refusal.
    """
    try:
        yield
    except OSError as error:
        raise disk_error(error, path, needed, verb) from error


def disk_error(error: OSError, path: Path, needed: int, verb: str = "written") -> HfsvcError:
    """The error of ours that a system error means."""
    if error.errno in _FULL:
        return NoSpace(path=str(path), needed=needed, free=free_bytes(path))
    return StoreNotWritable(path=_refused(error, path), reason=error.strerror or str(error), verb=verb)


def _refused(error: OSError, path: Path) -> str:
    """What the system would not touch. Beside `path` that is a scratch file, of which nobody knows."""
    named = Path(error.filename) if isinstance(error.filename, str) else path
    return str(path if named.parent == path.parent else named)


def free_bytes(path: Path) -> int:
    """Room for this user on the disk that holds `path`, or would hold it."""
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return shutil.disk_usage(existing).free


def check_same_disk(folder: Path, others: Iterable[Path]) -> None:
    """Refuse places that a file of `folder` cannot be renamed into. They need not exist yet.

    Raises:
        StoreNotWritable: One lies on another disk: something is mounted on the way to it.
    """
    disk = folder.stat().st_dev
    for other in others:
        existing = next(path for path in (other, *other.parents) if path.exists())
        if existing.stat().st_dev != disk:
            reason = "it lies on another disk than the root, so nothing can be put there in one step"
            raise StoreNotWritable(path=str(existing), reason=reason)


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
