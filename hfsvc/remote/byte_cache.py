"""A cache of bytes that were fetched, up to a limit: those that were used last stay."""

import threading
from bisect import bisect_left, insort
from collections import OrderedDict, defaultdict
from collections.abc import Iterable

from hfsvc.remote.spans import Bytes, Span


class ByteCache:
    """Bytes of files by their places. Any thread may ask.

    Args:
        limit: Bytes that it holds at most.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, int], Bytes] = OrderedDict()
        self._starts: defaultdict[str, list[int]] = defaultdict(list)
        self._longest = 0
        self._total = 0

    def find(self, path: str, spans: Iterable[Span]) -> list[Bytes]:
        """What is there of ranges of a file, and more where that came with it."""
        with self._lock:
            found = {start: None for span in spans for start in self._touching(path, span)}
            for start in found:
                self._held.move_to_end((path, start))
            return [self._held[path, start] for start in found]

    def _touching(self, path: str, span: Span) -> list[int]:
        starts = self._starts.get(path, [])
        first = bisect_left(starts, span[0] - self._longest)
        last = bisect_left(starts, span[1])
        return [start for start in starts[first:last] if self._held[path, start].stop > span[0]]

    def put(self, path: str, piece: Bytes, *, in_order: bool = False) -> None:
        """Hold bytes; those that were not used for longest go.

        Of a file that is read in order, and then perhaps again, those just before go, so that its beginning is there then.
        """
        with self._lock:
            self._drop(path, piece.start)
            if len(piece.data) > self.limit:
                return
            self._held[path, piece.start] = piece
            insort(self._starts[path], piece.start)
            self._longest = max(self._longest, len(piece.data))
            self._total += len(piece.data)
            while self._total > self.limit:
                before = self._before(path, piece.start) if in_order else None
                self._drop(*(before or next(iter(self._held))))

    def _before(self, path: str, start: int) -> tuple[str, int] | None:
        starts = self._starts[path]
        place = bisect_left(starts, start)
        return (path, starts[place - 1]) if place else None

    def forget(self, path: str) -> None:
        """Hold nothing of a file."""
        with self._lock:
            for start in [*self._starts.get(path, ())]:
                self._drop(path, start)

    def _drop(self, path: str, start: int) -> None:
        piece = self._held.pop((path, start), None)
        if piece is None:
            return
        self._total -= len(piece.data)
        self._starts[path].remove(start)
        if not self._starts[path]:
            del self._starts[path]
