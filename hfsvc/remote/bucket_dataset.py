"""A dataset in an object store, as a source reads it that fetches what it needs: what is recorded, and its files."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Never

from anyio.lowlevel import current_token

from hfsvc.errors import NotOnDisk
from hfsvc.metrics import MetricsRecorder
from hfsvc.models import DatasetRequest, DownloadedDataset, OnEvent, RemoteFile
from hfsvc.protocols import DatasetService
from hfsvc.remote.hub_files import HubFiles
from hfsvc.remote.range_reader import RangeReader
from hfsvc.settings import Settings
from hfsvc.trajectories.files.dataset_files import DatasetFiles
from hfsvc.transfer.interfaces import ContentSource


class BucketDataset:
    """What `hfsvc.trajectories.source` asks of a `DatasetService` whose store is no folder.

    Args:
        service: Knows what is recorded, and downloads.
        content_of: Gives the bytes of a recorded dataset.
        settings: Of the reading.
        metrics: Told of bytes.
    """

    def __init__(
        self,
        service: DatasetService,
        content_of: Callable[[str], ContentSource],
        settings: Settings,
        *,
        metrics: MetricsRecorder,
    ) -> None:
        self._service = service
        self._content_of = content_of
        self._settings = settings
        self._metrics = metrics
        self._known: tuple[DownloadedDataset, HubFiles] | None = None

    async def get_download_info(self, repo: str) -> DownloadedDataset | None:
        """As `DatasetService.get_download_info`."""
        found = await self._service.get_download_info(repo)
        if found is not None and (self._known is None or self._known[0] != found):
            self._known = found, self._open(found)
        return found

    def _open(self, dataset: DownloadedDataset) -> HubFiles:
        reader = RangeReader(self._content_of(dataset.repo), self._settings, metrics=self._metrics)
        files = {
            path: RemoteFile(path=path, size=dataset.sizes[path], checksum=dataset.checksums[path])
            for path in dataset.files
        }
        pack = partial(_refuse, dataset)
        return HubFiles(dataset.repo, dataset.commit, files, reader, current_token(), pack=pack, is_verified=True)

    async def is_downloaded(self, repo: str) -> bool:
        """As `DatasetService.is_downloaded`."""
        return await self._service.is_downloaded(repo)

    async def download(self, request: DatasetRequest, *, on_event: OnEvent | None = None) -> DownloadedDataset:
        """As `DatasetService.download`."""
        return await self._service.download(request, on_event=on_event)

    def files_of(self, dataset: DownloadedDataset) -> DatasetFiles:
        """Its files, to be read in worker threads."""
        if self._known is None:
            raise RuntimeError("a dataset has no files before it was looked up")
        return self._known[1]


def _refuse(dataset: DownloadedDataset, _: Sequence[RemoteFile]) -> Never:
    hint = "Take stream_batches or stream_rows, or a remote source of the same commit."
    raise NotOnDisk(address=dataset.folder, wanted="tasks that are read elsewhere", hint=hint)
