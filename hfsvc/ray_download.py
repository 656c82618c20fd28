"""A download whose shards are tasks of a Ray cluster, into a root that all of its machines see."""

import asyncio
import importlib
import os
import pickle
import socket
from typing import Any, cast

import msgspec
from anyio import to_thread

from hfsvc.containers import open_container
from hfsvc.errors import HfsvcError, InvalidArgument, MissingExtra, ShardsMissing
from hfsvc.models import DatasetRequest, DownloadedDataset
from hfsvc.settings import Settings, make_absolute

ADDRESS = "RAY_ADDRESS"
CONNECT_S = 10


async def download_with_ray(
    request: DatasetRequest, settings: Settings, shards: int | None = None
) -> DownloadedDataset:
    """Download a dataset in shards, each as a task; a task whose worker or machine is lost goes on in another one.

    Args:
        request: Without a shard.
        settings: For all tasks; the root lies on a disk that all machines see.
        shards: How many; None for one a machine.

    Raises:
        MissingExtra: Ray is not installed.
        InvalidArgument: The request is for one shard, or no cluster answers at ``RAY_ADDRESS``.
        ShardsMissing: Machines have roots of their own, or shards were brought at several commits.
        HfsvcError: The first error of any task; what the others have brought is kept.
    """
    if request.shard is not None:
        reason = "the tasks of Ray are all shards: name none"
        raise InvalidArgument(name="shard", given=str(request.shard), reason=reason)
    absolute = msgspec.structs.replace(settings, root=make_absolute(settings.root, setting="root"))
    return await to_thread.run_sync(_download, request, absolute, shards)


def _download(request: DatasetRequest, settings: Settings, shards: int | None) -> DownloadedDataset:
    ray = _joined_cluster()
    count = shards or max(1, sum(1 for node in ray.nodes() if node["Alive"]))
    requests = [msgspec.structs.replace(request, shard=(index, count)) for index in range(count)]
    task = ray.remote(scheduling_strategy="SPREAD")(_work)
    found = ray.get([task.remote(pickle.dumps((each, settings))) for each in requests])
    return _whole([_result(each) for each in found])


def _joined_cluster() -> Any:
    try:
        ray = importlib.import_module("ray")
    except ImportError as error:
        raise MissingExtra(wanted="Ray", extra="ray") from error
    if not ray.is_initialized():
        # Ray would join any cluster that it finds traces of on this machine; one is joined where it is named.
        address = os.environ.get(ADDRESS) or "local"
        own = {"include_dashboard": False} if address == "local" else {}
        try:
            _check_answers(address)
            ray.init(address=address, log_to_driver=False, logging_level="error", **own)
        except (OSError, ValueError, RuntimeError) as error:
            reason = f"no Ray cluster answers there ({type(error).__name__})"
            hint = "Start one with ray start --head, or unset it for one of this machine alone."
            raise InvalidArgument(name=ADDRESS, given=address, reason=reason, hint=hint) from None
    return ray


def _check_answers(address: str) -> None:
    # Ray itself tries for minutes where nobody listens.
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if port.isdecimal():
        socket.create_connection((host, int(port)), CONNECT_S).close()


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
