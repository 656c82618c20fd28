"""What the names of a dataset's files tell: which of them hold rows, and of which split they are. Pure.

Source: the Hub's rules for file names, as documented and as `datasets` has them in 2026.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

_ALL_FILES = "train"
_KEYWORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SHARD = re.compile(r"data/([^/]+)-\d{5}-of-\d{5}[^/]*\.[^/]*")
_BETWEEN = r"[\-._ 0-9]"
_SPLIT = re.compile(rf"({'|'.join(word for words in _KEYWORDS.values() for word in words)}|data)({_BETWEEN}|$)")


def _ending(endings: str) -> re.Pattern[str]:
    return re.compile(rf"(.*/)?([^/]*)\.({endings})(\.(gz|zst|bz2|xz))?", re.IGNORECASE)


_PARQUET = re.compile(r".*\.parquet", re.IGNORECASE)
_ARROW = re.compile(r".*\.arrow", re.IGNORECASE)
_LINES = _ending("jsonl|ndjson")
_DOCUMENTS = _ending("json|traj")
_TABLES = _ending("csv|tsv")
# As those who run agents name the document of a run, between files of other kinds.
_TRAJECTORY = re.compile(
    r"(.*/)?([^/]*[._-])?(trajectory|trajectories|atif)([._-][^/]*)?\.json(\.(gz|zst|bz2|xz))?", re.IGNORECASE
)
_RUN = re.compile(r"(.*/)?trajectory\.json(\.(gz|zst|bz2|xz))?")
_NO_DATA = frozenset({"config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"})


def data_files(files: Iterable[str]) -> tuple[str, ...]:
    """The files that hold rows: all parquet files; without any, all Arrow files, JSON Lines, JSON documents, or tables.

    Of JSON documents, those that are named as trajectories count, where there are any. JSON Lines beside the
    ``trajectory.json`` of runs are their logs. What the Hub and its tools keep beside data is none: hidden files, folders
    whose names begin with ``__``, descriptions of datasets.
    """
    files = tuple(files)
    shown = tuple(path for path in files if not _is_aside(path))
    families = (
        tuple(filter(_PARQUET.fullmatch, files)),
        tuple(filter(_ARROW.fullmatch, shown)),
        _without_logs(shown),
        tuple(filter(_TRAJECTORY.fullmatch, shown)),
        tuple(filter(_DOCUMENTS.fullmatch, shown)),
        tuple(filter(_TABLES.fullmatch, shown)),
    )
    return next(filter(None, families), ())


def is_table(path: str) -> bool:
    """Whether a file's name says that it is CSV or TSV."""
    return bool(_TABLES.fullmatch(path))


def _without_logs(files: Sequence[str]) -> tuple[str, ...]:
    """The JSON Lines that are no logs of runs: those in other top folders, or that are called as a split is."""
    lines = tuple(filter(_LINES.fullmatch, files))
    jobs = {path.partition("/")[0] if "/" in path else "" for path in files if _RUN.fullmatch(path)}
    if not jobs or any(map(_is_named_as_split, lines)):
        return lines
    # What lies on top belongs to the runs below it.
    return tuple(path for path in lines if "/" in path and "" not in jobs and path.partition("/")[0] not in jobs)


def _is_named_as_split(path: str) -> bool:
    found = _LINES.fullmatch(path)
    return bool(found and _SPLIT.match(found[2]))


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
