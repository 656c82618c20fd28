"""The system's errors about the disk as this project's, and folders made or checked with them."""

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hfsvc.errors import HfsvcError, NoSpace, StoreNotWritable, TooManyOpenFiles, is_out_of_files
from hfsvc.files.atomic import free_bytes

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def disk_errors(path: Path, *, needed: int = 0, verb: str = "written") -> Iterator[None]:
    """Turn the system's errors into ours, with the path and, for a full disk, the bytes needed.

    Raises:
        NoSpace: The disk or a quota is full.
        TooManyOpenFiles: No more may be open.
        StoreNotWritable: Any other refusal.
    """
    try:
        yield
    except OSError as error:
        raise disk_error(error, path, needed, verb) from error


def disk_error(error: OSError, path: Path, needed: int, verb: str = "written") -> HfsvcError:
    """The error of ours that a system error means."""
    if is_out_of_files(error):
        return TooManyOpenFiles(where=_refused(error, path))
    if error.errno in _FULL:
        return NoSpace(path=str(path), needed=needed, free=free_bytes(path))
    return StoreNotWritable(path=_refused(error, path), reason=error.strerror or str(error), verb=verb)


def _refused(error: OSError, path: Path) -> str:
    """What the system would not touch. Beside `path` that is a scratch file, of which nobody knows."""
    named = Path(error.filename) if isinstance(error.filename, str) else path
    return str(path if named.parent == path.parent else named)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder for as long as the context lasts.

    Raises:
        NoSpace, StoreNotWritable: The system has no place for it.
    """
    with ExitStack() as removed:
        with disk_errors(Path(os.environ.get("TMPDIR") or "The temporary folder")):
            made = removed.enter_context(tempfile.TemporaryDirectory(prefix="hfsvc-"))
        yield Path(made)


def make_folder(folder: Path) -> Path:
    """The folder, made with its parents where it is missing.

    Raises:
        StoreNotWritable: It cannot be made.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


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
