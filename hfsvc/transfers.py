"""From a plan to verified files: what is copied, what is fetched, and where it arrives."""

import shutil
from collections.abc import Collection
from pathlib import Path

from anyio import to_thread

from hfsvc.disk import make_folder
from hfsvc.download.downloader import Downloader
from hfsvc.download.plan import remote_file
from hfsvc.errors import DownloadFailed
from hfsvc.hub.client import HubClient
from hfsvc.models import DownloadPlan, OnEvent, RemoteDataset, RemoteFile
from hfsvc.settings import Secret, Settings
from hfsvc.store.arrivals import Arrivals
from hfsvc.store.catalog import Entry
from hfsvc.store.layout import parts_folder


class Transfer:
    """Brings files of one dataset at one commit. Whoever uses it holds the dataset's lock."""

    def __init__(
        self, hub: HubClient, remote: RemoteDataset, token: Secret | None, settings: Settings, tell: OnEvent
    ) -> None:
        self._content = hub.content(remote, token=token)
        self._remote = remote
        self._settings = settings
        self._tell = tell
        self._folder = settings.root / remote.repo
        self._parts = parts_folder(settings.root, remote.repo)

    async def run(self, plan: DownloadPlan, entry: Entry | None, *, force: bool) -> Arrivals:
        """Do what a plan says.

        Args:
            plan: For this dataset and commit.
            entry: What is recorded: its files are replaced later, all together, by those that `Arrivals.held` has.
            force: Leave aside what interrupted runs kept, and copy nothing.

        Raises:
            HfsvcError: A file failed; the others are kept. `DownloadFailed` when several did.
        """
        if force:
            await to_thread.run_sync(_empty, self._parts)
        arrivals = Arrivals(self._settings.root, self._remote.repo, self._parts, recorded=entry.files if entry else ())
        wanted = await self._copy(plan, None if force else entry, arrivals)
        await self._fetch(wanted, arrivals)
        return arrivals

    async def fetch(self, files: Collection[RemoteFile]) -> None:
        """Fetch files from scratch and put each in place as it is verified.

        Raises:
            HfsvcError: As `run`.
        """
        await to_thread.run_sync(_empty, self._parts)
        arrivals = Arrivals(self._settings.root, self._remote.repo, self._parts, recorded=())
        await self._fetch(arrivals.each_content_once(list(files)), arrivals)

    async def _copy(self, plan: DownloadPlan, entry: Entry | None, arrivals: Arrivals) -> list[RemoteFile]:
        """Copy what lies here under another name; give what is left to fetch."""
        left = []
        for file in (remote_file(each) for each in plan.files if not each.present):
            donor = entry.path_of(file.checksum) if entry else None
            if donor is None or not await arrivals.copy(self._folder / donor, file):
                left.append(file)
        return arrivals.each_content_once(left)

    async def _fetch(self, files: list[RemoteFile], arrivals: Arrivals) -> None:
        downloader = Downloader(
            self._remote,
            files,
            self._content,
            folder=self._parts,
            settings=self._settings,
            on_verified=arrivals.take,
            on_event=self._tell,
        )
        if failures := await downloader.run():
            raise failures[0] if len(failures) == 1 else DownloadFailed(repo=self._remote.repo, failures=failures)


def _empty(parts: Path) -> None:
    shutil.rmtree(parts, ignore_errors=True)
    make_folder(parts)
