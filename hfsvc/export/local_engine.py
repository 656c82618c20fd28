"""The engine ``local``: it reads on while it writes what was read, in bounded memory, alone or with worker processes."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Annotated, TypeVar

import msgspec
from anyio import CancelScope, to_thread

from hfsvc.aio.cancellation import in_task_group
from hfsvc.arguments import check_value
from hfsvc.errors import InvalidExport
from hfsvc.export.encoders import TableMaker
from hfsvc.export.fit_tally import RowFitter
from hfsvc.export.formats import Target, choose_target
from hfsvc.export.models import Exported, ExportRequest, OnExport
from hfsvc.export.naming import safe
from hfsvc.export.pump import Preparation, Pump
from hfsvc.export.writers import Writer, open_writer
from hfsvc.models import Workers
from hfsvc.protocols import TrajectorySource
from hfsvc.store.objects.object_bucket import open_bucket
from hfsvc.trajectories.positions import Shard
from hfsvc.trajectories.selection import RowRange

T = TypeVar("T")


async def export_trajectories(
    source: TrajectorySource,
    request: ExportRequest,
    *,
    on_event: OnExport | None = None,
    tokens: TableMaker | None = None,
    fitter: RowFitter | None = None,
) -> Exported:
    """Write trajectories into a file or a folder, which is whole in the end, or not there.

    A file takes the place of one that is there; a folder takes the place of nothing or of an empty one.

    Args:
        source: Where they are.
        request: What to write, and where.
        on_event: Called on the event loop with the progress, and awaited where it is asynchronous; an exception of its
            ends the export.
        tokens: Makes the rows of the format ``tokens``, such as `hfsvc.train.token_rows.TokenTable`.
        fitter: Makes rows fit before they are written in another format, such as `hfsvc.train.chat_fitter.ChatFitter`.

    Raises:
        InvalidExport: The name and the format do not go together, the folder is taken, nothing makes tokens, there is no row to write
            where a file is that would be lost, or several processes are to count tokens.
        InvalidArgument: Several processes cannot share the work.
        NoSpace, StoreNotWritable: The disk is in the way; nothing has changed.
        InvalidTokenizer: A chat template takes none of the rows.
        HfsvcError: What the source raises.
    """
    preparation = Preparation(
        request.one_call_a_step,
        fitter,
        tokens.tally if tokens and request.format == "tokens" else fitter.tally if fitter else None,
    )
    return await in_task_group(_export(source, request, preparation, on_event, tokens))


async def export_shards(
    source: TrajectorySource,
    request: ExportRequest,
    shards: int,
    *,
    on_event: OnExport | None = None,
    tokens: TableMaker | None = None,
    fitter: RowFitter | None = None,
) -> list[Exported]:
    """Write `shards` files or folders, one after the other, each as `export` does; a limit is that of all together.

    With ``resume`` a run that was stopped goes on with the first shard that is not there.
    """
    check_value("shards", shards, Annotated[int, msgspec.Meta(ge=1)])
    parts = shard_requests(request, shards)
    return [await export_trajectories(source, part, on_event=on_event, tokens=tokens, fitter=fitter) for part in parts]


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
    workers: int = 1,
    on_event: OnExport | None = None,
    fitter: RowFitter | None = None,
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
        workers: As there; only a writer of lines to a stream can have several.
        on_event: As for `export_trajectories`, like the next.
        fitter: Makes rows fit.
    """
    rows = RowRange(start, stop, shard, cursor, stripe, limit, where).check()
    check_value("workers", workers, Workers)
    preparation = Preparation(one_call_a_step, fitter, fitter.tally if fitter else None)
    return await in_task_group(Pump(source, writer, rows, preparation, workers).run(on_event))


def target_of(request: ExportRequest) -> Target:
    """Where a request's rows go."""
    path = request.path
    if request.format == "atif-dir":
        # Harbor's viewer opens a folder of jobs: it is the job that is cut.
        path /= safe(request.job) or "trajectories"
    target = choose_target(path, request.format, request.shard)._replace(store=request.store)
    if target.store and target.kind == "folder":
        reason = f"{target.format} is a folder, which an object store shows file by file; write it to this disk"
        raise InvalidExport(target=target.where, reason=reason)
    return target


async def _export(
    source: TrajectorySource,
    request: ExportRequest,
    preparation: Preparation,
    on_event: OnExport | None,
    tokens: TableMaker | None,
) -> Exported:
    target, rows = target_of(request), request.rows
    taken = await to_thread.run_sync(is_taken, target)
    if taken:
        if request.resume:
            return Exported(target=target.where, format=target.format, kept=True)
        if target.kind == "folder":
            raise folder_taken(target)
    async with _in_threads(open_writer(target, tokens)) as writer:
        # Guarded once more: the writer is to see what went wrong, not a group of it.
        done = await in_task_group(Pump(source, writer, rows, preparation, request.workers).run(on_event))
        if not done.rows:
            _check_empty(done, target, rows, taken=taken)
    return msgspec.structs.replace(done, target=target.where, format=target.format)


def is_taken(target: Target) -> bool:
    """Whether something is there already; an empty folder is nothing."""
    if target.store:
        return open_bucket(target.store).has(target.path.name)
    if target.kind == "folder" and target.path.is_dir():
        return any(target.path.iterdir())
    return target.path.exists()


def folder_taken(target: Target) -> InvalidExport:
    """The error of a folder that takes no other one's place."""
    return InvalidExport(target=target.where, reason="it is there already; remove it, or name another")


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


def _check_empty(done: Exported, target: Target, rows: RowRange, *, taken: bool) -> None:
    """Refuse to write nothing where it would take the place of something, or where a start was past the end.

    Raises:
        InvalidExport: It would.
    """
    total = done.record.read
    if rows.start and rows.start >= total:
        reason = f"row {rows.start} is past the end, there are {total} rows, counted from 0"
        raise InvalidExport(target=target.where, reason=reason)
    if taken:
        reason = "no row is left to write, and what is there would be lost"
        raise InvalidExport(target=target.where, reason=reason)
