"""The trajectory sources of a server: one for each dataset and way of reading, kept for what they have learned of it."""

from collections import OrderedDict
from typing import Literal, NamedTuple

from hfsvc.containers import Container
from hfsvc.errors import InvalidRepoId, UnknownSource
from hfsvc.hub.urls import parse_repo
from hfsvc.models import OnBadRow, Style
from hfsvc.protocols import TrajectorySource

# Each keeps files open and parts of them in memory.
KEPT = 16


class Reading(NamedTuple):
    """A dataset by its alias or id, and how it is read: fields as in `ReadOptions`."""

    source: str
    style: Style = "messages"
    on_bad_row: OnBadRow = "raise"
    config: str | None = None
    split: str | None = None
    episodes: Literal["all", "last"] = "all"
    result: Literal["all", "success", "failure"] = "all"


class Sources:
    """Opens sources, and keeps those that were used last."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._registry = container.registry()
        self._default = container.settings().default_source
        self._endpoint = container.settings().endpoint
        self._kept: OrderedDict[Reading, TrajectorySource] = OrderedDict()

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
        known = self._registry.find_repo(repo)
        return known.alias if known else None

    def open(self, reading: Reading) -> TrajectorySource:
        """The source of a dataset that is read in one way.

        Raises:
            UnknownSource: The name is no alias and no id.
        """
        reading = reading._replace(source=self._readable(reading.source))
        if reading not in self._kept:
            self._kept[reading] = self._make(reading)
        self._kept.move_to_end(reading)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[reading]

    def _readable(self, source: str) -> str:
        repo = self.repo(source)
        try:
            parse_repo(repo, self._endpoint)
        except InvalidRepoId:
            # To who asks for a source, there is none of that name; nobody asked for a repository.
            raise UnknownSource(name=repo, known=tuple(each.alias for each in self._registry.all)) from None
        return repo

    def _make(self, reading: Reading) -> TrajectorySource:
        options = reading._asdict()
        return self._container.source(options.pop("source"), **options)
