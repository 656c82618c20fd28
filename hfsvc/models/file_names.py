"""What the names of a dataset's files tell: which of them may hold rows, and of which split they are. Pure.

Source: the Hub's rules for file names, as documented and as `datasets` has them in 2026.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from hfsvc.models.file_kinds import BETWEEN, KEYWORDS, likely_kinds

_ALL_FILES = "train"
_SHARD = re.compile(r"data/([^/]+)-\d{5}-of-\d{5}[^/]*\.[^/]*")


def data_files(files: Iterable[str]) -> tuple[str, ...]:
    """The files that may hold rows, as their names tell; see `hfsvc.models.file_kinds`."""
    return tuple(path for paths in likely_kinds(files).values() for path in paths)


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
        split: re.compile(rf"(?:^|/|{BETWEEN})(?:{'|'.join(words)})(?:{end}){behind}")
        for split, words in KEYWORDS.items()
    }


_FOLDERS = _tests(f"/|{BETWEEN}[^/]*/", "")
_NAMES = _tests(BETWEEN, "[^/]*$")
