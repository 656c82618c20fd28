"""The pump of an export: reads on while it writes what was read, in bounded memory, and counts what became of the rows."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import NamedTuple

from anyio import create_memory_object_stream, create_task_group, to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from hfsvc.aio.listening import listening
from hfsvc.atif import Content, Trajectory
from hfsvc.export.fit_tally import FitTally, RowFitter, fitted_record
from hfsvc.export.models import Exported, OnExport, RowsExported
from hfsvc.export.writers import Writer
from hfsvc.models import StreamRecord, TrajectoryRow
from hfsvc.protocols import RowStream, TrajectorySource
from hfsvc.trajectories.selection import RowRange

Rows = list[TrajectoryRow]
Tell = Callable[[RowsExported], None]
Prepare = Callable[[TrajectoryRow], TrajectoryRow]
"""What is done to a row before it is written."""

CHUNK_BYTES = 4 << 20
ROW_BYTES = 2000
STEP_BYTES = 200
"""What a row and a step weigh besides their texts, about."""
REPORT_EVERY_S = 0.1


class Preparation(NamedTuple):
    """What is done to rows before they are written.

    Attributes:
        prepare: To each of them; None for nothing.
        fitter: Makes them fit; None where they need not.
        tally: Counts what became of those that had to fit, here or in the writer; None where none had.
    """

    prepare: Prepare | None = None
    fitter: RowFitter | None = None
    tally: FitTally | None = None

    def of(self, rows: Rows) -> Rows:
        """What is written of rows."""
        made = rows if self.prepare is None else list(map(self.prepare, rows))
        return made if self.fitter is None else [each for row in made for each in self.fitter.rows(row)]


AS_THEY_ARE = Preparation()


class Pump:
    """Moves rows of a source into a writer.

    Args:
        source: Of the rows.
        writer: Takes them, in worker threads.
        rows: Which of them.
        preparation: What is done to them before.
    """

    def __init__(
        self, source: TrajectorySource, writer: Writer, rows: RowRange, preparation: Preparation = AS_THEY_ARE
    ) -> None:
        self._source = source
        self._writer = writer
        self._preparation = preparation
        self._tally = preparation.tally or FitTally()
        self._before = self._tally.so_far()
        # A row that does not fit is not one of those that a limit counts.
        self._limit = rows.limit if preparation.tally else None
        self._asked = rows._replace(limit=None) if self._limit else rows
        self._wanted = rows
        self._tried = 0
        self._cursor = rows.cursor

    async def run(self, on_event: OnExport | None) -> Exported:
        """Move all of them.

        Args:
            on_event: As for `hfsvc.export.export_trajectories`.
        """
        async with listening(on_event) as tell:
            return await self._run(tell)

    async def _run(self, tell: Tell) -> Exported:
        total = await self._rows_to_do()
        report = _at_most_every(REPORT_EVERY_S, tell)
        send, receive = create_memory_object_stream[Rows](0)
        async with aclosing(self._source.stream_rows(**self._asked.asked)) as stream:
            async with create_task_group() as group, receive:
                group.start_soon(_gather, stream, send)
                await self._write_all(receive, lambda: report(self._progress(_record_of(stream), total)))
                group.cancel_scope.cancel()
            record = await self._record(stream)
        self._tally.check()
        tell(self._progress(record, total))
        return self._done(record)

    async def _write_all(self, chunks: MemoryObjectReceiveStream[Rows], report: Callable[[], None]) -> None:
        async for chunk in chunks:
            for part in self._parts(chunk):
                await to_thread.run_sync(self._write, part)
                self._tried += len(part)
                self._cursor = part[-1].cursor
                report()
            if self._room() == 0:
                return

    def _parts(self, chunk: Rows) -> Iterator[Rows]:
        """A chunk in parts of no more rows than may still be written."""
        while chunk and (room := self._room()) != 0:
            yield chunk[:room]
            chunk = [] if room is None else chunk[room:]

    def _room(self) -> int | None:
        return None if self._limit is None else self._limit - self._written

    def _write(self, rows: Rows) -> None:
        if made := self._preparation.of(rows):
            self._writer.write(made)

    @property
    def _written(self) -> int:
        return self._tried - self._tally.since(self._before).lost

    def _done(self, record: StreamRecord) -> Exported:
        return Exported(
            rows=self._written,
            skipped_rows=record.left_out.get("bad", 0),
            written=self._writer.written,
            cursor=self._cursor,
            record=record,
        )

    def _progress(self, record: StreamRecord, total: int) -> RowsExported:
        behind = self._tried + record.left_out.get("bad", 0)
        return RowsExported(done=behind, total=max(total, behind), written=self._writer.written, cursor=self._cursor)

    async def _record(self, stream: RowStream[TrajectoryRow]) -> StreamRecord:
        # Of a source of the user's own it is not known what became of rows that were not asked for.
        if self._limit and self._room() == 0 and (count_the_rest := getattr(stream, "count_the_rest", None)):
            await count_the_rest()
        read = _record_of(stream, self._tried)
        if self._preparation.tally is None:
            return read
        return fitted_record(read, self._tally.since(self._before), self._tried)

    async def _rows_to_do(self) -> int:
        """How many rows there are at most."""
        rows = self._wanted
        first, stop = rows.bounds(await self._source.count())
        _, shards = rows.shard or (0, 1)
        found = math.ceil((stop - first) / shards) if shards > 0 else 0
        return found if rows.limit is None else min(found, rows.limit)


def _record_of(stream: RowStream[TrajectoryRow], written: int = 0) -> StreamRecord:
    # A source of the user's own may stream from a plain generator, which tells nothing.
    return getattr(stream, "record", StreamRecord(read=written, written=written))


def _at_most_every(seconds: float, tell: Tell) -> Tell:
    last = -math.inf

    def report(event: RowsExported) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= seconds:
            last = now
            tell(event)

    return report


async def _gather(stream: RowStream[TrajectoryRow], send: MemoryObjectSendStream[Rows]) -> None:
    """Rows in chunks of about `CHUNK_BYTES` of text."""
    chunk: Rows = []
    weight = 0
    async with send:
        async for row in stream:
            chunk.append(row)
            weight += weight_of(row.trajectory)
            if weight >= CHUNK_BYTES:
                await send.send(chunk)
                chunk, weight = [], 0
        if chunk:
            await send.send(chunk)


def weight_of(trajectory: Trajectory) -> int:
    """About how many bytes a trajectory takes. Pure."""
    weight = ROW_BYTES
    for step in trajectory.steps:
        weight += STEP_BYTES + _length(step.message) + len(step.reasoning_content or "")
        for result in step.observation.results if step.observation else ():
            weight += STEP_BYTES + _length(result.content)
    return weight


def _length(content: Content | None) -> int:
    return len(content) if isinstance(content, str) else STEP_BYTES * len(content or ())
