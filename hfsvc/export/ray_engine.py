"""The engine ``ray``: shards are written side by side, by Ray Data's workers, on one machine or many.

A shard is whole row groups: each is decoded once, and an error names file and row as it does without Ray. Workers read the
dataset and write the files under the paths of the caller, so on several machines both lie on a disk that all of them see.
"""

import asyncio
import importlib
import logging
import pickle
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec
from anyio import to_thread

from hfsvc.errors import HfsvcError, InvalidArgument, MissingExtra
from hfsvc.export.formats import Target
from hfsvc.export.local_engine import export_rows, target_of
from hfsvc.export.models import Exported, ExportRequest
from hfsvc.models import DownloadedDataset, ReadOptions
from hfsvc.trajectories.selection import RowRange
from hfsvc.trajectories.snapshot import Snapshot
from hfsvc.trajectories.source import FileTrajectorySource

if TYPE_CHECKING:
    from hfsvc.protocols import DatasetService


class WorkItem(NamedTuple):
    """A row group of a file, and the numbers of its rows in the dataset: `first` inclusive, `stop` exclusive."""

    file: str
    group: int
    first: int
    stop: int


class ShardTask(NamedTuple):
    """All that a worker needs to write one shard."""

    dataset: DownloadedDataset
    options: ReadOptions
    target: Target
    rows: RowRange
    resume: bool


async def export_with_ray(
    dataset: DownloadedDataset, options: ReadOptions, request: ExportRequest, shards: int | None = None
) -> list[Exported]:
    """Write a dataset into `shards` files or folders, each as `hfsvc.export.export` does.

    Args:
        dataset: On a disk that all workers see.
        options: How to read it.
        request: What to write, without shard and cursor.
        shards: How many; None for one a file of the dataset. There are never more than row groups.

    Raises:
        InvalidArgument: The request has workers, too.
        MissingExtra: Ray is not installed.
        HfsvcError: The first error of any worker; shards that are whole stay.
    """
    return await to_thread.run_sync(_export, dataset, options, request, shards)


def _export(
    dataset: DownloadedDataset, options: ReadOptions, request: ExportRequest, shards: int | None
) -> list[Exported]:
    if request.workers != 1:
        reason = "Ray has workers of its own, by its cluster"
        raise InvalidArgument(name="workers", given=str(request.workers), reason=reason)
    data = _ray_data()
    items = work_items(dataset, options)
    rows = items[-1].stop if items else 0
    wanted = clip(items, *RowRange(request.start, request.stop).bounds(rows))
    parts = split(wanted, shards or len({each.file for each in wanted}))
    tasks = [
        ShardTask(
            dataset,
            options,
            target_of(_part(request, index, len(parts))),
            RowRange(*part, where=request.where),
            request.resume,
        )
        for index, part in enumerate(parts)
    ]
    if not tasks:
        return []
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


def _part(request: ExportRequest, index: int, shards: int) -> ExportRequest:
    return msgspec.structs.replace(request, shard=(index, shards))


def _work(item: dict[str, Any]) -> dict[str, Any]:
    # Errors of ours come back as values: Ray would wrap them into its own.
    return {"shard": item["shard"], "result": pickle.dumps(_outcome(pickle.loads(item["task"])))}


def _outcome(task: ShardTask) -> Exported | HfsvcError:
    # A source asks for no more than what is on disk, and on a worker there is no more to ask.
    source = FileTrajectorySource(
        task.dataset.repo, datasets=cast("DatasetService", _Recorded(task.dataset)), options=task.options
    )
    try:
        return asyncio.run(export_rows(source, task.target, task.rows, resume=task.resume))
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


# ---- work items -----------------------------------------------------------------------------------------------------


def work_items(dataset: DownloadedDataset, options: ReadOptions) -> list[WorkItem]:
    """The row groups of a dataset in order, from the footers of its files."""
    return [
        WorkItem(file.path, number, file.first + group.first, file.first + group.stop)
        for file in Snapshot(dataset, options).files
        for number, group in enumerate(file.groups)
    ]


def clip(items: Iterable[WorkItem], first: int, last: int) -> list[WorkItem]:
    """The items within rows `first` (inclusive) to `last` (exclusive), cut at both ends. Pure."""
    cut = (each._replace(first=max(each.first, first), stop=min(each.stop, last)) for each in items)
    return [each for each in cut if each.first < each.stop]


def split(items: Sequence[WorkItem], shards: int) -> list[tuple[int, int]]:
    """The rows of each shard, first inclusive and last exclusive: whole items, about the same number of rows. Pure."""
    rows = sum(each.stop - each.first for each in items)
    # Twice the middle of an item tells where it belongs, in whole numbers.
    middles = (each.first + each.stop - 2 * items[0].first for each in items)
    numbered = zip((middle * shards // (2 * rows) for middle in middles), items, strict=True)
    parts = ([item for _, item in group] for _, group in groupby(numbered, itemgetter(0)))
    return [(part[0].first, part[-1].stop) for part in parts]
