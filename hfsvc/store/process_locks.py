"""Locks between processes, of the kind that a disk keeps: those of the system, or leases. All of it blocks."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol

import filelock

from hfsvc.disk import disk_error, disk_errors
from hfsvc.files.atomic import scratch_name
from hfsvc.store.leases import LeaseLock

LockKind = Literal["flock", "lease", "auto"]
POLL_S = 0.05
KIND_NAME = "kind.txt"
PROBE_S = 30
_PROBE = """
import fcntl, sys
with open(sys.argv[1], "r+") as file:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("held", flush=True)
    sys.stdin.readline()
"""


class ProcessLock(Protocol):
    """A lock between processes."""

    def try_acquire(self) -> bool:
        """Take it where nobody has it; whether it was taken."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...

    def check(self) -> None:
        """Raise where it is not held any more, although it was not given back."""
        ...


class SystemLock:
    """The system's lock of a file, which is made where it is missing, as open to others as the umask says.

    A lock of filelock's own makes it for its user alone to write.
    """

    def __init__(self, path: Path) -> None:
        with suppress(OSError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        self._path = path
        self._lock = filelock.FileLock(path, thread_local=False)

    def try_acquire(self) -> bool:
        try:
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            return False
        except OSError as error:
            raise disk_error(error, self._path, 0) from error
        return True

    def release(self) -> None:
        self._lock.release()

    def check(self) -> None:
        """It is held until it is given back, or the process ends."""


class ProcessLocks:
    """Makes the locks of a store.

    Args:
        kind: ``flock``, ``lease``, or ``auto``: leases where locks of two processes are found not to exclude each other on
            that disk. What is found first is written down there, for all others.
        lease_s: How long a lease lasts that is not renewed.
    """

    def __init__(self, kind: LockKind = "flock", lease_s: float = 30.0) -> None:
        self._kind: LockKind = kind
        self._found: LockKind | None = None
        self._lease_s = lease_s

    def of_another_disk(self) -> "ProcessLocks":
        """The same for another store."""
        return ProcessLocks(self._kind, self._lease_s)

    def make(self, path: Path, what: str, on_lost: Callable[[], None] = lambda: None) -> ProcessLock:
        """A lock.

        Args:
            path: Of its file; the folder exists.
            what: Is locked, for errors.
            on_lost: Called by another thread where a lease is found to be over before it was given back.
        """
        if self._found is None:
            self._found = _find_kind(path.parent) if self._kind == "auto" else self._kind
        if self._found == "lease":
            return LeaseLock(path.with_suffix(".lease"), self._lease_s, what, on_lost)
        return SystemLock(path)


def wait_for(lock: ProcessLock) -> None:
    """Take a lock as soon as nobody else has it."""
    while not lock.try_acquire():
        time.sleep(POLL_S)


def _find_kind(folder: Path) -> LockKind:
    """The kind of locks that those who share a folder use: what the first of them found out, by trying."""
    known = folder / KIND_NAME
    with disk_errors(known):
        if (written := _written(known)) is None:
            found = "flock" if exclude_each_other(folder) else "lease"
            scratch = folder / scratch_name(KIND_NAME)
            scratch.write_text(f"{found}\n", encoding="ascii")
            _put_first(scratch, known)
            written = _written(known)
    return "flock" if written == "flock" else "lease"


def _put_first(scratch: Path, known: Path) -> None:
    try:
        # Whoever is first: a rename would replace what others go by already.
        os.link(scratch, known)
    except FileExistsError:
        pass
    except OSError:
        # There are disks without links.
        scratch.replace(known)
    scratch.unlink(missing_ok=True)


def _written(known: Path) -> str | None:
    try:
        return known.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def exclude_each_other(folder: Path) -> bool:
    """Whether a lock that another process of this machine holds keeps this one out, on the disk of a folder.

    Of other machines it tells nothing: a disk may keep locks for each of them alone.
    """
    path = folder / scratch_name("probe")
    path.touch()
    try:
        return _is_kept_out(path)
    finally:
        path.unlink(missing_ok=True)


def _is_kept_out(path: Path) -> bool:
    command = [sys.executable, "-I", "-S", "-c", _PROBE, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as holder:
        try:
            held = holder.stdout is not None and holder.stdout.readline().strip() == b"held"
            lock = SystemLock(path)
            if not held or not lock.try_acquire():
                return held
            lock.release()
            return False
        finally:
            holder.kill()
