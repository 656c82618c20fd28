"""The kinds of files that rows may lie in: the one table of them, and which of a dataset's files may hold rows. Pure.

A name promises nothing: a table of contents may be parquet, and the data beside it JSON Lines. So of files whose names do
not say plainly that they are the data, all kinds are candidates, and what they hold decides.

Source: the Hub's rules for file names, as documented and as `datasets` has them in 2026; Harbor's folders of runs.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Final, Literal, NamedTuple

KindName = Literal["parquet", "Arrow", "JSON Lines", "documents of runs", "JSON", "CSV"]
KEYWORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
"""What splits are called, and the words for them in names of files."""

BETWEEN = r"[\-._ 0-9]"
"""What parts the words of a name."""

COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
"""What may stand behind the ending of a file that is text."""

_PACKED = f"{{,{','.join(COMPRESSED)}}}"
# As those who run agents name the document of a run, between files of other kinds.
_RUNS = ("trajectory", "trajectories", "atif")


class FileKind(NamedTuple):
    """A kind of files.

    Attributes:
        name: What people call it.
        endings: Of its files' names, in small letters; none where more than the ending tells.
        globs: What to download of it.
        is_packed: Whether its files may be compressed.
    """

    name: KindName
    endings: tuple[str, ...]
    globs: tuple[str, ...]
    is_packed: bool = True


def _kind(name: KindName, *endings: str) -> FileKind:
    either = ",".join((*endings, *map(str.upper, endings)))
    return FileKind(name, endings, (f"**/*.{{{either}}}{_PACKED}",))


PARQUET: Final = FileKind("parquet", ("parquet",), ("**/*.parquet",), is_packed=False)
ARROW: Final = FileKind("Arrow", ("arrow",), ("**/*.arrow",), is_packed=False)
LINES: Final = _kind("JSON Lines", "jsonl", "ndjson")
# With the results of runs, which stand beside their documents.
RUNS: Final = FileKind(
    "documents of runs", (), (f"**/{{,*[._-]}}{{{','.join(_RUNS)}}}{{,[._-]*}}.json{_PACKED}", "**/result.json")
)
DOCUMENTS: Final = _kind("JSON", "json", "traj")
TABLES: Final = _kind("CSV", "csv", "tsv")
KINDS = (PARQUET, ARROW, LINES, RUNS, DOCUMENTS, TABLES)
"""All of them, the likeliest to hold rows first."""

DEFAULT_INCLUDE = PARQUET.globs
_RUN = re.compile(
    rf"(.*/)?([^/]*[._-])?({'|'.join(_RUNS)})([._-][^/]*)?\.json({'|'.join(map(re.escape, COMPRESSED))})?",
    re.IGNORECASE,
)
# What lies beside data, as its descriptions.
_NO_DATA = frozenset({"config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"})
_SHARD = re.compile(r"-\d{5}-of-\d{5}[^.]*$")
# Tables about the data, as their makers name them.
_ABOUT = re.compile(
    r"(^|[._\- ])(index|meta|metadata|info|stats|statistics|summary|summaries|manifest|catalog|schema|readme|tasks?|"
    r"problems?|results?|scores?|labels?|leaderboard|reports?|config|log|logs)$",
    re.IGNORECASE,
)
_SAMPLE = re.compile(r"(^|[._\- ])(samples?|examples?|preview|demo)([._\- ]|$)", re.IGNORECASE)
_WORDS = "|".join(word for words in KEYWORDS.values() for word in words)
_SPLIT = re.compile(rf"(?:^|/|{BETWEEN})(?:{_WORDS}|data)(?:/|{BETWEEN}|$)")
_IS_SPLIT = re.compile(rf"({_WORDS}|data)({BETWEEN}|$)")


def kind_of(path: str) -> FileKind | None:
    """The kind of a file, as its name tells; None for one that holds no rows."""
    name = path.rpartition("/")[2].lower()
    packed = next(filter(name.endswith, COMPRESSED), "") if name.endswith(COMPRESSED) else ""
    ending = name.removesuffix(packed).rpartition(".")[2]
    if "." not in name:
        return None
    if ending == "json" and _RUN.fullmatch(path):
        return RUNS
    return next((kind for kind in KINDS if ending in kind.endings and (kind.is_packed or not packed)), None)


def result_file(path: str) -> str | None:
    """Where the result of a document's run would be; None for files that are no documents of trials."""
    place = PurePosixPath(path)
    is_document = kind_of(path) is RUNS and place.parent.name == "agent"
    return str(place.parent.with_name("result.json")) if is_document else None


def files_by_kind(files: Iterable[str]) -> dict[FileKind, tuple[str, ...]]:
    """The files that may hold rows, by kind, the likeliest kind first.

    JSON Lines beside the ``trajectory.json`` of runs are their logs. What the Hub and its tools keep beside data is none:
    hidden files, folders whose names begin with ``__``, descriptions of datasets.
    """
    found: dict[FileKind, list[str]] = {kind: [] for kind in KINDS}
    for path in files:
        kind = kind_of(path)
        if kind is not None and (kind is PARQUET or not _is_aside(path)):
            found[kind].append(path)
    found[LINES] = _without_logs(found[LINES], found[RUNS])
    return {kind: tuple(paths) for kind, paths in found.items() if paths}


def likely_kinds(files: Iterable[str]) -> dict[FileKind, tuple[str, ...]]:
    """The same, up to the first kind whose names say plainly that they are the data."""
    likely: dict[FileKind, tuple[str, ...]] = {}
    for kind, paths in files_by_kind(files).items():
        likely[kind] = paths
        if kind is RUNS or any(map(is_plainly_data, paths)):
            break
    return likely


def is_plainly_data(path: str) -> bool:
    """Whether a file is called as a split or a shard of one is, and not as a table about the data."""
    stem = _SHARD.sub("", stem_of(path))
    return not _ABOUT.search(stem.rpartition("/")[2]) and bool(_SPLIT.search(stem) or stem != stem_of(path))


def is_sample(path: str) -> bool:
    """Whether a file is called as a sample of others is."""
    return bool(_SAMPLE.search(stem_of(path).rpartition("/")[2]))


def stem_of(path: str) -> str:
    """A path without what its name says of the kind: files that share it may be copies of one another."""
    folder, slash, name = path.rpartition("/")
    packed = next(filter(name.lower().endswith, COMPRESSED), "")
    return folder + slash + name[: len(name) - len(packed)].rpartition(".")[0]


def _without_logs(lines: Sequence[str], runs: Sequence[str]) -> list[str]:
    """The JSON Lines that are no logs of runs: those in other top folders, or that are called as a split is."""
    documents = [path for path in runs if stem_of(path).rpartition("/")[2] == "trajectory"]
    jobs = {path.partition("/")[0] if "/" in path else "" for path in documents}
    if not jobs or any(_IS_SPLIT.match(path.rpartition("/")[2]) for path in lines):
        return [*lines]
    # What lies on top belongs to the runs below it.
    return [path for path in lines if "/" in path and "" not in jobs and path.partition("/")[0] not in jobs]


def _is_aside(path: str) -> bool:
    *folders, name = path.split("/")
    return name.startswith(".") or name in _NO_DATA or any(each.startswith((".", "__")) for each in folders)
