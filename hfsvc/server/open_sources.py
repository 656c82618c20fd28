"""A cache of open trajectory sources: one for each dataset and way of reading, kept for what they have learned of it."""

import os
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from hfsvc.containers import Container
from hfsvc.errors import InvalidRepoId, NotInStore, PathNotFound, UnknownSource, typed
from hfsvc.hub.urls import parse_repo
from hfsvc.models import DownloadedDataset, ReadOptions
from hfsvc.protocols import TrajectorySource
from hfsvc.trajectories.known_datasets import KnownDataset
from hfsvc.trajectories.local_files import LocalFiles

if TYPE_CHECKING:
    from hfsvc.trajectories.source import FileTrajectorySource

# Each keeps files open and parts of them in memory.
KEPT = 16
LOCAL = "local:"
"""What names of files of the user's own begin with; no id of a dataset, and no alias, has such a sign in it."""


class OpenSources:
    """Opens trajectory sources by alias, id or the name of files, and keeps those that were used last.

    Args:
        container: Makes them.
        files: Paths of files of the user's own, folders or globs, that are served as datasets beside those of the store.
            Where the settings' default source is one, it is served too.
        remote: Datasets that are read on the Hub, each at the commit that it has when it is first asked for.
    """

    def __init__(
        self, container: Container, files: Iterable[str | os.PathLike[str]] = (), remote: Iterable[str] = ()
    ) -> None:
        self._container = container
        self._registry = container.registry()
        self._endpoint = container.settings().endpoint
        self._kept: OrderedDict[tuple[str, bytes], TrajectorySource] = OrderedDict()
        self._remote = {parse_repo(self._registry.repo_of(each), self._endpoint).repo: each for each in remote}
        self._called: dict[str, str] = {}
        self._pinned: dict[str, FileTrajectorySource] = {}
        default = container.settings().default_source
        own = [default] if self._registry.means_files(default) else []
        self._files = named_files(map(LocalFiles, [*files, *own]))
        self._default = next(iter(self._files), default)

    @property
    def files(self) -> tuple[str, ...]:
        """What files of the user's own are called."""
        return tuple(self._files)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where files of the user's own lie, which is nobody's business."""
        return tuple(each.path.parent for each in self._files.values())

    def name(self, source: str | None) -> str:
        """What was asked for, else the default source."""
        return source or self._default

    def repo(self, source: str | None) -> str:
        """The id of a dataset, or the name of files.

        Raises:
            UnknownSource: A word that is neither, and no alias.
        """
        name = self.name(source)
        try:
            return name if name in self._files else self._registry.repo_of(name)
        except UnknownSource:
            raise self._unknown(name) from None

    def stored_repo(self, source: str, wanted: str) -> str:
        """The id of a dataset that is to be changed, or checked, in the store.

        Args:
            source: Its alias or id.
            wanted: What cannot be done with files of the user's own.

        Raises:
            NotInStore: It is such files.
            UnknownSource: As `repo`.
        """
        if source in self._files:
            raise NotInStore(path=source, wanted=wanted)
        return self.repo(source)

    def is_local(self, repo: str) -> bool:
        """Whether it is files of the user's own."""
        return repo in self._files

    def alias(self, repo: str) -> str | None:
        """What people call a dataset."""
        known = self.known(repo)
        return known.alias if known else None

    def known(self, repo: str) -> KnownDataset | None:
        """What must be known to read a dataset."""
        return self._registry.find_repo(repo)

    async def find(self, repo: str) -> DownloadedDataset | None:
        """What is on disk of a dataset; None where nothing is.

        Raises:
            PathNotFound: Files of the user's own are gone.
        """
        if (remote := self._remote_name(repo)) is not None:
            return await self._find_remote(remote)
        if repo not in self._files:
            return await self._container.datasets().get_download_info(repo)
        found = await self._files[repo].get_download_info(repo)
        return found and msgspec.structs.replace(found, repo=repo)

    async def here(self) -> list[DownloadedDataset]:
        """All that is on disk, files of the user's own first; those that are gone are left out."""
        found = []
        for name in self._files:
            try:
                found.append(await self.find(name))
            except PathNotFound:
                continue
        found += [await self._find_remote(name) for name in self._remote]
        stored = await self._container.datasets().list_downloaded()
        return [each for each in found if each] + [each for each in stored if self._remote_name(each.repo) is None]

    def is_remote(self, repo: str) -> bool:
        """Whether a dataset is read on the Hub, so that none of it must be on disk."""
        return self._remote_name(repo) is not None

    def _remote_name(self, repo: str) -> str | None:
        """What a dataset was named as that is read on the Hub; None for all others."""
        try:
            asked = parse_repo(typed(repo), self._endpoint).repo.casefold()
        except InvalidRepoId:
            return None
        return next((name for name in self._remote if asked in {name.casefold(), self._called.get(name)}), None)

    async def _find_remote(self, name: str) -> DownloadedDataset:
        found = await self._pin(name).dataset()
        # The Hub may call it otherwise.
        self._called[name] = found.repo.casefold()
        return found

    def _pin(self, repo: str) -> "FileTrajectorySource":
        """The source that says at which commit a dataset is read on the Hub."""
        if repo not in self._pinned:
            self._pinned[repo] = cast("FileTrajectorySource", self._container.source(self._remote[repo], remote=True))
        return self._pinned[repo]

    def open(self, name: str, reading: ReadOptions) -> TrajectorySource:
        """The source of a dataset, by its alias or id, or of files by their name, that is read in one way.

        Raises:
            UnknownSource: The name is none of them.
        """
        repo = self._readable(name)
        key = (repo, msgspec.json.encode(reading))
        if key not in self._kept:
            self._kept[key] = self._make(repo, reading)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]

    def _make(self, repo: str, reading: ReadOptions) -> TrajectorySource:
        if (remote := self._remote_name(repo)) is not None:
            return self._pin(remote).read_as(self._registry.read_options(remote, reading))
        return self._container.source(self._opened(repo), **msgspec.structs.asdict(reading))

    def _opened(self, repo: str) -> str | Path:
        if repo in self._files:
            return self._files[repo].path
        # No request may read files of the server that it was not told to serve.
        return f"hf://datasets/{repo}" if self._registry.means_files(repo) else repo

    def _readable(self, source: str) -> str:
        repo = self.repo(source)
        if repo in self._files:
            return repo
        try:
            parse_repo(repo, self._endpoint)
        except InvalidRepoId:
            # To who asks for a source, there is none of that name; nobody asked for a repository.
            raise self._unknown(repo) from None
        return repo

    def _unknown(self, name: str) -> UnknownSource:
        return UnknownSource(name=name, known=(*self._files, *(each.alias for each in self._registry.all)))


def named_files(files: Iterable[LocalFiles]) -> Mapping[str, LocalFiles]:
    """Files by what a server calls them: the same name at each start, whatever else is served, but for its like."""
    by_path = {each.path: each for each in files}
    counts = Counter(each.name for each in by_path.values())
    return {
        LOCAL + each.name + (f"~{each.digest[:6]}" if counts[each.name] > 1 else ""): each for each in by_path.values()
    }
