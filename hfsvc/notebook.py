"""Calls for notebooks and scripts, where a container would be in the way."""

import importlib
from contextlib import suppress

import msgspec

from hfsvc.containers import open_container
from hfsvc.models import DatasetRequest, DownloadedDataset, OnEvent

_LATE_IMPORTS = ("pyarrow.parquet", "hfsvc.containers", "hfsvc.trajectories.source")


async def download(
    repo: str,
    *,
    revision: str | None = None,
    include: tuple[str, ...] | str | None = None,
    on_event: OnEvent | None = None,
) -> DownloadedDataset:
    """Bring a dataset onto disk with settings from the environment.

    Args:
        repo: As `DatasetRequest.repo`.
        revision: As `DatasetRequest.revision`.
        include: As `DatasetRequest.include`.
        on_event: As in `DatasetService.download`.

    Raises:
        HfsvcError: As `DatasetService.download`.
    """
    given = {"revision": revision, "include": include}
    request = msgspec.structs.replace(
        DatasetRequest(repo=repo), **{name: value for name, value in given.items() if value is not None}
    )
    async with open_container() as container:
        return await container.datasets().download(request, on_event=on_event)


def preload() -> None:
    """Do all late imports now, so that no later call blocks the event loop with them. Takes some 0.3 s."""
    for name in _LATE_IMPORTS:
        importlib.import_module(name)
    with suppress(ImportError):
        importlib.import_module("hfsvc.hub.fast")
