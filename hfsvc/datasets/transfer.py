"""The transfer of a plan: files are copied or fetched, and staged."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hfsvc.datasets.plan import remote_file
from hfsvc.hub.client import HubClient
from hfsvc.metrics import MetricsRecorder
from hfsvc.models import Delta, DownloadPlan, OnEvent, RemoteDataset, RemoteFile
from hfsvc.secret import Secret
from hfsvc.settings import Settings
from hfsvc.store.dataset_store import StagingArea
from hfsvc.transfer.downloader import Downloader
from hfsvc.transfer.progress import Progress


class TransferServices(NamedTuple):
    """What all transfers of a process share."""

    hub: HubClient
    settings: Settings
    metrics: MetricsRecorder


class DatasetTransfer:
    """Brings files of one dataset at one commit. Whoever uses it holds the dataset's lock.

    Args:
        services: Shared with others.
        remote: The dataset at its commit.
        token: To ask with.
        on_event: Called with what happens.
    """

    def __init__(
        self, services: TransferServices, remote: RemoteDataset, token: Secret | None, on_event: OnEvent
    ) -> None:
        self._services = services
        self._source = services.hub.content(remote, token=token)
        self._on_event = on_event

    async def run(self, plan: DownloadPlan, staging: StagingArea, *, force: bool) -> None:
        """Do what a plan says.

        Args:
            plan: For this dataset and commit.
            staging: Where the files come in.
            force: Copy nothing.

        Raises:
            HfsvcError: A file failed; the others are kept. `DownloadFailed` when several did.
        """
        left = []
        deltas = {file.path: file.delta for file in plan.files if file.delta}
        for file in plan.files:
            if file.present:
                continue
            if not force and await staging.copy(file):
                self._services.metrics.add("bytes_reused", file.size)
            else:
                left.append(remote_file(file))
        await self._fetch(staging.each_content_once(left), staging, deltas)

    async def repair(self, files: Sequence[RemoteFile], staging: StagingArea) -> None:
        """Bring damaged files back, each in place as it is verified; ranges that are still right are not fetched.

        Raises:
            HfsvcError: As `run`.
        """
        wanted = staging.each_content_once(files)
        for file in wanted:
            await staging.salvage(file)
        await self._fetch(wanted, staging, {})

    async def _fetch(self, files: Sequence[RemoteFile], staging: StagingArea, deltas: Mapping[str, Delta]) -> None:
        services = self._services
        progress = Progress(self._on_event, services.metrics)
        settings = services.settings
        await Downloader(self._source, staging, files, settings=settings, progress=progress, deltas=deltas).run()
