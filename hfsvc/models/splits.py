"""The configurations and splits of a dataset, and which files are of one. Pure.

A dataset's card names them; where it names none, the names of files do.

Source: the Hub's rules for splits, as documented and as `datasets` has them in 2026.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from wcmatch import glob

from hfsvc.errors import SplitNotFound
from hfsvc.models import DatasetConfig
from hfsvc.models.file_names import data_files, infer_splits

Splits = dict[str, dict[str, tuple[str, ...]]]
"""``{configuration: {split: its files}}``, files in byte order."""

INFERRED: Final = "default"
# No braces: they mean themselves here.
_FLAGS = glob.GLOBSTAR | glob.FORCEUNIX | glob.CASE
_SIGNS = re.compile(r"[*?\[]")


def choose_files(
    repo: str,
    files: Sequence[str],
    configs: Sequence[DatasetConfig],
    *,
    config: str | None = None,
    split: str | None = None,
) -> tuple[str, ...]:
    """The files to read, in byte order of their paths.

    Args:
        repo: The dataset.
        files: All of its files on disk.
        configs: As its card names them.
        config: The configuration; None for all, and for files that belong to none.
        split: The split, in all configurations that have it; None for all, and for files that belong to none.

    Raises:
        SplitNotFound: There is no such configuration or split among the files.
    """
    splits = splits_of(files, configs)
    if config is None and split is None:
        named = (each for found in splits.values() for each in found.values())
        return _ordered([data_files(files), *named])
    if config is not None and config not in splits:
        raise SplitNotFound(repo=repo, name=config, kind="configuration", known=tuple(splits))
    chosen = splits if config is None else {config: splits[config]}
    if split is None:
        return _ordered(each for found in chosen.values() for each in found.values())
    found = [each[split] for each in chosen.values() if split in each]
    if not found:
        known = dict.fromkeys(name for each in chosen.values() for name in each)
        raise SplitNotFound(repo=repo, name=split, config=config, known=tuple(known))
    return _ordered(found)


def _ordered(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(
        sorted({path for group in groups for path in group}, key=lambda path: path.encode(errors="surrogateescape"))
    )


def splits_of(files: Sequence[str], configs: Sequence[DatasetConfig]) -> Splits:
    """The configurations and splits that have files, each with its data files.

    Without configurations in the card there is one, ``default``.
    """
    named = configs or (DatasetConfig(name=INFERRED),)
    found = {each.name: _files_of(each, files) for each in named}
    return {name: splits for name, splits in found.items() if splits}


def default_config(configs: Sequence[DatasetConfig]) -> str | None:
    """The configuration that tools take where none is named; None where that leaves none, or several.

    It is the only one, the one called ``default``, or the one that the card says.
    """
    if not configs:
        return INFERRED
    wanted = [each.name for each in configs if each.default or each.name == INFERRED or len(configs) == 1]
    return wanted[0] if len(wanted) == 1 else None


def _files_of(config: DatasetConfig, files: Sequence[str]) -> dict[str, tuple[str, ...]]:
    if not config.patterns:
        inside = [path.removeprefix(config.folder) for path in files if path.startswith(config.folder)]
        inferred = infer_splits(data_files(inside))
        return {split: tuple(config.folder + path for path in found) for split, found in inferred.items()}
    matches = {split: tuple(filter(make_matcher(globs), files)) for split, globs in config.patterns.items()}
    held = set(data_files(path for found in matches.values() for path in found))
    kept = {split: tuple(path for path in found if path in held) for split, found in matches.items()}
    return {split: found for split, found in kept.items() if found}


def make_matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A test for paths that any of the card's patterns means.

    ``*`` stops at ``/``, ``**`` crosses it, case counts, and dot files are meant only where they are named.
    """
    exact = set(patterns)
    globs = [each for each in exact if _SIGNS.search(each)]
    # Cards may list every file; the library's own limit is for patterns that multiply.
    compiled = glob.compile(globs, flags=_FLAGS, limit=0) if globs else None
    return lambda path: path in exact or (compiled is not None and bool(compiled.match(path)))
