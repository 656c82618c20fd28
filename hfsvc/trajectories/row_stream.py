"""Streams of a dataset's rows, each with a record of what became of them and a cursor to go on with."""

from collections import Counter
from collections.abc import AsyncGenerator, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from hfsvc.models import LeftOut, StreamRecord
from hfsvc.trajectories.chooser import Chosen
from hfsvc.trajectories.cursor import Reading

T = TypeVar("T")


class StreamTally:
    """Counts what becomes of the rows of one stream.

    Attributes:
        written: Rows that came out.
    """

    def __init__(self) -> None:
        self.written = 0
        self._left_out: Counter[LeftOut] = Counter()
        self._without_result = 0
        self._notes: tuple[str, ...] = ()
        self._reading: Reading | None = None
        self._seen = 0

    def begin(self, chosen: Chosen, reading: Reading) -> None:
        """The rows are chosen, and divided."""
        self._reading = reading
        self._without_result, self._notes = chosen.without_result, chosen.notes
        self._left_out.update(chosen.left_out)
        self._left_out["shard"] += reading.others
        self._left_out["range"] += len(chosen.rows) - len(chosen.window)
        self._left_out["cursor"] += len(chosen.window) - reading.others - len(reading.left)

    def came_out(self, rows: int, seen: int) -> None:
        """Rows came out, and so many places of the stream lie behind."""
        self.written += rows
        self._seen = seen

    def was_bad(self, seen: int) -> None:
        """A bad row was left out."""
        self._left_out["bad"] += 1
        self._seen = seen

    def is_full(self, limit: int | None) -> bool:
        """Whether as many rows came out as may."""
        return limit is not None and self.written >= limit

    def end(self) -> None:
        """No more rows are wanted."""
        if self._reading:
            self._left_out["limit"] += len(self._reading.left) - self._seen

    @property
    def seen(self) -> int:
        """How many places of the stream lie behind."""
        return self._seen

    @property
    def cursor(self) -> str | None:
        """Goes on after what came out."""
        return self._reading.cursor_after(self._seen) if self._reading else None

    def record(self) -> StreamRecord:
        """What became of the rows so far."""
        left_out: dict[LeftOut, int] = {reason: rows for reason, rows in self._left_out.items() if rows}
        read = self.written + sum(left_out.values())
        return StreamRecord(
            read=read,
            written=self.written,
            left_out=left_out,
            without_result=self._without_result,
            notes=self._notes,
        )


class CountedStream(AsyncGenerator[T, None]):
    """An asynchronous generator of what rows became. `aclose` ends it at once and leaves nothing running.

    Args:
        values: What comes out.
        tally: That counts it.
    """

    def __init__(self, values: AsyncGenerator[T, None], tally: StreamTally) -> None:
        self._values = values
        self._tally = tally

    @property
    def record(self) -> StreamRecord:
        """What became of the dataset's rows; of all of them once the stream has ended."""
        return self._tally.record()

    @property
    def cursor(self) -> str | None:
        """Opaque text; a stream that is given it goes on after what came out of this one. None before it has begun."""
        return self._tally.cursor

    @property
    def seen(self) -> int:
        """How many rows of the reading lie behind, bad ones included."""
        return self._tally.seen

    async def count_the_rest(self) -> None:
        """Count the rows that have not come out as left out: no more are wanted."""
        self._tally.end()

    def __anext__(self) -> Coroutine[Any, Any, T]:
        return self._values.__anext__()

    def asend(self, value: None) -> Coroutine[Any, Any, T]:
        return self._values.asend(value)

    def athrow(
        self, typ: Any, val: BaseException | object = None, tb: TracebackType | None = None
    ) -> Coroutine[Any, Any, T]:
        return self._values.athrow(typ, val, tb)

    def aclose(self) -> Coroutine[Any, Any, None]:
        return self._values.aclose()
