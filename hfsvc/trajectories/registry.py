"""The registry of datasets by name: the user's own file, what hfsvc knows, and what installed packages add."""

import logging
import os
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec

from hfsvc.arguments import check_value
from hfsvc.errors import InvalidSettings, UnknownSource
from hfsvc.models import ReadOptions
from hfsvc.trajectories.known_datasets import KNOWN, KnownDataset
from hfsvc.trajectories.local_files import is_path

GROUP = "hfsvc.sources"
logger = logging.getLogger(__name__)


class Registry:
    """Datasets by alias and by id. Of two with the same alias, or the same id, the first one counts.

    Args:
        datasets: Those that are known already.
        more: Gives further ones; called when none of `datasets` is what is looked for.
    """

    def __init__(self, datasets: Iterable[KnownDataset], more: Callable[[], Iterable[KnownDataset]] = tuple) -> None:
        self._datasets = tuple(datasets)
        self._more = more

    @cached_property
    def all(self) -> tuple[KnownDataset, ...]:
        """Every dataset whose alias is not taken, in order."""
        found: dict[str, KnownDataset] = {}
        for each in (*self._datasets, *self._more()):
            found.setdefault(each.alias, each)
        return tuple(found.values())

    def find_alias(self, alias: str) -> KnownDataset | None:
        """The dataset with this alias."""
        return self._find(lambda each: each.alias == alias)

    def find_repo(self, repo: str) -> KnownDataset | None:
        """The dataset with this id; the Hub ignores its case."""
        return self._find(lambda each: each.repo.casefold() == repo.casefold())

    def _find(self, fits: Callable[[KnownDataset], bool]) -> KnownDataset | None:
        return next(filter(fits, self._datasets), None) or next(filter(fits, self.all), None)

    def expand(self, name: str) -> str:
        """The id that an alias stands for; any other name as it is.

        Raises:
            InvalidArgument: It is no text.
        """
        check_value("repo", name, str)
        known = None if "/" in name else self.find_alias(name.strip())
        return known.repo if known else name

    def repo_of(self, name: str) -> str:
        """The id that an alias stands for; any other name with a ``/``, or an address, stands for itself.

        Raises:
            UnknownSource: A bare word that is no alias.
            InvalidArgument: It is no text.
        """
        if "/" in (repo := self.expand(name)):
            return repo
        raise UnknownSource(name=name, known=tuple(each.alias for each in self.all))

    def means_files(self, name: str | os.PathLike[str]) -> bool:
        """Whether a name is one of files of the user's own, and no alias."""
        return is_path(name) and not self.find_alias(str(name))

    def read_options(self, repo: str, given: ReadOptions) -> ReadOptions:
        """How to read a dataset: as it was asked for, else as it is known, which files may be found to be otherwise."""
        known = self.find_repo(repo)
        if known is None:
            return given
        columns = {"key": known.key, **known.columns} if known.key else known.columns
        assumed = {*columns} - {*given.columns} | ({"layout"} if known.layout and not given.layout else set())
        return msgspec.structs.replace(
            given,
            layout=given.layout or known.layout,
            columns={**columns, **given.columns},
            fenced=given.fenced or known.fenced,
            assumed=frozenset(assumed),
        )


def open_registry(file: Path | None, points: Callable[[], Iterable[EntryPoint]] | None = None) -> Registry:
    """All datasets that are known, the user's own first.

    Args:
        file: TOML, a table an alias, with the fields of `KnownDataset`.
        points: Gives the entry points of other packages; those of the group ``hfsvc.sources`` unless given. They are
            loaded when nothing else fits a name. One that fails is logged, and the others count.

    Raises:
        InvalidSettings: The file cannot be read, or something in it is wrong.
    """
    own = read_sources(file) if file else ()
    return Registry((*own, *KNOWN), lambda: load_plugins((points or _installed)()))


def _installed() -> Iterable[EntryPoint]:
    return entry_points(group=GROUP)


def read_sources(file: Path) -> tuple[KnownDataset, ...]:
    """The datasets that a file names.

    Raises:
        InvalidSettings: It cannot be read, or something in it is wrong; the error names file and key.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _invalid(file, error.strerror or str(error)) from None
    except ValueError as error:
        raise _invalid(file, str(error)) from None
    return tuple(_read_source(file, alias, table) for alias, table in tables.items())


def _read_source(file: Path, alias: str, table: Any) -> KnownDataset:
    if not isinstance(table, dict):
        raise _invalid(file, f"{alias} is no table with at least a repo")
    if "/" in alias:
        raise _invalid(file, f"[{alias}]: an alias has no /")
    try:
        return msgspec.convert({"alias": alias} | table, KnownDataset)
    except msgspec.ValidationError as error:
        # Its paths begin with ``$``, the table itself.
        words, _, path = str(error).partition(" - at `$")
        raise _invalid(file, f"[{alias}]{path.rstrip('`')}: {words}") from None


def _invalid(file: Path, reason: str) -> InvalidSettings:
    return InvalidSettings(setting="sources", reason=f"{file}: {reason}")


def load_plugins(points: Iterable[EntryPoint]) -> Iterator[KnownDataset]:
    """The datasets that other packages know. An entry point is a list of `KnownDataset`, or a callable that gives one."""
    for point in points:
        try:
            found = _load(point)
        except Exception as error:  # A stranger's code may raise anything.
            reason, trace = repr(error), logger.isEnabledFor(logging.DEBUG)
            logger.exception("source plugin %s (%s) is left out: %s", point.name, point.value, reason, exc_info=trace)
        else:
            yield from found


def _load(point: EntryPoint) -> list[KnownDataset]:
    loaded: Any = point.load()
    if callable(loaded):
        loaded = loaded()
    found: list[Any] = list(loaded)
    strange = [type(each).__name__ for each in found if not isinstance(each, KnownDataset)]
    if strange:
        raise TypeError(f"{strange[0]} is no KnownDataset")
    return found
