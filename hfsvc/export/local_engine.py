"""The engine ``local``: it reads on while it writes what was read, in bounded memory, alone or with worker processes."""

import math
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from typing import Annotated, TypeVar

import msgspec
from anyio import CancelScope, create_memory_object_stream, create_task_group, to_thread
from anyio.streams.memory import MemoryObjectSendStream

from hfsvc.aio.cancellation import in_task_group
from hfsvc.aio.listening import listening
from hfsvc.aio.process_map import processes_of
from hfsvc.arguments import check_value
from hfsvc.errors import InvalidExport
from hfsvc.export.divided_engine import DividedExport, check_divisible
from hfsvc.export.encoders import TableMaker
from hfsvc.export.formats import Target, choose_target
from hfsvc.export.models import Exported, ExportRequest, OnExport, RowsExported
from hfsvc.export.naming import safe
from hfsvc.export.row_chunks import RowChunks
from hfsvc.export.single_calls import with_one_call
from hfsvc.export.writers import Writer, open_writer
from hfsvc.models import StreamRecord, TrajectoryRow, Workers
from hfsvc.protocols import RowStream, TrajectorySource
from hfsvc.trajectories.positions import Shard
from hfsvc.trajectories.row_stream import CountedStream
from hfsvc.trajectories.selection import RowRange
from hfsvc.trajectories.source import FileTrajectorySource

T = TypeVar("T")
Tell = Callable[[RowsExported], None]
CHUNK_BYTES = 4 << 20
REPORT_EVERY_S = 0.1


async def export_trajectories(
    source: TrajectorySource,
    request: ExportRequest,
    *,
    on_event: OnExport | None = None,
    tokens: TableMaker | None = None,
) -> Exported:
    """Write trajectories into a file or a folder, which is whole in the end, or not there.

    A file takes the place of one that is there; a folder takes the place of nothing or of an empty one.

    Args:
        source: Where they are.
        request: What to write, and where.
        on_event: Called on the event loop with the progress, and awaited where it is asynchronous; an exception of its
            ends the export.
        tokens: Makes the rows of the format ``tokens``, such as `hfsvc.train.token_rows.TokenTable`.

    Raises:
        InvalidExport: The name and the format do not go together, the folder is taken, nothing makes tokens, or there is no row to write
            where a file is that would be lost.
        NoSpace, StoreNotWritable: The disk is in the way; nothing has changed.
        HfsvcError: What the source raises.
    """
    return await export_rows(
        source,
        target_of(request),
        request.rows,
        resume=request.resume,
        one_call=request.one_call_a_step,
        workers=request.workers,
        on_event=on_event,
        tokens=tokens,
    )


async def export_shards(
    source: TrajectorySource,
    request: ExportRequest,
    shards: int,
    *,
    on_event: OnExport | None = None,
    tokens: TableMaker | None = None,
) -> list[Exported]:
    """Write `shards` files or folders, one after the other, each as `export` does.

    With ``resume`` a run that was stopped goes on with the first shard that is not there.
    """
    check_value("shards", shards, Annotated[int, msgspec.Meta(ge=1)])
    parts = (msgspec.structs.replace(request, shard=(index, shards)) for index in range(shards))
    return [await export_trajectories(source, part, on_event=on_event, tokens=tokens) for part in parts]


async def export_to(
    source: TrajectorySource,
    writer: Writer,
    *,
    start: int = 0,
    stop: int | None = None,
    shard: Shard | None = None,
    cursor: str | None = None,
    stripe: bool = False,
    limit: int | None = None,
    where: str | None = None,
    workers: int = 1,
    on_event: OnExport | None = None,
) -> Exported:
    """Hand trajectories to a writer of one's own, many at a time.

    Args:
        source: Where they are.
        writer: Takes them, called from worker threads, never twice at once.
        start: As for `TrajectorySource.stream_rows`, like the next six.
        stop: Row to stop before.
        shard: A part of the rows.
        cursor: Go on after its row.
        stripe: Parts are every n-th row.
        limit: Most rows.
        where: Words that rows must answer to.
        workers: As for `ExportRequest`; only a writer of lines to a stream can have several.
        on_event: As for `export_trajectories`.
    """
    rows = RowRange(start, stop, shard, cursor, stripe, limit, where).check()
    check_value("workers", workers, Workers)
    return await in_task_group(_pump_telling(source, writer, rows, False, workers, on_event))


def target_of(request: ExportRequest) -> Target:
    """Where a request's rows go."""
    path = request.path
    if request.format == "atif-dir":
        # Harbor's viewer opens a folder of jobs: it is the job that is cut.
        path /= safe(request.job) or "trajectories"
    return choose_target(path, request.format, request.shard)


async def export_rows(
    source: TrajectorySource,
    target: Target,
    rows: RowRange,
    *,
    resume: bool,
    one_call: bool = False,
    workers: int = 1,
    on_event: OnExport | None = None,
    tokens: TableMaker | None = None,
) -> Exported:
    """Write a range of rows to a target; the arguments are those of an `ExportRequest`."""
    return await in_task_group(_export(source, target, rows, resume, one_call, workers, on_event, tokens))


async def _export(
    source: TrajectorySource,
    target: Target,
    rows: RowRange,
    resume: bool,
    one_call: bool,
    workers: int,
    on_event: OnExport | None,
    tokens: TableMaker | None,
) -> Exported:
    is_taken = await to_thread.run_sync(_is_taken, target)
    if is_taken:
        if resume:
            return Exported(target=str(target.path), format=target.format, kept=True)
        if target.kind == "folder":
            raise InvalidExport(target=str(target.path), reason="it is there already; remove it, or name another")
    async with _in_threads(open_writer(target, tokens)) as writer:
        # Guarded once more: the writer is to see what went wrong, not a group of it.
        done = await in_task_group(_pump_telling(source, writer, rows, one_call, workers, on_event))
        if not done.rows:
            _check_empty(done, target, rows, is_taken=is_taken)
    return msgspec.structs.replace(done, target=str(target.path), format=target.format)


def _is_taken(target: Target) -> bool:
    if target.kind == "folder" and target.path.is_dir():
        return any(target.path.iterdir())
    return target.path.exists()


@asynccontextmanager
async def _in_threads(manager: AbstractContextManager[T]) -> AsyncIterator[T]:
    """A context whose both ends block."""
    value = await to_thread.run_sync(manager.__enter__)
    try:
        yield value
    except BaseException as error:
        with CancelScope(shield=True):
            await to_thread.run_sync(manager.__exit__, type(error), error, error.__traceback__)
        raise
    await to_thread.run_sync(manager.__exit__, None, None, None)


async def _pump_telling(
    source: TrajectorySource,
    writer: Writer,
    rows: RowRange,
    one_call: bool,
    workers: int,
    on_event: OnExport | None,
) -> Exported:
    async with listening(on_event) as tell:
        return await _pump(source, writer, rows, one_call, processes_of(workers), tell)


async def _pump(
    source: TrajectorySource, writer: Writer, rows: RowRange, one_call: bool, workers: int, tell: Tell
) -> Exported:
    total = await _rows_to_do(source, rows)
    report = _at_most_every(REPORT_EVERY_S, tell)
    if workers == 1:
        done = await _pump_alone(source, writer, rows, one_call, lambda done: report(_progress(done, total)))
    else:
        found, own = check_divisible(source, writer, workers)
        divided = DividedExport(found, own, rows, one_call=one_call, chunk_bytes=CHUNK_BYTES)
        done = await divided.run(workers, lambda done: report(_progress(done, total)))
    tell(_progress(done, total))
    return done


async def _pump_alone(
    source: TrajectorySource, writer: Writer, rows: RowRange, one_call: bool, report: Callable[[Exported], None]
) -> Exported:
    begins = (await source.divide(rows)).begins if isinstance(source, FileTrajectorySource) else ()
    done = Exported(cursor=rows.cursor)
    send, receive = create_memory_object_stream[list[TrajectoryRow]](0)
    async with aclosing(source.stream_rows(**rows.asked)) as stream:
        async with create_task_group() as group, receive:
            group.start_soon(_gather, stream, send, begins)
            async for chunk in receive:
                await to_thread.run_sync(writer.write, [*map(with_one_call, chunk)] if one_call else chunk)
                done = Exported(
                    rows=done.rows + len(chunk),
                    skipped_rows=_record_of(stream).left_out.get("bad", 0),
                    written=writer.written,
                    cursor=chunk[-1].cursor,
                )
                report(done)
        record = _record_of(stream, done.rows)
    return msgspec.structs.replace(done, skipped_rows=record.left_out.get("bad", 0), record=record)


def _record_of(stream: RowStream[TrajectoryRow], written: int = 0) -> StreamRecord:
    # A source of the user's own may stream from a plain generator, which tells nothing.
    return getattr(stream, "record", StreamRecord(read=written, written=written))


async def _rows_to_do(source: TrajectorySource, rows: RowRange) -> int:
    """How many rows there are at most."""
    first, stop = rows.bounds(await source.count())
    _, shards = rows.shard or (0, 1)
    found = math.ceil((stop - first) / shards) if shards > 0 else 0
    return found if rows.limit is None else min(found, rows.limit)


def _check_empty(done: Exported, target: Target, rows: RowRange, *, is_taken: bool) -> None:
    """Refuse to write nothing where it would take the place of something, or where a start was past the end.

    Raises:
        InvalidExport: It would.
    """
    total = done.record.read
    if rows.start and rows.start >= total:
        reason = f"row {rows.start} is past the end, there are {total} rows, counted from 0"
        raise InvalidExport(target=str(target.path), reason=reason)
    if is_taken:
        reason = "no row is left to write, and what is there would be lost"
        raise InvalidExport(target=str(target.path), reason=reason)


def _progress(done: Exported, total: int) -> RowsExported:
    behind = done.rows + done.skipped_rows
    return RowsExported(done=behind, total=max(total, behind), written=done.written, cursor=done.cursor)


def _at_most_every(seconds: float, tell: Tell) -> Tell:
    last = -math.inf

    def report(event: RowsExported) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= seconds:
            last = now
            tell(event)

    return report


async def _gather(
    stream: RowStream[TrajectoryRow], send: MemoryObjectSendStream[list[TrajectoryRow]], begins: Sequence[int]
) -> None:
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
