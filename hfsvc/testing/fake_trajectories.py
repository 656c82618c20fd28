"""The fake `TrajectorySource`: trajectories in memory, without files to read."""

from bisect import bisect_left
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio.lowlevel import checkpoint

from hfsvc.arguments import check_rows, check_value
from hfsvc.atif import Trajectory
from hfsvc.errors import BadRow, DatasetChanged, NotDownloaded
from hfsvc.models import (
    KEY_COLUMNS,
    SUMMARY_FIELDS,
    DatasetStatistics,
    Fidelity,
    FileLayout,
    KeyColumn,
    LeftFiles,
    OnBadRow,
    StreamRecord,
    SummaryField,
    SummaryPage,
    TrajectoryRow,
    TrajectorySummary,
    ValueCounts,
)
from hfsvc.protocols import RowStream
from hfsvc.trajectories.cursor import Numbering, Reading, begin_reading, choice_digests, number_rows
from hfsvc.trajectories.layouts.conversation import Unreadable
from hfsvc.trajectories.selection import RowRange

if TYPE_CHECKING:
    from hfsvc.trajectories.chooser import Chosen
    from hfsvc.trajectories.row_stream import StreamTally


class FakeTrajectorySource:
    """A `TrajectorySource` over trajectories in memory; it keeps what `hfsvc.protocols` guarantees.

    Keys and summaries are read from ``trajectory.agent`` and ``trajectory.extra``.

    Args:
        trajectories: Row by row; None stands for a row that cannot be converted.
        repo: The dataset it stands for.
        folder: What `ensure_downloaded` gives; nothing is looked for there.
        downloaded: False to raise NotDownloaded until `ensure_downloaded` was called.
        on_bad_row: Raise BadRow, or skip the row, count it and go on.

    Attributes:
        skipped_rows: Bad rows that streams left out.
        left_out: None: it has no files.
        left: None: it is no part of a dataset.
    """

    def __init__(
        self,
        trajectories: Sequence[Trajectory | None],
        *,
        repo: str = "fake/trajectories",
        folder: Path = Path("fake"),
        downloaded: bool = True,
        on_bad_row: OnBadRow = "raise",
    ) -> None:
        self.skipped_rows = 0
        self.left_out: tuple[FileLayout, ...] = ()
        self.left: LeftFiles | None = None
        self._trajectories = list(trajectories)
        self._repo = repo
        self._folder = folder
        self._downloaded = downloaded
        self._on_bad_row = on_bad_row
        self._moves = 0

    def replace(self, trajectories: Sequence[Trajectory | None]) -> None:
        """The dataset moves to another commit: streams that are under way raise DatasetChanged, later ones begin anew."""
        self._trajectories = list(trajectories)
        self._moves += 1

    async def ensure_downloaded(self) -> Path:
        self._downloaded = True
        return self._folder

    async def count(self, *, where: str | None = None) -> int:
        return len(self._matching(where))

    def stream_trajectories(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
        stripe: bool = False,
        limit: int | None = None,
        where: str | None = None,
    ) -> RowStream[Trajectory]:
        rows = RowRange(start, stop, shard, cursor, stripe, limit, where)
        return _Trajectories(self.stream_rows(**rows.asked))

    def stream_rows(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
        stripe: bool = False,
        limit: int | None = None,
        where: str | None = None,
    ) -> RowStream[TrajectoryRow]:
        from hfsvc.trajectories.row_stream import CountedStream, StreamTally

        rows = RowRange(start, stop, shard, cursor, stripe, limit, where).check()
        tally = StreamTally()
        return CountedStream(self._values(rows, tally), tally)

    async def _values(self, rows: RowRange, tally: "StreamTally") -> AsyncGenerator[TrajectoryRow, None]:
        found, moves = self._rows(), self._moves
        chosen, reading = self._choose(rows)
        tally.begin(chosen, reading)
        for seen, number in enumerate((chosen.rows[place] for place in reading.left), 1):
            await checkpoint()
            if tally.is_full(rows.limit):
                break
            if moves != self._moves:
                raise DatasetChanged(repo=self._repo)
            if (trajectory := found[number]) is not None:
                fidelity = Fidelity(style="messages", messages=len(trajectory.steps))
                cursor = reading.cursor_after(seen)
                tally.came_out(1, seen)
                yield TrajectoryRow(
                    row=number, file=_FAKE_FILE, cursor=cursor, trajectory=trajectory, fidelity=fidelity
                )
            elif self._on_bad_row == "raise":
                raise BadRow(file=_FAKE_FILE, row=number, column="conversations", reason="it is null")
            else:
                self.skipped_rows += 1
                tally.was_bad(seen)
        tally.end()

    def _choose(self, rows: RowRange) -> "tuple[Chosen, Reading]":
        from hfsvc.trajectories.chooser import Chosen

        kept = [each.row for each in self._matching(rows.where)]
        total = len(self._rows())
        first, stop = rows.bounds(total)
        window = range(bisect_left(kept, first), bisect_left(kept, stop))
        reading = begin_reading(
            self._numbering(),
            choice_digests({"where": rows.where} if rows.where else {}),
            len(kept),
            window,
            shard=rows.shard,
            stripe=rows.stripe,
            cursor=rows.cursor,
        )
        return Chosen(kept, window, {"query": total - len(kept)}), reading

    async def get_trajectory(self, key: int | str) -> Trajectory | None:
        if not isinstance(key, str):
            check_rows(key=key)
        rows = await self.find_rows(key) if isinstance(key, str) else (key,)
        found = await self.get_trajectories(rows[0], 1) if rows else self._rows()[:0]
        return found[0] if found else None

    async def find_rows(self, key: str, *, by: KeyColumn | None = None) -> tuple[int, ...]:
        check_value("by", by, KeyColumn | None)
        columns = (by,) if by else KEY_COLUMNS
        summaries = self._summaries()
        found = (tuple(each.row for each in summaries if getattr(each, column) == key) for column in columns)
        return next(filter(None, found), ())

    async def get_trajectories(self, offset: int, limit: int) -> list[Trajectory]:
        check_rows(offset=offset, limit=limit)
        stop = offset + limit
        return [each async for each in self.stream_trajectories(start=offset, stop=stop)]

    async def list_summaries(self, offset: int, limit: int, query: str | None = None) -> SummaryPage:
        check_rows(offset=offset, limit=limit)
        found = self._matching(query)
        return SummaryPage(total=len(found), offset=offset, items=(*found[offset : offset + limit],))

    async def count_values(self, field: SummaryField, query: str | None = None, *, limit: int = 100) -> ValueCounts:
        import pyarrow as pa

        from hfsvc.trajectories.index.facets import Tally, check_count, cut

        check_count(field, query, limit)
        tally = Tally()
        tally.add(pa.array([getattr(each, field) for each in self._matching(query)], pa.string()))
        return cut(tally.result(), limit)

    def _matching(self, query: str | None) -> list[TrajectorySummary]:
        from hfsvc.trajectories.index.query import check_query
        from hfsvc.trajectories.index.summaries import matching, summary_batch

        check_query(query)
        found = self._summaries()
        if not query:
            return found
        columns: dict[str, list[str | None]] = {
            name: [getattr(each, name) for each in found] for name in SUMMARY_FIELDS
        }
        batch = summary_batch(columns, [each.steps for each in found])
        return [found[row] for row in matching(batch, query)]

    async def statistics(self, *, where: str | None = None) -> DatasetStatistics:
        from hfsvc.trajectories.layouts.message_counts import counts_of_rows
        from hfsvc.trajectories.statistics import COUNTED, StatisticsBuilder
        from hfsvc.trajectories.styles.convert import fidelity_of

        statistics = StatisticsBuilder()
        chosen = self._matching(where)
        rows = [self._rows()[each.row] for each in chosen]
        metadata = {name: [getattr(each, name) for each in chosen] for name in COUNTED}
        statistics.add(counts_of_rows(each or Unreadable(None, "it is null") for each in rows), metadata)
        for found in filter(None, rows):
            statistics.recovered.add(fidelity_of(found))
        return statistics.result()

    def _rows(self) -> list[Trajectory | None]:
        if not self._downloaded:
            raise NotDownloaded(repo=self._repo)
        return self._trajectories

    def _numbering(self) -> Numbering:
        return number_rows(self._repo, f"{self._moves:040x}", [(_FAKE_FILE, len(self._trajectories))])

    def _summaries(self) -> list[TrajectorySummary]:
        return [_summary(number, each) for number, each in enumerate(self._rows())]


class _Trajectories:
    """The trajectories of a stream of rows."""

    def __init__(self, rows: RowStream[TrajectoryRow]) -> None:
        self._rows = rows

    @property
    def record(self) -> StreamRecord:
        return self._rows.record

    @property
    def cursor(self) -> str | None:
        return self._rows.cursor

    def __aiter__(self) -> AsyncIterator[Trajectory]:
        return self

    async def __anext__(self) -> Trajectory:
        return (await self._rows.__anext__()).trajectory

    async def aclose(self) -> None:
        await self._rows.aclose()


_FAKE_FILE = "fake.parquet"


def _summary(row: int, found: Trajectory | None) -> TrajectorySummary:
    extra: Mapping[str, Any] = (found.extra if found else None) or {}
    names = [name for name in SUMMARY_FIELDS if name not in {"agent", "model"}]
    return TrajectorySummary(
        row=row,
        agent=found.agent.name if found else None,
        model=found.agent.model_name if found else None,
        steps=len(found.steps) if found else 0,
        **{name: extra.get(name) for name in names},
    )
