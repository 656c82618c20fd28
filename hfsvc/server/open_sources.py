"""A cache of open trajectory sources: one for each dataset and way of reading, kept for what they have learned of it."""

from collections import OrderedDict

import msgspec

from hfsvc.containers import Container
from hfsvc.errors import InvalidRepoId, UnknownSource
from hfsvc.hub.urls import parse_repo
from hfsvc.models import ReadOptions
from hfsvc.protocols import TrajectorySource
from hfsvc.trajectories.known_datasets import KnownDataset

# Each keeps files open and parts of them in memory.
KEPT = 16


class OpenSources:
    """Opens trajectory sources by alias or id, and keeps those that were used last."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._registry = container.registry()
        self._default = container.settings().default_source
        self._endpoint = container.settings().endpoint
        self._kept: OrderedDict[tuple[str, bytes], TrajectorySource] = OrderedDict()

    def name(self, source: str | None) -> str:
        """What was asked for, else the default source."""
        return source or self._default

    def repo(self, source: str | None) -> str:
        """The id of a dataset.

        Raises:
            UnknownSource: A word that is no alias.
        """
        return self._registry.repo_of(self.name(source))

    def alias(self, repo: str) -> str | None:
        """What people call a dataset."""
        known = self.known(repo)
        return known.alias if known else None

    def known(self, repo: str) -> KnownDataset | None:
        """What must be known to read a dataset."""
        return self._registry.find_repo(repo)

    def open(self, name: str, reading: ReadOptions) -> TrajectorySource:
        """The source of a dataset, by its alias or id, that is read in one way.

        Raises:
            UnknownSource: The name is no alias and no id.
        """
        repo = self._readable(name)
        key = (repo, msgspec.json.encode(reading))
        if key not in self._kept:
            self._kept[key] = self._container.source(repo, **msgspec.structs.asdict(reading))
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]

    def _readable(self, source: str) -> str:
        repo = self.repo(source)
        try:
            parse_repo(repo, self._endpoint)
        except InvalidRepoId:
            # To who asks for a source, there is none of that name; nobody asked for a repository.
            raise UnknownSource(name=repo, known=tuple(each.alias for each in self._registry.all)) from None
        return repo
