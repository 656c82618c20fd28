"""The engine ``local``: one process that reads on while it writes what was read, in bounded memory."""

import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from typing import Annotated, TypeVar

import msgspec
from anyio import CancelScope, create_memory_object_stream, create_task_group, to_thread
from anyio.streams.memory import MemoryObjectSendStream

from hfsvc.aio.cancellation import in_task_group
from hfsvc.aio.listening import listening
from hfsvc.arguments import check_value
from hfsvc.atif import Content, Trajectory
from hfsvc.errors import InvalidExport
from hfsvc.export.formats import Target, choose_target
from hfsvc.export.models import Exported, ExportRequest, OnExport, RowsExported
from hfsvc.export.naming import safe
from hfsvc.export.single_calls import one_call_a_step
from hfsvc.export.writers import TableMaker, Writer, open_writer
from hfsvc.models import StreamRecord, TrajectoryRow
from hfsvc.protocols import RowStream, TrajectorySource
from hfsvc.trajectories.positions import Shard
from hfsvc.trajectories.selection import RowRange

T = TypeVar("T")
Tell = Callable[[RowsExported], None]
Prepare = Callable[[TrajectoryRow], TrajectoryRow]
"""What is done to a row before it is written."""

CHUNK_BYTES = 4 << 20
ROW_BYTES = 2000
STEP_BYTES = 200
"""What a row and a step weigh besides their texts, about."""
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
    prepare = _one_call_a_step if request.one_call_a_step else None
    return await in_task_group(
        _export(source, target_of(request), request.rows, request.resume, prepare, on_event, tokens)
    )


async def export_shards(
    source: TrajectorySource,
    request: ExportRequest,
    shards: int,
    *,
    on_event: OnExport | None = None,
    tokens: TableMaker | None = None,
) -> list[Exported]:
    """Write `shards` files or folders, one after the other, each as `export` does; a limit is that of all together.

    With ``resume`` a run that was stopped goes on with the first shard that is not there.
    """
    check_value("shards", shards, Annotated[int, msgspec.Meta(ge=1)])
    parts = shard_requests(request, shards)
    return [await export_trajectories(source, part, on_event=on_event, tokens=tokens) for part in parts]


def shard_requests(request: ExportRequest, shards: int) -> list[ExportRequest]:
    """The requests that write all shards of one, which share its limit. Pure."""
    most = request.limit
    limits = [
        None if most is None else most * (index + 1) // shards - most * index // shards for index in range(shards)
    ]
    return [msgspec.structs.replace(request, shard=(index, shards), limit=limit) for index, limit in enumerate(limits)]


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
    one_call_a_step: bool = False,
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
        one_call_a_step: As in `ExportRequest`.
        on_event: As for `export_trajectories`.
    """
    rows = RowRange(start, stop, shard, cursor, stripe, limit, where).check()
    prepare = _one_call_a_step if one_call_a_step else None
    return await in_task_group(_pump_telling(source, writer, rows, prepare, on_event))


def target_of(request: ExportRequest) -> Target:
    """Where a request's rows go."""
    path = request.path
    if request.format == "atif-dir":
        # Harbor's viewer opens a folder of jobs: it is the job that is cut.
        path /= safe(request.job) or "trajectories"
    return choose_target(path, request.format, request.shard)


def _one_call_a_step(row: TrajectoryRow) -> TrajectoryRow:
    return msgspec.structs.replace(row, trajectory=one_call_a_step(row.trajectory))


async def _export(
    source: TrajectorySource,
    target: Target,
    rows: RowRange,
    resume: bool,
    prepare: Prepare | None,
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
        done = await in_task_group(_pump_telling(source, writer, rows, prepare, on_event))
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
    source: TrajectorySource, writer: Writer, rows: RowRange, prepare: Prepare | None, on_event: OnExport | None
) -> Exported:
    async with listening(on_event) as tell:
        return await _pump(source, writer, rows, prepare, tell)


async def _pump(
    source: TrajectorySource, writer: Writer, rows: RowRange, prepare: Prepare | None, tell: Tell
) -> Exported:
    total = await _rows_to_do(source, rows)
    report = _at_most_every(REPORT_EVERY_S, tell)
    done = Exported(cursor=rows.cursor)
    send, receive = create_memory_object_stream[list[TrajectoryRow]](0)
    async with aclosing(source.stream_rows(**rows.asked)) as stream:
        async with create_task_group() as group, receive:
            group.start_soon(_gather, stream, send)
            async for chunk in receive:
                await to_thread.run_sync(writer.write, chunk if prepare is None else list(map(prepare, chunk)))
                done = Exported(
                    rows=done.rows + len(chunk),
                    skipped_rows=_record_of(stream).left_out.get("bad", 0),
                    written=writer.written,
                    cursor=chunk[-1].cursor,
                )
                report(_progress(done, total))
        record = _record_of(stream, done.rows)
    done = msgspec.structs.replace(done, skipped_rows=record.left_out.get("bad", 0), record=record)
    tell(_progress(done, total))
    return done


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


async def _gather(stream: RowStream[TrajectoryRow], send: MemoryObjectSendStream[list[TrajectoryRow]]) -> None:
    """Rows in chunks of about `CHUNK_BYTES` of text."""
    chunk: list[TrajectoryRow] = []
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
