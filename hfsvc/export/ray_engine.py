"""The engine ``ray``: shards are written side by side, as tasks of Ray, on one machine or many.

They are the shards that are written without Ray, cut after rows were chosen, byte for byte. Workers read the dataset and write
the files under the paths of the caller, so on several machines both lie on a disk that all of them see.
"""

import pickle
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from anyio import CancelScope, to_thread

from hfsvc.aio.cancellation import in_task_group
from hfsvc.aio.listening import listening
from hfsvc.errors import EngineUnusable, HfsvcError, InvalidArgument, InvalidExport, WorkerLost
from hfsvc.export.local_engine import folder_taken, is_taken, shard_requests, target_of
from hfsvc.export.models import Exported, ExportRequest, OnExport, RowsExported
from hfsvc.export.ray_worker import ProgressBoard, ShardOutcome, SharedDataset, write_shard
from hfsvc.models import DownloadedDataset, ReadOptions
from hfsvc.ray_cluster import joined_cluster
from hfsvc.trajectories.selection import RowRange
from hfsvc.trajectories.snapshot import Snapshot

RETRIES = 3
"""So often a shard is begun anew whose worker or machine is lost."""
LOOK_EVERY_S = 0.2


async def export_with_ray(
    dataset: DownloadedDataset,
    options: ReadOptions,
    request: ExportRequest,
    shards: int | None = None,
    *,
    sidecars: Path | None = None,
    address: str | None = None,
    on_event: OnExport | None = None,
) -> list[Exported]:
    """Write a dataset into `shards` files or folders, each as `hfsvc.export.export_trajectories` does.

    Args:
        dataset: On a disk that all workers see.
        options: How to read it.
        request: What to write, without shard and cursor; its limit is that of all shards together.
        shards: How many; None for one a file of the dataset that is read, and no more than rows.
        sidecars: Where those of the dataset lie; None for the store that holds it.
        address: As for `hfsvc.ray_cluster.joined_cluster`.
        on_event: As for `hfsvc.export.export_trajectories`: the progress of all shards together.

    Raises:
        InvalidArgument: The request has workers, too, or no cluster answers.
        MissingExtra: Ray is not installed.
        InvalidExport: A shard or a cursor is asked for, or tokens.
        EngineUnusable: Workers cannot import hfsvc, or do not see the files.
        WorkerLost: A shard's workers died again and again.
        HfsvcError: The first error of any shard, in their order; shards that are whole stay.
    """
    _check(request)
    shared = _shared(dataset, options, sidecars)
    total, files = await to_thread.run_sync(_rows_to_do, shared, request.rows)
    parts = shard_requests(request, shards or max(1, min(files, total)))
    await to_thread.run_sync(_check_free, parts)
    ray = await to_thread.run_sync(joined_cluster, address)
    outcomes = await in_task_group(_run(ray, shared, parts, total, on_event))
    return [_result(part, outcome) for part, outcome in zip(parts, outcomes, strict=True)]


def _check(request: ExportRequest) -> None:
    if request.shard or request.cursor or request.format == "tokens":
        reason = "the engine ray writes all shards from the beginning, and no tokens"
        raise InvalidExport(target=str(request.path), reason=reason)
    if request.workers != 1:
        reason = "Ray has workers of its own, by its cluster"
        raise InvalidArgument(name="workers", given=str(request.workers), reason=reason)


def _check_free(parts: Sequence[ExportRequest]) -> None:
    for target in [target_of(part) for part in parts if not part.resume]:
        if target.kind == "folder" and is_taken(target):
            raise folder_taken(target)


def _shared(dataset: DownloadedDataset, options: ReadOptions, sidecars: Path | None) -> SharedDataset:
    # Workers work in folders of their own.
    found = msgspec.structs.replace(dataset, folder=str(dataset.local_path.absolute()))
    return SharedDataset(found, options, sidecars and sidecars.absolute())


def _rows_to_do(shared: SharedDataset, rows: RowRange) -> tuple[int, int]:
    """How many rows there are at most, of how many files."""
    snapshot = Snapshot(*shared)
    # What rows are chosen by is written down here, so that not every worker has to go over all of them.
    found = len(snapshot.choose(rows).window)
    return found if rows.limit is None else min(found, rows.limit), len(snapshot.files)


async def _run(
    ray: Any, shared: SharedDataset, parts: Sequence[ExportRequest], total: int, on_event: OnExport | None
) -> list[ShardOutcome]:
    async with listening(on_event) as tell, _tasks(ray, shared, parts) as (tasks, board):
        pending = tasks
        while pending:
            wait = partial(ray.wait, pending, num_returns=len(pending), timeout=LOOK_EVERY_S)
            _, pending = await to_thread.run_sync(wait)
            await to_thread.run_sync(_tell, ray, board, total, tell)
        outcomes = [await to_thread.run_sync(_outcome, ray, *each) for each in zip(tasks, parts, strict=True)]
        tell(_end_of(outcomes, total))
        return outcomes


@asynccontextmanager
async def _tasks(
    ray: Any, shared: SharedDataset, parts: Sequence[ExportRequest]
) -> AsyncIterator[tuple[list[Any], Any]]:
    """The tasks, which end with the context, and the board on which they tell how far they are."""
    board, tasks = await to_thread.run_sync(_begin, ray, shared, parts)
    try:
        yield tasks, board
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(_end, ray, board, tasks)


def _begin(ray: Any, shared: SharedDataset, parts: Sequence[ExportRequest]) -> tuple[Any, list[Any]]:
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        node_id=ray.get_runtime_context().get_node_id(), soft=True
    )
    board = ray.remote(num_cpus=0, max_restarts=-1, scheduling_strategy=here)(ProgressBoard).remote()
    write = ray.remote(max_retries=RETRIES, scheduling_strategy="SPREAD")(write_shard)
    packed = ray.put(pickle.dumps(shared))
    return board, [write.remote(packed, _repeatable(part), board) for part in parts]


def _repeatable(part: ExportRequest) -> ExportRequest:
    """A request that any worker can be given, and another one again that does not know of the first."""
    # A worker may be lost between the end of its work and the word of it: a folder is whole then, and nothing takes its place.
    resume = part.resume or target_of(part).kind == "folder"
    return msgspec.structs.replace(part, path=part.path.absolute(), resume=resume)


def _end(ray: Any, board: Any, tasks: Sequence[Any]) -> None:
    for task in tasks:
        # What is done already is not disturbed.
        ray.cancel(task, force=True)
    ray.kill(board)


def _tell(ray: Any, board: Any, total: int, tell: Callable[[RowsExported], None]) -> None:
    # The board's machine may be the one that is lost: then there is nothing to tell until it is elsewhere.
    with suppress(ray.exceptions.RayError):
        done, written = ray.get(board.sums.remote(), timeout=1)
        tell(RowsExported(done=done, total=max(total, done), written=written, cursor=None))


def _end_of(outcomes: Sequence[ShardOutcome], total: int) -> RowsExported:
    """The last event: the board may not have heard of the last rows."""
    done = [each.result for each in outcomes if isinstance(each.result, Exported)]
    rows = sum(each.rows + each.skipped_rows for each in done)
    return RowsExported(done=rows, total=max(total, rows), written=sum(each.written for each in done), cursor=None)


def _outcome(ray: Any, task: Any, part: ExportRequest) -> ShardOutcome:
    try:
        found: ShardOutcome = pickle.loads(ray.get(task))
        return found
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError) as error:
        index, shards = part.shard or (0, 1)
        lost = f"shard {index} of {shards}"
        raise WorkerLost(part=lost, ended_with=None, tries=RETRIES + 1, hint="Ray's own logs say more.") from error
    except ray.exceptions.RayError as error:
        # The last line is what Python says of the cause.
        reason = str(error).strip().rpartition("\n")[2]
        raise EngineUnusable(engine="ray", reason=f"a task did not run: {reason}") from error


def _result(part: ExportRequest, outcome: ShardOutcome) -> Exported:
    """What was written, by the path that the caller gave.

    Raises:
        EngineUnusable: It is not there.
        HfsvcError: That of the worker.
    """
    if isinstance(outcome.result, HfsvcError):
        raise outcome.result
    path = target_of(part).path
    if not path.exists():
        reason = (
            f"{outcome.host} wrote {path.absolute()}, and it is not there here: all machines have to see the output"
        )
        raise EngineUnusable(engine="ray", reason=reason)
    return msgspec.structs.replace(outcome.result, target=str(path))
