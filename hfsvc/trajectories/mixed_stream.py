"""The stream of a mix: rows drawn from several streams at random, by weight."""

import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from hfsvc.models import LeftOut, StreamRecord, TrajectoryRow
from hfsvc.protocols import RowStream, TrajectorySource
from hfsvc.trajectories.mix_cursor import MixCursor
from hfsvc.trajectories.row_stream import CountedStream
from hfsvc.trajectories.selection import RowRange

T = TypeVar("T")
EndOfMix = Literal["all", "first"]


class MixPart(NamedTuple):
    """One of the sources of a mix.

    Attributes:
        name: What it is called.
        source: Of its rows.
        weight: How often a row is drawn from it, beside the others.
    """

    name: str
    source: TrajectorySource
    weight: float = 1.0


class MixedStream(AsyncGenerator[T, None]):
    """A stream of what the rows of a mix became.

    Args:
        parts: That are mixed.
        rows: Which of their rows.
        start: Where it begins.
        seed: Of the order.
        until: As for `hfsvc.trajectories.mixed_source.MixedSource`.
        make: What to make of a row.
    """

    def __init__(
        self,
        parts: Sequence[MixPart],
        rows: RowRange,
        start: MixCursor,
        *,
        seed: int,
        until: EndOfMix,
        make: Callable[[TrajectoryRow], T],
    ) -> None:
        self._weights = [each.weight for each in parts]
        self._names = [each.name for each in parts]
        self._begin = [partial(_part_of, each, index, len(parts), rows, start) for index, each in enumerate(parts)]
        self._streams = [begin() for begin in self._begin]
        self._limit = rows.limit
        self._place = start
        self._until = until
        self._draws = random.Random(f"{seed} {start.round} {start.shard}")
        for _ in range(start.draws):
            self._draws.random()
        self._values = self._drawn(make)
        self._written = 0

    @property
    def record(self) -> StreamRecord:
        """What became of the rows of all parts."""
        records = [each.record for each in self._streams]
        left_out: Counter[LeftOut] = Counter()
        for each in records:
            left_out.update(each.left_out)
        return StreamRecord(
            read=sum(each.read for each in records),
            written=self._written,
            left_out=dict(left_out),
            without_result=sum(each.without_result for each in records),
            notes=tuple(dict.fromkeys(note for each in records for note in each.notes)),
        )

    @property
    def cursor(self) -> str | None:
        """Opaque text; a stream of the same mix that is given it goes on after what came out of this one."""
        return self._place.write()

    async def _drawn(self, make: Callable[[TrajectoryRow], T]) -> AsyncGenerator[T, None]:
        try:
            while self._limit is None or self._written < self._limit:
                part = self._draw()
                row = None if part is None else await anext(aiter(self._streams[part]), None)
                if part is None or (row is None and self._ends(part)):
                    break
                if row is not None:
                    yield make(self._taken(part, row))
            await self.count_the_rest()
        finally:
            await self._close()

    async def count_the_rest(self) -> None:
        """Have the rows that no part comes to any more counted, of those too from which nothing was drawn."""
        for index, stream in enumerate(self._streams):
            if stream.cursor is None:
                self._streams[index] = unread = self._begin[index](limit=0)
                async for _ in unread:
                    pass
            elif isinstance(stream, CountedStream):
                await stream.count_the_rest()

    def _draw(self) -> int | None:
        """The part that the next row comes from, of those that have not ended; None where all have."""
        weights = [0.0 if ended else weight for weight, ended in zip(self._weights, self._place.ended, strict=True)]
        place = self._draws.random() * sum(weights)
        self._place = msgspec.structs.replace(self._place, draws=self._place.draws + 1)
        for part, weight in enumerate(weights):
            place -= weight
            if place < 0:
                return part
        return None

    def _ends(self, part: int) -> bool:
        """Note that a part has no more rows; whether that ends the mix."""
        ended = tuple(known or index == part for index, known in enumerate(self._place.ended))
        self._place = msgspec.structs.replace(self._place, ended=ended)
        return self._until == "first" or all(ended)

    def _taken(self, part: int, row: TrajectoryRow) -> TrajectoryRow:
        cursors = tuple(row.cursor if index == part else known for index, known in enumerate(self._place.cursors))
        self._place = msgspec.structs.replace(self._place, cursors=cursors)
        self._written += 1
        return msgspec.structs.replace(
            row,
            row=row.row * len(self._names) + part,
            file=f"{self._names[part]}/{row.file}",
            cursor=self._place.write(),
        )

    async def _close(self) -> None:
        for each in self._streams:
            await each.aclose()

    async def __anext__(self) -> T:
        return await self._values.__anext__()

    async def asend(self, value: None) -> T:
        return await self._values.asend(value)

    async def athrow(self, typ: Any, val: BaseException | object = None, tb: TracebackType | None = None) -> T:
        return await self._values.athrow(typ, val, tb)

    async def aclose(self) -> None:
        await self._values.aclose()
        await self._close()


def _part_of(
    part: MixPart, index: int, parts: int, rows: RowRange, start: MixCursor, limit: int | None = None
) -> RowStream[TrajectoryRow]:
    """The stream of one part; of its rows the numbers in the mix are those that are asked for."""
    first = -((index - rows.start) // parts)
    stop = None if rows.stop is None else max(0, -((index - rows.stop) // parts))
    return part.source.stream_rows(
        start=max(0, first),
        stop=stop,
        shard=rows.shard,
        cursor=start.cursors[index],
        stripe=rows.stripe,
        limit=limit,
        where=rows.where,
    )
