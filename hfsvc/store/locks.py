"""Locks of datasets: one holder each, over all tasks and all processes of a machine."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from copy import copy
from pathlib import Path
from weakref import WeakValueDictionary

import anyio
from anyio import to_thread

from hfsvc.aio.cancellation import stoppable
from hfsvc.aio.per_process import PerProcess, soon_on_this_loop
from hfsvc.disk import make_folder
from hfsvc.errors import LeaseExpired, StoreLocked
from hfsvc.store.directories import flat_name, locks_folder, make_root
from hfsvc.store.process_locks import POLL_S, ProcessLock, ProcessLocks


class DatasetLocks:
    """Locks by name, in the process first and then between processes.

    A file lock alone does not do: two tasks of one process that share it are both let in. Lock files stay where they
    are: to unlink one admits a second holder.

    Args:
        root: Of the store; made, with the folder of the lock files, when a lock is first held.
        timeout_s: How long to wait for another process; None waits for ever.
        locks: Between processes.
    """

    _ending = ""

    def __init__(self, root: Path, *, timeout_s: float | None = None, locks: ProcessLocks | None = None) -> None:
        self._root = root
        self._folder = locks_folder(root)
        self._timeout_s = timeout_s
        self._locks = locks or ProcessLocks()
        self._tasks = PerProcess[WeakValueDictionary[str, anyio.Lock]](WeakValueDictionary)
        self._held = PerProcess[dict[str, ProcessLock]](dict)

    @property
    def between_processes(self) -> ProcessLocks:
        """Makes them."""
        return self._locks

    def of_shard(self, index: int, count: int) -> "DatasetLocks":
        """The locks of one shard of datasets, which others do not wait for. In the same folder, for that of a shard goes."""
        other = copy(self)
        other._ending = f"-shard-{index}-of-{count}"
        return other

    def of_root(self, root: Path) -> "DatasetLocks":
        """The locks of another store, held in the same way."""
        return DatasetLocks(root, timeout_s=self._timeout_s, locks=self._locks.of_another_disk())

    def check(self, name: str) -> None:
        """Refuse to go on where `name` is not held any more, although its context has not ended. Blocks.

        Before every rename and every record of a holder: whoever was stopped for longer than a lease lasts, and comes
        back, must not change what is another one's by now.

        Raises:
            LeaseExpired: It is not.
        """
        if lock := self._held().get(self._key(name)):
            lock.check()

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
            with _until_lost(name) as on_lost:
                lock = await to_thread.run_sync(self._make, key, name, on_lost)
                held = await to_thread.run_sync(lock.try_acquire)
                try:
                    if held:
                        self._held()[key] = lock
                    yield held
                finally:
                    if held:
                        await self._release(key, lock)

    @asynccontextmanager
    async def _hold(self, name: str, key: str) -> AsyncIterator[bool]:
        task_lock = self._tasks().setdefault(key, anyio.Lock())
        waited = task_lock.locked()
        async with task_lock:
            with _until_lost(name) as on_lost:
                lock = await to_thread.run_sync(self._make, key, name, on_lost)
                try:
                    waited |= await self._acquire(lock, name)
                    self._held()[key] = lock
                    yield waited
                finally:
                    await self._release(key, lock)

    def _key(self, name: str) -> str:
        return flat_name(name).casefold() + self._ending

    async def _release(self, key: str, lock: ProcessLock) -> None:
        self._held().pop(key, None)
        # Whoever is cancelled lets the next one in, too.
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(lock.release)

    def _make(self, key: str, name: str, on_lost: Callable[[], None]) -> ProcessLock:
        make_root(self._root)
        make_folder(self._folder)
        return self._locks.make(self._folder / f"dataset-{key}.lock", name, on_lost)

    async def _acquire(self, lock: ProcessLock, name: str) -> bool:
        started = time.monotonic()
        waited = False
        while not await to_thread.run_sync(lock.try_acquire):
            waited = True
            spent_s = time.monotonic() - started
            if self._timeout_s is not None and spent_s >= self._timeout_s:
                raise StoreLocked(repo=name, waited_s=spent_s)
            await anyio.sleep(POLL_S)
        return waited


@contextmanager
def _until_lost(name: str) -> Iterator[Callable[[], None]]:
    """Ends what a holder does as soon as its turn is found to be over.

    Gives what another thread calls then.

    Raises:
        LeaseExpired: It was called.
    """
    call_soon = soon_on_this_loop()
    with stoppable() as scope:
        yield lambda: call_soon(scope.cancel)
    if scope.cancel_called:
        raise LeaseExpired(what=name)
