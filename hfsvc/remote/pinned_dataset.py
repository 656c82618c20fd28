"""A dataset on the Hub at one commit, as a source reads it that fetches what it needs: what it has, and its files."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import anyio
from anyio import to_thread
from anyio.lowlevel import current_token

from hfsvc.aio.per_process import HomeLoop
from hfsvc.datasets.conversions import ConvertedDataset
from hfsvc.datasets.lookups import HubLookups
from hfsvc.datasets.plan import marking_refused
from hfsvc.datasets.request import ResolvedRequest
from hfsvc.datasets.selecting import check_selects, select
from hfsvc.errors import HfsvcError, NoAccess, NotFound, OtherEventLoop, TryLater
from hfsvc.hub.client import HubClient
from hfsvc.metrics import Counters
from hfsvc.models import (
    DatasetRequest,
    DownloadedDataset,
    OnEvent,
    RemoteDataset,
    RemoteFile,
    RemoteTraffic,
)
from hfsvc.models.file_kinds import PARQUET, kind_of
from hfsvc.protocols import DatasetService
from hfsvc.remote.hub_files import HubFiles
from hfsvc.remote.portable_files import PortableHubFiles
from hfsvc.remote.range_keeper import RangeKeeper
from hfsvc.remote.range_reader import RangeReader
from hfsvc.settings import Settings
from hfsvc.trajectories.files.dataset_files import DatasetFiles

logger = logging.getLogger(__name__)
# Nobody asked for the copy: whoever wants rows waits no longer for word of it.
CONVERSION_S = 5.0
OpenKeeper = Callable[[RemoteDataset], RangeKeeper]


class PinnedDataset:
    """What `hfsvc.trajectories.source` asks of a `DatasetService`, answered by the Hub, for one commit.

    The commit, and the files that a download without globs would bring, are looked up once, at the first question.

    Args:
        request: Names the dataset, and the revision that is looked up.
        hub: Is asked.
        settings: Of the reading.
        counters: What `hub` counts its requests in.
        service: Downloads the same commit when asked to.
        check_open: Raises where the Hub must not be asked any more.
        open_keeper: Makes what keeps the bytes that were read; None to keep nothing.
    """

    def __init__(
        self,
        request: ResolvedRequest,
        hub: HubClient,
        settings: Settings,
        *,
        counters: Counters,
        service: DatasetService,
        check_open: Callable[[], None],
        open_keeper: OpenKeeper | None = None,
    ) -> None:
        self._request = request
        self._hub = hub
        self._lookups = HubLookups(hub)
        self._settings = settings
        self._counters = counters
        self._service = service
        self._check_open = check_open
        self._open_keeper = open_keeper
        self._home = HomeLoop()
        self._looking = anyio.Lock()
        self._known: tuple[DownloadedDataset, HubFiles] | None = None

    async def get_download_info(self, repo: str) -> DownloadedDataset | None:
        """The dataset at its commit, as if it were on disk, in no folder.

        Raises:
            OtherEventLoop: It was looked up on another one.
            HfsvcError: The Hub does not tell.
        """
        self._check_open()
        if not self._home.is_running:
            raise OtherEventLoop
        async with self._looking:
            if self._known is None:
                self._known = await self._look()
            return self._known[0]

    async def is_downloaded(self, repo: str) -> bool:
        """Never: it is read where it lies."""
        return False

    async def download(self, request: DatasetRequest, *, on_event: OnEvent | None = None) -> DownloadedDataset:
        """Bring the files of this commit onto disk."""
        here = await self.get_download_info(request.repo)
        commit = here.commit if here else self._request.revision
        pinned = DatasetRequest(
            repo=self._request.address.repo,
            revision=commit,
            token=self._request.token,
            converted=here.conversion if here and here.conversion else None,
        )
        return await self._service.download(pinned, on_event=on_event)

    def files_of(self, dataset: DownloadedDataset) -> DatasetFiles:
        """Its files, to be read in worker threads."""
        if self._known is None:
            raise RuntimeError("a dataset has no files before it was looked up")
        return self._known[1]

    @property
    def traffic(self) -> RemoteTraffic:
        """What was moved so far."""
        totals = self._counters.totals
        return RemoteTraffic(
            bytes_moved=totals["bytes_received"],
            requests=totals["requests"],
            total_bytes=self._known[0].total_bytes if self._known else 0,
        )

    async def _look(self) -> tuple[DownloadedDataset, HubFiles]:
        token = self._request.token
        remote = await self._lookups.resolve(self._request, None)
        listing: Sequence[RemoteFile] = await self._lookups.list_files(remote, token, None)
        if not any(kind_of(file.path) is PARQUET for file in listing):
            remote, listing = await self._converted(ConvertedDataset(remote, listing))
        files = await to_thread.run_sync(self._select, remote, listing)
        keeper = self._open_keeper(remote) if self._open_keeper else None
        source = self._hub.content(remote, token=token)
        reader = RangeReader(source, self._settings, metrics=self._counters, keep=keeper.keep if keeper else None)
        by_path = {file.path: file for file in files}
        pack = partial(PortableHubFiles, remote, settings=self._settings)
        opened = HubFiles(remote.repo, remote.commit, by_path, reader, current_token(), pack=pack)
        return _as_if_here(remote, files), opened

    async def _converted(self, own: ConvertedDataset) -> ConvertedDataset:
        """The Hub's parquet copy of a dataset without parquet of its own; the dataset as it is where there is no such copy."""
        try:
            with anyio.fail_after(CONVERSION_S):
                copy = await self._lookups.find_conversion(own.remote, self._request.token, None)
        except (NotFound, NoAccess, TryLater, TimeoutError) as error:
            reason = error.message() if isinstance(error, HfsvcError) else "of its parquet copy nothing is told in time"
            logger.info("%s is read from its own files: %s", own.remote.repo, reason)
            return own
        told = copy.remote.conversion
        if told is None or not told.confirmed:
            # A copy of another commit would have other rows under the same numbers.
            logger.info(
                "%s is read from its own files: of which commit its parquet copy is, is not told", own.remote.repo
            )
            return own
        logger.warning("%s has no parquet of its own: read from %s", own.remote.repo, told.about)
        return copy

    def _select(self, remote: RemoteDataset, listing: Sequence[RemoteFile]) -> list[RemoteFile]:
        wanted = self._request.among([file.path for file in listing], None).wanted(None)
        check_selects(remote, listing, wanted)
        return [*map(marking_refused, select(remote, listing, wanted).files)]


def _as_if_here(remote: RemoteDataset, files: list[RemoteFile]) -> DownloadedDataset:
    return DownloadedDataset(
        repo=remote.repo,
        folder="",
        files=tuple(file.path for file in files),
        total_bytes=sum(file.size for file in files),
        downloaded_at=datetime.now(UTC),
        revision=remote.revision,
        commit=remote.commit,
        license=remote.license,
        configs=remote.configs,
        conversion=remote.conversion,
        checksums={file.path: file.checksum for file in files if file.checksum},
        sizes={file.path: file.size for file in files},
    )
