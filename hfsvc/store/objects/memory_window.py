"""The memory window of a download into an object store: how far ahead of what can go up ranges may be fetched. No I/O."""

from typing import Protocol

from hfsvc.models import ByteRange

WINDOW_BYTES = 64 << 20
FILES_AT_ONCE = 4


class GatheredFile(Protocol):
    """A file whose bytes gather in memory until they can go up.

    Attributes:
        claimed: The byte before which its ranges were admitted.
        front: The byte before which all have left its window.
        is_small: Whether it stays in memory until it is complete.
    """

    claimed: int

    @property
    def front(self) -> int: ...

    @property
    def is_small(self) -> bool: ...


class MemoryWindow:
    """Admits ranges while there is room. What was admitted once goes on, and so does the first file: nothing waits for ever.

    Args:
        most: Bytes of all files together that may be there, or on their way, before those in front of them are.
        files: Large files that go up at once.
    """

    def __init__(self, most: int = WINDOW_BYTES, files: int = FILES_AT_ONCE) -> None:
        self._most = most
        self._files = files
        self._open: list[GatheredFile] = []

    def enter(self, file: GatheredFile) -> None:
        """A file begins."""
        self._open.append(file)

    def leave(self, file: GatheredFile) -> None:
        """A file has ended. May be said twice."""
        if file in self._open:
            self._open.remove(file)

    def admits(self, file: GatheredFile, wanted: ByteRange) -> bool:
        """Whether a range of a file may be fetched now. One that may counts from then on."""
        if wanted.stop <= file.claimed:
            return True
        may = self._is_next(file, wanted) or self._has_room(file, wanted)
        if may:
            file.claimed = wanted.stop
        return may

    def _is_next(self, file: GatheredFile, wanted: ByteRange) -> bool:
        return self._open[0] is file and (file.is_small or wanted.start <= file.front)

    def _has_room(self, file: GatheredFile, wanted: ByteRange) -> bool:
        large = [each for each in self._open if not each.is_small]
        if not file.is_small and file not in large[: self._files]:
            return False
        held = sum(max(0, each.claimed - each.front) for each in self._open)
        return held + wanted.stop - max(file.claimed, file.front) <= self._most
