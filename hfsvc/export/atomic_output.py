"""Output that is whole under its final name or not there at all: made beside it, synced, renamed.

What a killed process left behind is removed by the next one that writes to the same name. Everything here blocks.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hfsvc.disk import disk_errors, make_folder
from hfsvc.files.atomic import scratch_name
from hfsvc.files.atomic import sync_folder as sync
from hfsvc.files.small_writes import create_file
from hfsvc.settings import make_absolute

if sys.platform != "win32":
    import fcntl

UNFINISHED = ".part"


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` at the end of the context; after an exception nothing has changed.

    A link is followed. What is neither file nor folder, a pipe or a device, is written to as it is.

    Raises:
        NoSpace, StoreNotWritable: It cannot be made or put in place.
    """
    if is_device(path):
        with disk_errors(path), path.open("wb") as file:
            yield file
        return
    path = make_absolute(path).resolve()
    with _beside(path, Path.touch) as scratch:
        with create_file(scratch) as file:
            yield file
        sync(scratch)
        scratch.replace(path)


def is_device(path: Path) -> bool:
    """Whether there is something at a path that is neither file nor folder."""
    with disk_errors(path):
        return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """A folder beside `path` for what becomes part of it, which is gone after the context.

    What a killed process leaves of it, the next one removes that writes to the same name.

    Raises:
        NoSpace, StoreNotWritable: It cannot be made.
    """
    path = make_absolute(path).resolve()
    scratch = path.with_name(scratch_name(path.name, UNFINISHED))
    with disk_errors(path):
        scratch.mkdir()
    try:
        with _held(scratch):
            yield scratch
    finally:
        _remove(scratch)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A new folder to fill, which becomes `path` at the end of the context; after an exception nothing has changed.

    Args:
        path: Where nothing is yet, or an empty folder.

    Raises:
        NoSpace, StoreNotWritable: It cannot be made or put in place.
    """
    with _beside(path, Path.mkdir) as scratch:
        yield scratch
        for each in (*scratch.rglob("*"), scratch):
            sync(each)
        if path.is_dir():
            path.rmdir()
        scratch.rename(path)


@contextmanager
def _beside(path: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    missing = [each for each in (path.parent, *path.parent.parents) if not each.exists()]
    make_folder(path.parent)
    _sweep(path)
    scratch = path.with_name(scratch_name(path.name, UNFINISHED))
    with disk_errors(path):
        try:
            make(scratch)
            with _held(scratch):
                yield scratch
        except BaseException:
            _remove(scratch)
            _remove_empty(missing)
            raise
    sync(path.parent)


def _sweep(path: Path) -> None:
    """Remove what processes that are no more left beside `path`."""
    begin = scratch_name(path.name, UNFINISHED).rpartition(UNFINISHED)[0].rpartition(".")[0]
    for left in path.parent.glob(f"{_literally(begin)}.*{UNFINISHED}"):
        try:
            with _held(left):
                _remove(left)
        except OSError:
            # Somebody is at work on it, or has just finished.
            continue


def _literally(name: str) -> str:
    return "".join(f"[{each}]" if each in "*?[" else each for each in name)


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold a file or folder for as long as this process is at work on it.

    Raises:
        BlockingIOError: Another one does.
    """
    if sys.platform == "win32":
        # There a file that is open cannot be removed; folders that were left behind stay.
        yield
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders, the innermost first, up to one that somebody else has put something into."""
    with suppress(OSError):
        for each in folders:
            each.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
