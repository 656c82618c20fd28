"""What the names of a dataset's files tell: which of them hold rows, and of which split they are. Pure.

Source: the Hub's rules for file names, as documented and as `datasets` has them in 2026.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from hfsvc.models import DEFAULT_INCLUDE

DATA_GLOBS: Final = (DEFAULT_INCLUDE, ("**/*.{jsonl,ndjson}{,.gz,.zst}",), ("**/*.json{,.gz,.zst}",))
"""Globs of files that may hold rows; the first that matches any file is enough."""

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
