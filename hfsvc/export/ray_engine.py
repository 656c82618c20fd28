"""The engine ``ray``: shards are written side by side, by Ray Data's workers, on one machine or many.

They are the shards that are written without Ray, cut after rows were chosen. Workers read the dataset and write the files
under the paths of the caller, so on several machines both lie on a disk that all of them see.
"""

import asyncio
import importlib
import logging
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from anyio import to_thread

from hfsvc.errors import HfsvcError, InvalidArgument, InvalidExport, MissingExtra
from hfsvc.export.local_engine import export_trajectories, shard_requests
from hfsvc.export.models import Exported, ExportRequest
from hfsvc.models import DownloadedDataset, ReadOptions
from hfsvc.trajectories.snapshot import Snapshot
from hfsvc.trajectories.source import FileTrajectorySource

if TYPE_CHECKING:
    from hfsvc.protocols import DatasetService


class ShardTask(NamedTuple):
    """All that a worker needs to write one shard."""

    dataset: DownloadedDataset
    options: ReadOptions
    request: ExportRequest
    sidecars: Path | None


async def export_with_ray(
    dataset: DownloadedDataset,
    options: ReadOptions,
    request: ExportRequest,
    shards: int | None = None,
    *,
    sidecars: Path | None = None,
) -> list[Exported]:
    """Write a dataset into `shards` files or folders, each as `hfsvc.export.export_trajectories` does.

    Args:
        dataset: On a disk that all workers see.
        options: How to read it.
        request: What to write, without shard and cursor; its limit is that of all shards together.
        shards: How many; None for one a file of the dataset that is read, and no more than rows.
        sidecars: Where those of the dataset lie; None for the store that holds it.

    Raises:
        InvalidArgument: The request has workers, too.
        MissingExtra: Ray is not installed.
        InvalidExport: A shard or a cursor is asked for, or tokens.
        HfsvcError: The first error of any worker; shards that are whole stay.
    """
    if request.shard or request.cursor or request.format == "tokens":
        reason = "the engine ray writes all shards from the beginning, and no tokens"
        raise InvalidExport(target=str(request.path), reason=reason)
    if request.workers != 1:
        reason = "Ray has workers of its own, by its cluster"
        raise InvalidArgument(name="workers", given=str(request.workers), reason=reason)
    return await to_thread.run_sync(_export, dataset, options, request, shards, sidecars)


def _export(
    dataset: DownloadedDataset,
    options: ReadOptions,
    request: ExportRequest,
    shards: int | None,
    sidecars: Path | None,
) -> list[Exported]:
    data = _ray_data()
    snapshot = Snapshot(dataset, options, sidecars)
    # What rows are chosen by is written down here, so that not every worker has to go over all of them.
    chosen = snapshot.choose(request.rows)
    parts = shards or max(1, min(len(snapshot.files), len(chosen.window)))
    tasks = [ShardTask(dataset, options, part, sidecars) for part in shard_requests(request, parts)]
    packed = [{"shard": index, "task": pickle.dumps(task)} for index, task in enumerate(tasks)]
    done = data.from_items(packed, override_num_blocks=len(packed)).map(_work).take_all()
    return [_result(each["result"]) for each in sorted(done, key=lambda each: each["shard"])]


def _ray_data() -> Any:
    try:
        ray, data = importlib.import_module("ray"), importlib.import_module("ray.data")
    except ImportError as error:
        raise MissingExtra(wanted="Ray Data", extra="ray") from error
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
        logging.getLogger("ray.data").setLevel(logging.ERROR)
    data.DataContext.get_current().enable_progress_bars = False
    return data


def _work(item: dict[str, Any]) -> dict[str, Any]:
    # Errors of ours come back as values: Ray would wrap them into its own.
    return {"shard": item["shard"], "result": pickle.dumps(_outcome(pickle.loads(item["task"])))}


def _outcome(task: ShardTask) -> Exported | HfsvcError:
    # A source asks for no more than what is on disk, and on a worker there is no more to ask.
    source = FileTrajectorySource(
        task.dataset.repo,
        datasets=cast("DatasetService", _Recorded(task.dataset)),
        options=task.options,
        sidecars=task.sidecars,
    )
    try:
        return asyncio.run(export_trajectories(source, task.request))
    except HfsvcError as error:
        return error


def _result(pickled: bytes) -> Exported:
    found = pickle.loads(pickled)
    if isinstance(found, HfsvcError):
        raise found
    return cast("Exported", found)


class _Recorded:
    def __init__(self, dataset: DownloadedDataset) -> None:
        self._dataset = dataset

    async def get_download_info(self, repo: str) -> DownloadedDataset:
        return self._dataset
