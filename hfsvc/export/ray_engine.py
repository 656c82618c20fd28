"""The engine ``ray``: shards are written side by side, as tasks of Ray, on one machine or many.

They are the shards that are written without Ray, cut after rows were chosen, byte for byte. Workers read the dataset and write
the files under the paths of the caller, so on several machines both lie on a disk that all of them see.
"""

import pickle
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from anyio import CancelScope, to_thread

from hfsvc.aio.cancellation import in_task_group
from hfsvc.aio.listening import listening
from hfsvc.errors import EngineUnusable, HfsvcError, InvalidArgument, InvalidExport
from hfsvc.export.local_engine import folder_taken, is_taken, shard_requests, target_of
from hfsvc.export.models import Exported, ExportRequest, OnExport, RowsExported
from hfsvc.export.ray_worker import ProgressBoard, ShardOutcome, SharedDataset, write_shard
from hfsvc.models import DownloadedDataset, ReadOptions
from hfsvc.ray_cluster import RETRIES, finish_tasks, join_cluster
from hfsvc.trajectories.selection import RowRange
from hfsvc.trajectories.snapshot import Snapshot


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
        address: As for `hfsvc.ray_cluster.join_cluster`.
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
    ray = await join_cluster(address)
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
    board = await to_thread.run_sync(_open_board, ray)
    try:
        async with listening(on_event) as tell:
            found = await finish_tasks(
                ray,
                partial(_begin, ray, shared, parts, board),
                lambda index: f"shard {index} of {len(parts)}",
                partial(_tell, ray, board, total, tell),
            )
            outcomes: list[ShardOutcome] = [*map(pickle.loads, found)]
            tell(_end_of(outcomes, total))
            return outcomes
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(ray.kill, board)


def _open_board(ray: Any) -> Any:
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        node_id=ray.get_runtime_context().get_node_id(), soft=True
    )
    return ray.remote(num_cpus=0, max_restarts=-1, scheduling_strategy=here)(ProgressBoard).remote()


def _begin(ray: Any, shared: SharedDataset, parts: Sequence[ExportRequest], board: Any) -> list[Any]:
    write = ray.remote(max_retries=RETRIES, scheduling_strategy="SPREAD")(write_shard)
    packed = ray.put(pickle.dumps(shared))
    return [write.remote(packed, _repeatable(part), board) for part in parts]


def _repeatable(part: ExportRequest) -> ExportRequest:
    """A request that any worker can be given, and another one again that does not know of the first."""
    # A worker may be lost between the end of its work and the word of it: a folder is whole then, and nothing takes its place.
    resume = part.resume or target_of(part).kind == "folder"
    return msgspec.structs.replace(part, path=part.path.absolute(), resume=resume)


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
