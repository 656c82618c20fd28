"""What the disk refuses."""

from dataclasses import dataclass

from hfsvc.errors.root import HfsvcError
from hfsvc.units import format_bytes

ELSEWHERE = "take another folder (HFSVC_ROOT is that of the store)"


class LocalStorage(HfsvcError):
    """The disk, or what lies on it, stands in the way."""

    exit_code = 7


@dataclass(eq=False, kw_only=True)
class NoSpace(LocalStorage):
    """The disk has not enough room. `needed` and `free` are bytes; `needed` is 0 where it is not known."""

    path: str
    needed: int
    free: int

    def message(self) -> str:
        need = f"{format_bytes(self.needed)} more" if self.needed else "more room"
        free = format_bytes(self.free)
        return f"{self.path} needs {need}, and {free} are free: make room, or {ELSEWHERE}."


@dataclass(eq=False, kw_only=True)
class StoreNotWritable(LocalStorage):
    """A path below the root, or one to write to, cannot be written, or not be read."""

    path: str
    reason: str
    verb: str = "written"

    def message(self) -> str:
        return f"{self.path} cannot be {self.verb}: {self.reason}. Check its permissions, or {ELSEWHERE}."


@dataclass(eq=False, kw_only=True)
class StoreLocked(LocalStorage):
    """Another process holds the dataset for longer than this one may wait."""

    repo: str
    waited_s: float

    def message(self) -> str:
        return f"Another process has held {self.repo} for {self.waited_s:.0f} s: wait for it, or stop it."


@dataclass(eq=False, kw_only=True)
class DamagedIndex(LocalStorage):
    """index.json cannot be understood. It is left as it is."""

    path: str
    reason: str

    def message(self) -> str:
        return f"{self.path} is damaged ({self.reason}): move it away, then download again; files on disk are adopted."


@dataclass(eq=False, kw_only=True)
class UnsafePath(LocalStorage):
    """A path that the Hub lists, or the index holds, must not be written here."""

    path: str
    reason: str

    def message(self) -> str:
        return f"The path {self.path!r} is refused: {self.reason}."
