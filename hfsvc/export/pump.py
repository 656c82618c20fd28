"""The pump of an export: reads on while it writes what was read, in bounded memory, and counts what became of the rows."""

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from typing import NamedTuple

from anyio import create_memory_object_stream, create_task_group, to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from hfsvc.aio.listening import listening
from hfsvc.aio.process_map import processes_of
from hfsvc.export.divided_engine import DividedExport, check_divisible
from hfsvc.export.fit_tally import FitTally, RowFitter, fitted_record
from hfsvc.export.models import Exported, OnExport, RowsExported
from hfsvc.export.single_calls import with_one_call
from hfsvc.export.writers import Writer
from hfsvc.models import StreamRecord, TrajectoryRow
from hfsvc.protocols import RowStream, TrajectorySource
from hfsvc.trajectories.columns.row_chunks import RowChunks
from hfsvc.trajectories.row_stream import CountedStream
from hfsvc.trajectories.selection import RowRange
from hfsvc.trajectories.source import FileTrajectorySource

Rows = list[TrajectoryRow]
Report = Callable[[Exported], None]
CHUNK_BYTES = 4 << 20
REPORT_EVERY_S = 0.1


class Preparation(NamedTuple):
    """What is done to rows before they are written.

    Attributes:
        one_call: Whether their steps of several calls become steps of one call each.
        fitter: Makes them fit; None where they need not.
        tally: Counts what became of those that had to fit, here or in the writer; None where none had.
    """

    one_call: bool = False
    fitter: RowFitter | None = None
    tally: FitTally | None = None

    def of(self, rows: Rows) -> Rows:
        """What is written of rows."""
        made = [*map(with_one_call, rows)] if self.one_call else rows
        return made if self.fitter is None else [each for row in made for each in self.fitter.rows(row)]


AS_THEY_ARE = Preparation()


class Pump:
    """Moves rows of a source into a writer.

    Args:
        source: Of the rows.
        writer: Takes them, in worker threads.
        rows: Which of them.
        preparation: What is done to them before.
        workers: As for `hfsvc.export.ExportRequest`.
    """

    def __init__(
        self,
        source: TrajectorySource,
        writer: Writer,
        rows: RowRange,
        preparation: Preparation = AS_THEY_ARE,
        workers: int = 1,
    ) -> None:
        self._source = source
        self._writer = writer
        self._preparation = preparation
        self._workers = workers
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

        Raises:
            InvalidArgument, InvalidExport: Several processes cannot share the work.
        """
        async with listening(on_event) as tell:
            total = await self._rows_to_do()
            report = _at_most_every(REPORT_EVERY_S, lambda done: tell(self._progress(done, total)))
            done = await (self._alone(report) if self._workers == 1 else self._divided(report))
            self._tally.check()
            tell(self._progress(done, total))
            return done

    async def _divided(self, report: Report) -> Exported:
        source, writer = check_divisible(
            self._source, self._writer, self._workers, fits=self._preparation.tally is not None
        )
        one_call = self._preparation.one_call
        divided = DividedExport(source, writer, self._wanted, one_call=one_call, chunk_bytes=CHUNK_BYTES)
        return await divided.run(processes_of(self._workers), report)

    async def _alone(self, report: Report) -> Exported:
        source = self._source
        begins = (await source.divide(self._asked)).begins if isinstance(source, FileTrajectorySource) else ()
        send, receive = create_memory_object_stream[Rows](0)
        async with aclosing(source.stream_rows(**self._asked.asked)) as stream:
            async with create_task_group() as group, receive:
                group.start_soon(_gather, stream, send, begins)
                await self._write_all(receive, lambda: report(self._done(_record_of(stream))))
                group.cancel_scope.cancel()
            return self._done(await self._record(stream))

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

    def _progress(self, done: Exported, total: int) -> RowsExported:
        behind = done.rows + self._tally.since(self._before).lost + done.skipped_rows
        return RowsExported(done=behind, total=max(total, behind), written=done.written, cursor=done.cursor)

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


def _at_most_every(seconds: float, tell: Report) -> Report:
    last = -math.inf

    def report(done: Exported) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= seconds:
            last = now
            tell(done)

    return report


async def _gather(stream: RowStream[TrajectoryRow], send: MemoryObjectSendStream[Rows], begins: Sequence[int]) -> None:
    """Rows in chunks of about `CHUNK_BYTES` of text, which end where pieces do."""
    chunks, piece = RowChunks(CHUNK_BYTES), 0
    async with send:
        async for row in stream:
            found = None
            if begins and isinstance(stream, CountedStream):
                before, piece = piece, bisect_left(begins, stream.seen)
                found = chunks.rest() if piece != before else None
            if found:
                await send.send(found)
            if found := chunks.add(row):
                await send.send(found)
        if found := chunks.rest():
            await send.send(found)
