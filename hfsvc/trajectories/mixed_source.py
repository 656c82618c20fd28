"""A `TrajectorySource` made of several: their rows in random order by weight, each row once.

Row `r` of the `p`-th of `n` parts has the number ``r * n + p``, so that no part needs to know how long the others are.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from hfsvc.arguments import check_value
from hfsvc.atif import Trajectory
from hfsvc.errors import InvalidArgument
from hfsvc.models import (
    DatasetStatistics,
    FileLayout,
    KeyColumn,
    LeftFiles,
    SummaryField,
    SummaryPage,
    TrajectoryRow,
    TrajectorySummary,
    ValueCounts,
)
from hfsvc.protocols import RowStream
from hfsvc.trajectories.index.facets import MAX_NAMED, cut, joined_counts
from hfsvc.trajectories.mix_cursor import begin_mix, mix_digest
from hfsvc.trajectories.mixed_stream import EndOfMix, MixedStream, MixPart
from hfsvc.trajectories.positions import Shard
from hfsvc.trajectories.selection import RowRange
from hfsvc.trajectories.statistics import joined_statistics

T = TypeVar("T")


class MixedSource:
    """The rows of several sources in one stream.

    Args:
        parts: At least one.
        seed: Of the order.
        until: ``first`` ends with the first part that has no more rows, so that the weights hold to the end; ``all``
            draws from the others.

    Raises:
        InvalidArgument: There is no part, or a weight that is none.
    """

    def __init__(self, parts: Sequence[MixPart], *, seed: int, until: EndOfMix = "all") -> None:
        for each in parts:
            check_value("weight", each.weight, int | float)
        wrong = next((each for each in parts if not 0 < each.weight < float("inf")), None)
        if wrong or not parts:
            value = f"{wrong.name}: {wrong.weight}" if wrong else "none"
            raise InvalidArgument(name="weight", given=value, reason="every part of a mix has one above 0")
        self._parts = list(parts)
        self._seed = seed
        self._until: EndOfMix = until
        self._mix = mix_digest([(each.name, each.weight) for each in parts], seed, until)

    @property
    def skipped_rows(self) -> int:
        """Bad rows that streams left out."""
        return sum(each.source.skipped_rows for each in self._parts)

    @property
    def left_out(self) -> tuple[FileLayout, ...]:
        """Files of the parts that hold something and are not read."""
        return tuple(file for each in self._parts for file in each.source.left_out)

    @property
    def left(self) -> LeftFiles | None:
        """What limits left of all parts together; next is what is next of the first of them."""
        found = [each.source.left for each in self._parts if each.source.left]
        if not found:
            return None
        files, total = sum(each.files for each in found), sum(each.total_bytes for each in found)
        return msgspec.structs.replace(found[0], files=files, total_bytes=total)

    async def ensure_downloaded(self) -> Path | None:
        """The folder of the last part, None in an object store; all are downloaded."""
        folders = [await each.source.ensure_downloaded() for each in self._parts]
        return folders[-1]

    async def count(self, *, where: str | None = None) -> int:
        return sum([await each.source.count(where=where) for each in self._parts])

    def stream_rows(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: Shard | None = None,
        cursor: str | None = None,
        stripe: bool = False,
        limit: int | None = None,
        where: str | None = None,
    ) -> RowStream[TrajectoryRow]:
        return self._stream(RowRange(start, stop, shard, cursor, stripe, limit, where), lambda row: row)

    def stream_trajectories(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: Shard | None = None,
        cursor: str | None = None,
        stripe: bool = False,
        limit: int | None = None,
        where: str | None = None,
    ) -> RowStream[Trajectory]:
        return self._stream(RowRange(start, stop, shard, cursor, stripe, limit, where), lambda row: row.trajectory)

    async def get_trajectory(self, key: int | str) -> Trajectory | None:
        if isinstance(key, int):
            row, part = divmod(key, len(self._parts))
            return await self._parts[part].source.get_trajectory(row) if key >= 0 else None
        found = [await each.source.get_trajectory(key) for each in self._parts]
        return next((each for each in found if each is not None), None)

    async def find_rows(self, key: str, *, by: KeyColumn | None = None) -> tuple[int, ...]:
        found = [
            self._number(part, row)
            for part, each in enumerate(self._parts)
            for row in await each.source.find_rows(key, by=by)
        ]
        return tuple(sorted(found))

    async def get_trajectories(self, offset: int, limit: int) -> list[Trajectory]:
        found = [await self.get_trajectory(row) for row in range(offset, offset + max(0, limit))]
        return [each for each in found if each is not None]

    async def list_summaries(self, offset: int, limit: int, query: str | None = None) -> SummaryPage:
        """The rows of the first part, then those of the second, and so on; each with its number in the mix."""
        total, items = 0, list[TrajectorySummary]()
        for part, each in enumerate(self._parts):
            page = await each.source.list_summaries(max(0, offset - total), max(0, limit - len(items)), query)
            total += page.total
            items += [msgspec.structs.replace(item, row=self._number(part, item.row)) for item in page.items]
        return SummaryPage(total=total, offset=offset, items=tuple(items))

    async def count_values(self, field: SummaryField, query: str | None = None, *, limit: int = 100) -> ValueCounts:
        several = [await each.source.count_values(field, query, limit=MAX_NAMED) for each in self._parts]
        return cut(joined_counts(several), limit)

    async def statistics(self, *, where: str | None = None) -> DatasetStatistics:
        return joined_statistics([await each.source.statistics(where=where) for each in self._parts])

    def _number(self, part: int, row: int) -> int:
        return row * len(self._parts) + part

    def _stream(self, rows: RowRange, make: Callable[[TrajectoryRow], T]) -> "MixedStream[T]":
        start = begin_mix(self._mix, len(self._parts), rows.shard, rows.cursor)
        return MixedStream(self._parts, rows, start, seed=self._seed, until=self._until, make=make)
