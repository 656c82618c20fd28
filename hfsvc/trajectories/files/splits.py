"""Which files of a dataset hold its rows, and which of them are of a configuration and a split. Pure.

A dataset's card names configurations and splits; where it names none, the names of files do.

Source: the Hub's rules for file names and splits, as documented and as `datasets` has them in 2026.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from wcmatch import glob

from hfsvc.errors import SplitNotFound
from hfsvc.models import DEFAULT_INCLUDE, DatasetConfig

Splits = dict[str, dict[str, tuple[str, ...]]]
"""``{configuration: {split: its files}}``, files in byte order."""

DATA_GLOBS: Final = (DEFAULT_INCLUDE, ("**/*.{jsonl,ndjson}{,.gz,.zst}",), ("**/*.json{,.gz,.zst}",))
"""Globs of files that may hold rows; the first that matches any file is enough."""

INFERRED: Final = "default"
_ALL_FILES = "train"
_KEYWORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SHARD = re.compile(r"data/([^/]+)-\d{5}-of-\d{5}[^/]*\.[^/]*")
_BETWEEN = r"[\-._ 0-9]"

_PARQUET = re.compile(r".*\.parquet")
_LINES = re.compile(r".*\.(jsonl|ndjson)(\.gz|\.zst)?")
_DOCUMENTS = re.compile(r".*\.json(\.gz|\.zst)?")
# As those who run agents name the document of a run, between files of other kinds.
_TRAJECTORY = re.compile(r"(.*/)?([^/]*[._-])?(trajectory|trajectories|atif)([._-][^/]*)?\.json(\.gz|\.zst)?")
_NO_DATA = frozenset({"config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"})
# No braces: they mean themselves here.
_FLAGS = glob.GLOBSTAR | glob.FORCEUNIX | glob.CASE
_SIGNS = re.compile(r"[*?\[]")


def data_files(files: Iterable[str]) -> tuple[str, ...]:
    """The files that hold rows: all parquet files; without any, all JSON Lines; without those, JSON documents.

    Of JSON documents, those that are named as trajectories count, where there are any. What the Hub and its tools keep
    beside data is none: hidden files, folders whose names begin with ``__``, descriptions of datasets.
    """
    files = tuple(files)
    shown = tuple(path for path in files if not _is_aside(path))
    families = (
        tuple(filter(_PARQUET.fullmatch, files)),
        tuple(filter(_LINES.fullmatch, shown)),
        tuple(filter(_TRAJECTORY.fullmatch, shown)),
        tuple(filter(_DOCUMENTS.fullmatch, shown)),
    )
    return next(filter(None, families), ())


def _is_aside(path: str) -> bool:
    *folders, name = path.split("/")
    return name.startswith(".") or name in _NO_DATA or any(each.startswith((".", "__")) for each in folders)


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


def infer_splits(files: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The splits that the names of files tell; the first kind of name that is there decides for all.

    ``data/NAME-00000-of-00001.parquet``, then a folder that is called like a split, then a file that is; else all files
    are of the split ``train``.
    """
    found = _by_shards(files) or _by_keyword(files, _FOLDERS) or _by_keyword(files, _NAMES)
    return found or ({_ALL_FILES: tuple(files)} if files else {})


def _by_shards(files: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for path in files:
        if shard := _SHARD.fullmatch(path):
            found.setdefault(shard[1], []).append(path)
    return {split: tuple(paths) for split, paths in found.items()}


def _by_keyword(files: Sequence[str], tests: Mapping[str, re.Pattern[str]]) -> dict[str, tuple[str, ...]]:
    found = {split: tuple(filter(test.search, files)) for split, test in tests.items()}
    return {split: paths for split, paths in found.items() if paths}


def _tests(end: str, behind: str) -> dict[str, re.Pattern[str]]:
    return {
        split: re.compile(rf"(?:^|/|{_BETWEEN})(?:{'|'.join(words)})(?:{end}){behind}")
        for split, words in _KEYWORDS.items()
    }


_FOLDERS = _tests(f"/|{_BETWEEN}[^/]*/", "")
_NAMES = _tests(_BETWEEN, "[^/]*$")
