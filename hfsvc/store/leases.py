"""Leases: locks between processes that end by themselves, for disks on which the system's locks do not exclude.

A lease is a folder of numbered files; the highest number is the newest turn, and its file says whose it is, and until when. A
turn is taken by making the file of the next number, which a disk grants to one process only. So nothing is ever taken
away under anybody, and whoever had an earlier turn sees that there is a later one. All of it blocks.
"""

import contextlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from hfsvc.disk import disk_errors, make_folder
from hfsvc.errors import LeaseExpired
from hfsvc.files.atomic import replacement

RENEWALS = 3
"""How often a lease is renewed in the time that it lasts."""
SLOWER_CLOCK = 1.1
"""How much faster another host's clock may go than this one's."""
CLOCK_SKEW_S = 60.0
"""How far the times of two hosts may lie apart, where one believes what another one wrote down."""


class LeaseTurn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of a lease, as its file tells it.

    Attributes:
        owner: Of this turn alone.
        host: For people.
        process: For people.
        deadline: Unix time at which it ends unless it is renewed, by the owner's clock.
        lasts_s: From one renewal on.
        renewed: How often it was.
        released: Whether its owner has given it back.
    """

    owner: str
    host: str
    process: int
    deadline: float
    lasts_s: float
    renewed: int = 0
    released: bool = False


_decoder = msgspec.json.Decoder(LeaseTurn)
# Of the clock that goes on while the machine sleeps, where there is one.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _elapsed() -> float:
    return time.clock_gettime(_CLOCK)


class LeaseLock:
    """A lease, held for one holder at a time and renewed by a thread while it is.

    Args:
        folder: Of the lease; made where it is missing.
        lasts_s: How long a turn lasts that is not renewed.
        what: Is locked, for errors.
        on_lost: Called by the thread when it finds that the turn is over.
    """

    def __init__(self, folder: Path, lasts_s: float, what: str, on_lost: Callable[[], None] = lambda: None) -> None:
        self._folder, self._lasts_s, self._what = folder, lasts_s, what
        self._on_lost = on_lost
        self._seen: tuple[int, bytes, float] | None = None
        self._number = 0
        self._turn: LeaseTurn | None = None
        self._renewed_at = 0.0
        self._lost = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # ---- taking and giving back -------------------------------------------------------------------------------------

    def try_acquire(self) -> bool:
        """Take the lease where nobody has it; whether it was taken.

        Raises:
            StoreNotWritable: The disk refuses.
        """
        make_folder(self._folder)
        newest = self._newest()
        if newest and not self._is_over(newest, self._read(newest)):
            return False
        self._renewed_at = _elapsed()
        turn = LeaseTurn(
            owner=uuid.uuid4().hex,
            host=socket.gethostname(),
            process=os.getpid(),
            deadline=time.time() + self._lasts_s,
            lasts_s=self._lasts_s,
        )
        if not self._make(newest + 1, turn):
            return False
        self._number, self._turn, self._lost = newest + 1, turn, False
        self._remove_older()
        self._begin_to_renew()
        return True

    def release(self) -> None:
        """Give the lease back; nothing where it was lost."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        turn, self._turn, self._thread = self._turn, None, None
        if turn is not None and self._is_mine(turn):
            # What cannot be written now ends at its deadline.
            with contextlib.suppress(OSError):
                self._write(msgspec.structs.replace(turn, released=True))

    def check(self) -> None:
        """Refuse to go on where the turn is over: it was not renewed in time, or somebody has taken a later one.

        Raises:
            LeaseExpired: It is.
        """
        turn = self._turn
        with disk_errors(self._folder, verb="read"):
            held = turn is not None and self._is_mine(turn)
        if not held:
            raise LeaseExpired(what=self._what, lasts_s=self._lasts_s)

    def _is_mine(self, turn: LeaseTurn) -> bool:
        in_time = _elapsed() - self._renewed_at < self._lasts_s
        # Once over, always over, whatever the disk shows.
        self._lost = self._lost or not in_time or self._newest() != self._number or self._owner() != turn.owner
        return not self._lost

    # ---- renewing ---------------------------------------------------------------------------------------------------

    def _begin_to_renew(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_renewing, args=(self._stop,), name="hfsvc-lease", daemon=True)
        self._thread.start()

    def _keep_renewing(self, stop: threading.Event) -> None:
        while not stop.wait(self._lasts_s / RENEWALS):
            turn = self._turn
            if turn is None:
                return
            # A disk that does not answer is asked again, as long as the turn lasts.
            with contextlib.suppress(OSError):
                if not self._is_mine(turn):
                    self._on_lost()
                    return
                self._renew(turn)

    def _renew(self, turn: LeaseTurn) -> None:
        begun = _elapsed()
        renewed = msgspec.structs.replace(turn, deadline=time.time() + self._lasts_s, renewed=turn.renewed + 1)
        self._write(renewed)
        self._turn, self._renewed_at = renewed, begun

    # ---- what the disk shows ----------------------------------------------------------------------------------------

    def _newest(self) -> int:
        try:
            return max((int(each.name) for each in self._folder.iterdir() if each.name.isdecimal()), default=0)
        except FileNotFoundError:
            return 0

    def _path(self, number: int) -> Path:
        return self._folder / str(number)

    def _read(self, number: int) -> bytes:
        try:
            return self._path(number).read_bytes()
        except FileNotFoundError:
            return b""

    def _owner(self) -> str | None:
        turn = _decoded(self._read(self._number))
        return turn.owner if turn else None

    def _is_over(self, number: int, content: bytes) -> bool:
        """Whether a turn has ended, by its own word or by what was seen of it."""
        turn = _decoded(content)
        if turn and (turn.released or time.time() > turn.deadline + CLOCK_SKEW_S):
            return True
        # Without believing any clock but one's own: nothing of it has changed for as long as it lasts.
        if self._seen is None or self._seen[:2] != (number, content):
            self._seen = number, content, _elapsed()
        lasts_s = turn.lasts_s if turn else self._lasts_s
        return _elapsed() - self._seen[2] > lasts_s * SLOWER_CLOCK

    def _make(self, number: int, turn: LeaseTurn) -> bool:
        with disk_errors(self._folder):
            try:
                descriptor = os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            except FileExistsError:
                return False
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(turn))
                file.flush()
                os.fsync(descriptor)
        return True

    def _write(self, turn: LeaseTurn) -> None:
        with replacement(self._path(self._number)) as scratch, scratch.open("xb") as file:
            file.write(msgspec.json.encode(turn))
            file.flush()
            os.fsync(file.fileno())

    def _remove_older(self) -> None:
        for each in self._folder.iterdir():
            if each.name.isdecimal() and int(each.name) < self._number:
                each.unlink(missing_ok=True)


def _decoded(content: bytes) -> LeaseTurn | None:
    try:
        return _decoder.decode(content)
    except msgspec.MsgspecError:
        return None
