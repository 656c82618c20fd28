"""Locks of datasets: one holder each, over all tasks and all processes of a machine."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from copy import copy
from pathlib import Path
from weakref import WeakValueDictionary

import anyio
import filelock
from anyio import to_thread

from hfsvc.aio.per_process import PerProcess
from hfsvc.disk import disk_error, make_folder
from hfsvc.errors import StoreLocked
from hfsvc.store.directories import flat_name, locks_folder, make_root

POLL_S = 0.05


def make_file_lock(path: Path) -> filelock.BaseFileLock:
    """A lock between processes; its file is made where it is missing, as open to others as the umask says.

    A lock of its own makes it for its user alone to write.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    return filelock.FileLock(path, thread_local=False)


class DatasetLocks:
    """Locks by name, in the process first and then between processes.

    A file lock alone does not do: two tasks of one process that share it are both let in. Lock files stay where they
    are: to unlink one admits a second holder.

    Args:
        root: Of the store; made, with the folder of the lock files, when a lock is first held.
        timeout_s: How long to wait for another process; None waits for ever.
    """

    _ending = ""

    def __init__(self, root: Path, *, timeout_s: float | None = None) -> None:
        self._root = root
        self._folder = locks_folder(root)
        self._timeout_s = timeout_s
        self._tasks = PerProcess[WeakValueDictionary[str, anyio.Lock]](WeakValueDictionary)

    def of_shard(self, index: int, count: int) -> "DatasetLocks":
        """The locks of one shard of datasets, which others do not wait for. In the same folder, for that of a shard goes."""
        other = copy(self)
        other._ending = f"-shard-{index}-of-{count}"
        return other

    def of_root(self, root: Path) -> "DatasetLocks":
        """The locks of another store, held in the same way."""
        return DatasetLocks(root, timeout_s=self._timeout_s)

    def hold(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Hold `name` (a dataset's id) until the context ends; gives True when somebody else had it before.

        Waiters queue. A cancelled or killed holder lets the next one in.

        Raises:
            StoreLocked: The wait took longer than allowed.
            StoreNotWritable: Lock files cannot be made here.
        """
        return self._hold(name, self._key(name))

    @asynccontextmanager
    async def hold_if_free(self, name: str) -> AsyncIterator[bool]:
        """Hold `name` if nobody else does, without waiting; gives whether it is held.

        Raises:
            StoreNotWritable: Lock files cannot be made here.
        """
        key = self._key(name)
        task_lock = self._tasks().setdefault(key, anyio.Lock())
        if task_lock.locked():
            yield False
            return
        async with task_lock:
            file_lock = await to_thread.run_sync(self._file_lock, key)
            held = await to_thread.run_sync(_try, file_lock)
            try:
                yield held
            finally:
                if held:
                    file_lock.release()

    @asynccontextmanager
    async def _hold(self, name: str, key: str) -> AsyncIterator[bool]:
        task_lock = self._tasks().setdefault(key, anyio.Lock())
        waited = task_lock.locked()
        async with task_lock:
            file_lock = await to_thread.run_sync(self._file_lock, key)
            try:
                waited |= await self._acquire(file_lock, name)
                yield waited
            finally:
                file_lock.release()

    def _key(self, name: str) -> str:
        return flat_name(name).casefold() + self._ending

    def _file_lock(self, key: str) -> filelock.BaseFileLock:
        make_root(self._root)
        make_folder(self._folder)
        return make_file_lock(self._folder / f"dataset-{key}.lock")

    async def _acquire(self, lock: filelock.BaseFileLock, name: str) -> bool:
        started = time.monotonic()
        waited = False
        while not await to_thread.run_sync(_try, lock):
            waited = True
            spent_s = time.monotonic() - started
            if self._timeout_s is not None and spent_s >= self._timeout_s:
                raise StoreLocked(repo=name, waited_s=spent_s)
            await anyio.sleep(POLL_S)
        return waited


def _try(lock: filelock.BaseFileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        return False
    except OSError as error:
        raise disk_error(error, Path(lock.lock_file), 0) from error
    return True
