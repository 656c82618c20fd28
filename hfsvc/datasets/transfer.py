"""From a plan to verified files: what is copied, what is fetched, and where it arrives."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

from hfsvc.aio.throttle import Throttle
from hfsvc.datasets.plan import remote_file
from hfsvc.disk import make_folder
from hfsvc.errors import DownloadFailed
from hfsvc.hub.client import HubClient
from hfsvc.metrics import Metrics
from hfsvc.models import DownloadPlan, OnEvent, PlannedFile, RemoteDataset, RemoteFile
from hfsvc.settings import Secret, Settings
from hfsvc.store.directories import digests_folder, parts_folder
from hfsvc.store.index import Entry
from hfsvc.store.staging import Arrivals
from hfsvc.transfer.downloader import Downloader
from hfsvc.transfer.part_paths import Places, part_name, salvage


class Engine(NamedTuple):
    """What all transfers of a process share."""

    hub: HubClient
    settings: Settings
    throttle: Throttle
    metrics: Metrics


class Transfer:
    """Brings files of one dataset at one commit. Whoever uses it holds the dataset's lock."""

    def __init__(self, engine: Engine, remote: RemoteDataset, token: Secret | None, tell: OnEvent) -> None:
        root = engine.settings.root
        self._engine = engine
        self._content = engine.hub.content(remote, token=token)
        self._remote = remote
        self._tell = tell
        self._folder = root / remote.repo
        self._parts = parts_folder(root, remote.repo)
        self._digests = digests_folder(root, remote.repo)

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
        arrivals = Arrivals(
            self._engine.settings.root, self._remote.repo, self._parts, recorded=entry.files if entry else ()
        )
        files = [file for file in plan.files if not file.present]
        left = [remote_file(file) for file in files if force or not await self._copy(file, arrivals)]
        await self._fetch(arrivals.each_content_once(left), arrivals)
        return arrivals

    async def repair(self, files: Sequence[RemoteFile]) -> None:
        """Bring damaged files back, each in place as it is verified; ranges that are still right are not fetched.

        Raises:
            HfsvcError: As `run`.
        """
        await to_thread.run_sync(_empty, self._parts)
        arrivals = Arrivals(self._engine.settings.root, self._remote.repo, self._parts, recorded=())
        wanted = arrivals.each_content_once(files)
        for file in wanted:
            name = part_name(self._remote.repo, self._remote.commit, file.path, file.checksum)
            await to_thread.run_sync(salvage, Places(self._parts, self._digests, name), self._folder / file.path)
        await self._fetch(wanted, arrivals)

    async def _copy(self, file: PlannedFile, arrivals: Arrivals) -> bool:
        """Take a file from where its content lies on this disk already; False when it does not."""
        if file.copy_of is None or not await arrivals.copy(self._folder / file.copy_of, remote_file(file)):
            return False
        self._engine.metrics.add("bytes_reused", file.size)
        return True

    async def _fetch(self, files: list[RemoteFile], arrivals: Arrivals) -> None:
        await to_thread.run_sync(make_folder, self._digests)
        downloader = Downloader(
            self._remote,
            files,
            self._content,
            folder=self._parts,
            digests_folder=self._digests,
            settings=self._engine.settings,
            throttle=self._engine.throttle,
            metrics=self._engine.metrics,
            is_here=arrivals.recognise,
            on_verified=arrivals.take,
            on_event=self._tell,
        )
        if failures := await downloader.run():
            several = DownloadFailed(repo=self._remote.repo, failures=failures, untried=downloader.untried)
            raise several if len(failures) > 1 else failures[0]


def _empty(parts: Path) -> None:
    shutil.rmtree(parts, ignore_errors=True)
    make_folder(parts)
