"""A download whose shards are tasks of a Ray cluster, into a root that all of its machines see."""

import asyncio
import pickle
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import msgspec
from anyio import to_thread

from hfsvc.containers import open_container
from hfsvc.errors import HfsvcError, InvalidArgument, ShardsMissing
from hfsvc.models import DatasetRequest, DownloadedDataset
from hfsvc.ray_cluster import RETRIES, finish_tasks, join_cluster
from hfsvc.settings import Settings, make_absolute


async def download_with_ray(
    request: DatasetRequest, settings: Settings, shards: int | None = None, *, address: str | None = None
) -> DownloadedDataset:
    """Download a dataset in shards, each as a task; a task whose worker or machine is lost goes on in another one.

    Args:
        request: Without a shard.
        settings: For all tasks; the root lies on a disk that all machines see.
        shards: How many; None for one a machine.
        address: As for `hfsvc.ray_cluster.join_cluster`.

    Raises:
        MissingExtra: Ray is not installed.
        InvalidArgument: The request is for one shard, or no cluster answers.
        EngineUnusable: Workers cannot import hfsvc.
        WorkerLost: A shard's workers died again and again.
        ShardsMissing: Machines have roots of their own, or shards were brought at several commits.
        HfsvcError: The first error of any task; what the others have brought is kept.
    """
    if request.shard is not None:
        reason = "the tasks of Ray are all shards: name none"
        raise InvalidArgument(name="shard", given=str(request.shard), reason=reason)
    absolute = msgspec.structs.replace(settings, root=make_absolute(settings.root, setting="root"))
    ray = await join_cluster(address)
    count = await to_thread.run_sync(_machines, ray) if shards is None else shards
    requests = [msgspec.structs.replace(request, shard=(index, count)) for index in range(count)]
    begin = partial(_begin, ray, requests, absolute)
    found = await finish_tasks(ray, begin, lambda index: f"shard {index} of {count}")
    return _whole([_result(each) for each in found])


def _machines(ray: Any) -> int:
    return max(1, sum(1 for node in ray.nodes() if node["Alive"]))


def _begin(ray: Any, requests: Sequence[DatasetRequest], settings: Settings) -> list[Any]:
    task = ray.remote(max_retries=RETRIES, scheduling_strategy="SPREAD")(_work)
    return [task.remote(pickle.dumps((each, settings))) for each in requests]


def _work(packed: bytes) -> bytes:
    # Errors of ours come back as values: Ray would wrap them into its own.
    request, settings = pickle.loads(packed)
    try:
        return pickle.dumps(asyncio.run(_bring(request, settings)))
    except HfsvcError as error:
        return pickle.dumps(error)


async def _bring(request: DatasetRequest, settings: Settings) -> DownloadedDataset:
    async with open_container(settings) as container:
        return await container.datasets().download(request)


def _result(packed: bytes) -> DownloadedDataset:
    found = pickle.loads(packed)
    if isinstance(found, HfsvcError):
        raise found
    return cast("DownloadedDataset", found)


def _whole(found: list[DownloadedDataset]) -> DownloadedDataset:
    """The dataset, which whoever brought the last shard has joined."""
    for each in found:
        if each.shard is None:
            return each
    fewest = min(found, key=lambda each: len(each.shard.missing) if each.shard else 0)
    missing = fewest.shard.missing if fewest.shard else ()
    raise ShardsMissing(repo=fewest.repo, commit=fewest.commit, count=len(found), missing_shards=missing)
