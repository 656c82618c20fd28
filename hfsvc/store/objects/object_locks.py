"""Locks of datasets in an object store: leases that are exchanged like the index, renewed, and taken over when they are not."""

import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4
from weakref import WeakValueDictionary

import anyio
import msgspec

from hfsvc.aio.cancellation import only_error, stoppable
from hfsvc.errors import HfsvcError, LeaseExpired, StoreLocked
from hfsvc.models import Model
from hfsvc.store.dataset_store import STORE_LOGGER
from hfsvc.store.directories import flat_name
from hfsvc.store.objects.object_bucket import ObjectBucket, Version
from hfsvc.store.safe_paths import STATE_FOLDER

logger = logging.getLogger(__name__)
notes = logging.getLogger(STORE_LOGGER)
POLL_S = 0.5


class ObjectLease(Model, frozen=True, kw_only=True):
    """What a lease says.

    Attributes:
        owner: One holder's turn; None where it is free.
        host: Where it is at work.
        turn: Another one at every renewal, so that a watcher sees that it was renewed.
        lasts_s: How long it lasts without one, on the watcher's own clock.
    """

    owner: str | None = None
    host: str = ""
    turn: int = 0
    lasts_s: float = 30.0


_decoder = msgspec.json.Decoder(ObjectLease)


def _read_lease(content: bytes) -> ObjectLease:
    try:
        return _decoder.decode(content)
    except msgspec.MsgspecError:
        # Whatever it is, it is not renewed.
        return ObjectLease(owner="unknown")


class _Turn:
    """One holder's lease, as it was last exchanged."""

    def __init__(self, key: str, lease: ObjectLease, version: Version, now: float) -> None:
        self.key = key
        self.lease = lease
        self.version = version
        self.renewed_at = now
        self.changing = anyio.Lock()


class ObjectLocks:
    """One holder a dataset, over all tasks of a process and all who use the object store.

    Args:
        bucket: Holds the leases.
        lease_s: Seconds that one lasts which is not renewed.
        timeout_s: How long to wait for another holder; None waits for ever.
    """

    def __init__(self, bucket: ObjectBucket, *, lease_s: float, timeout_s: float | None = None) -> None:
        self._bucket = bucket
        self._lease_s = lease_s
        self._timeout_s = timeout_s
        self._tasks: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()
        self._held: dict[str, _Turn] = {}

    @asynccontextmanager
    async def hold(self, repo: str) -> AsyncIterator[bool]:
        """Hold a dataset until the context ends; gives True when somebody else had it before.

        Raises:
            StoreLocked: The wait took longer than allowed.
            LeaseExpired: The lease could not be renewed in time.
        """
        lock = self._tasks.setdefault(repo, anyio.Lock())
        waited = lock.locked()
        async with lock:
            turn, waited_for = await self._wait_for(repo)
            async with self._holding(repo, turn):
                yield waited or waited_for

    @asynccontextmanager
    async def hold_if_free(self, repo: str) -> AsyncIterator[bool]:
        """Hold a dataset if nobody else does, without waiting; gives whether it is held."""
        lock = self._tasks.setdefault(repo, anyio.Lock())
        if lock.locked():
            yield False
            return
        async with lock:
            turn = await self._try(repo, None)
            if isinstance(turn, _Turn):
                async with self._holding(repo, turn):
                    yield True
            else:
                yield False

    async def check(self, repo: str) -> None:
        """Refuse to go on where a dataset is not held any more, although its context has not ended.

        Raises:
            LeaseExpired: It is not.
        """
        if (turn := self._held.get(repo)) and not await self._renew(turn):
            raise LeaseExpired(what=repo, lasts_s=self._lease_s)

    async def _wait_for(self, repo: str) -> tuple[_Turn, bool]:
        started = time.monotonic()
        watched: tuple[Version, float] | None = None
        while True:
            found = await self._try(repo, watched)
            if isinstance(found, _Turn):
                return found, watched is not None
            if watched is None or watched[0] != found:
                watched = found, time.monotonic()
            spent_s = time.monotonic() - started
            if self._timeout_s is not None and spent_s >= self._timeout_s:
                raise StoreLocked(repo=repo, waited_s=spent_s)
            await anyio.sleep(min(POLL_S, self._lease_s / 4))

    async def _try(self, repo: str, watched: tuple[Version, float] | None) -> "_Turn | Version":
        """A turn, or what another holder's lease is at now.

        Args:
            repo: The dataset.
            watched: What it was at, and since when.
        """
        key = f"{STATE_FOLDER}/locks/{flat_name(repo).casefold()}.json"
        found = await self._bucket.read(key)
        lease, known = (_read_lease(found[0]), found[1]) if found else (ObjectLease(), None)
        if known is not None and lease.owner:
            since = watched[1] if watched and watched[0] == known else time.monotonic()
            if time.monotonic() - since < lease.lasts_s:
                return known
            _tell_killed(repo, lease, self._bucket)
        mine = ObjectLease(owner=uuid4().hex, host=socket.gethostname(), turn=lease.turn + 1, lasts_s=self._lease_s)
        taken = await self._exchange(key, mine, known)
        # Whoever was quicker is watched from the next look on.
        return _Turn(key, mine, taken, time.monotonic()) if taken is not None else (known or {})

    async def _exchange(self, key: str, lease: ObjectLease, known: Version | None) -> Version | None:
        taken = await self._bucket.exchange(key, msgspec.json.encode(lease), known)
        if taken is None:
            # A request that was sent twice is refused the second time: what is there may be our own.
            found = await self._bucket.read(key)
            return found[1] if found and _read_lease(found[0]) == lease else None
        return taken

    @asynccontextmanager
    async def _holding(self, repo: str, turn: _Turn) -> AsyncIterator[None]:
        self._held[repo] = turn
        lost = False

        def lose() -> None:
            nonlocal lost
            lost = True
            scope.cancel()

        try:
            with stoppable() as scope:
                async with anyio.create_task_group() as beside:
                    beside.start_soon(self._keep, turn, lose)
                    yield
                    beside.cancel_scope.cancel()
        except BaseExceptionGroup as errors:
            raise only_error(errors) from None
        finally:
            self._held.pop(repo, None)
            with anyio.CancelScope(shield=True):
                await self._release(turn)
        if lost:
            raise LeaseExpired(what=repo, lasts_s=self._lease_s)

    async def _keep(self, turn: _Turn, lose: Callable[[], None]) -> None:
        while True:
            await anyio.sleep(self._lease_s / 3)
            if not await self._renewed_in_time(lambda: self._renew(turn), turn):
                lose()
                return

    async def _renewed_in_time(self, renew: Callable[[], Awaitable[bool]], turn: _Turn) -> bool:
        try:
            return await renew()
        except HfsvcError as error:
            logger.debug("a lease is not renewed: %s", error)
            return time.monotonic() - turn.renewed_at < self._lease_s

    async def _renew(self, turn: _Turn) -> bool:
        async with turn.changing:
            lease = msgspec.structs.replace(turn.lease, turn=turn.lease.turn + 1)
            taken = await self._exchange(turn.key, lease, turn.version)
            if taken is not None:
                turn.lease, turn.version, turn.renewed_at = lease, taken, time.monotonic()
            return taken is not None

    async def _release(self, turn: _Turn) -> None:
        free = ObjectLease(turn=turn.lease.turn + 1, lasts_s=self._lease_s)
        try:
            await self._bucket.exchange(turn.key, msgspec.json.encode(free), turn.version)
        except HfsvcError as error:
            # It ends by itself.
            logger.debug("a lease is not released: %s", error)


def _tell_killed(repo: str, lease: ObjectLease, bucket: ObjectBucket) -> None:
    notes.warning(
        "a run on %s that worked on %s was killed: parts of files that it had begun may take room in %s where nobody "
        "sees them, until they are removed as incomplete multipart uploads are (a lifecycle rule does)",
        lease.host or "another machine",
        repo,
        bucket.address,
    )
