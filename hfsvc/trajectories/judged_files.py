"""The files of a dataset, judged by what they hold: which are read, by which layout and why, and which are left out.

Everything here blocks: call it from a worker thread.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from hfsvc.errors import BadParquet, SplitNotFound
from hfsvc.models import DownloadedDataset, FileLayout, ReadOptions, RuledOutLayout
from hfsvc.models.file_kinds import (
    DOCUMENTS,
    KINDS,
    PARQUET,
    RUNS,
    FileKind,
    files_by_kind,
    is_sample,
    kind_of,
    result_file,
    stem_of,
)
from hfsvc.models.splits import choose_files
from hfsvc.trajectories.data_file import DataFile
from hfsvc.trajectories.files.base import RowFile
from hfsvc.trajectories.files.dataset_files import DatasetFiles, folder_files
from hfsvc.trajectories.files.json import DOCUMENT
from hfsvc.trajectories.files.open import open_rows
from hfsvc.trajectories.files.session_logs import SESSION
from hfsvc.trajectories.layouts.detect import LayoutChoice, explain_layout, refusal_of

COPY = "it is a copy of {}, as its name says"
SAMPLE = "it is a sample of the others, as its name says"
LOG = "it is a log beside documents of runs"
OTHER_KIND = "the rows of this dataset are in other files, of the kind {}"


class JudgedFile(NamedTuple):
    """A file and what was found in it.

    Attributes:
        told: What is told of it; without a layout where it is not read.
        data: To read it by, as if it were the only one; None where it is not read.
        refusal: Why it cannot be read; None where it can, where it holds no rows, and where nobody tried.
        is_damaged: Whether it could not even be opened.
        columns: What it has, where it could be opened.
        looks_like_messages: Whether a column may hold messages under names that nobody knows.
    """

    told: FileLayout
    data: DataFile | None = None
    refusal: BadParquet | None = None
    is_damaged: bool = False
    columns: frozenset[str] = frozenset()
    looks_like_messages: bool = False

    @property
    def kind(self) -> FileKind:
        """What its name says it is; a card may name files of no kind, which are read as JSON."""
        return kind_of(self.told.file) or DOCUMENTS

    @property
    def is_left_out(self) -> bool:
        """Whether something that it holds is not read."""
        return self.data is None and self.told.rows != 0


class _LayoutJudge:
    """Finds the layouts of files. Where rows must be fetched, parquet files of the same columns are taken to be alike.

    Args:
        options: How to read them.
        by_types: As `explain_layout`.
    """

    def __init__(self, options: ReadOptions, *, by_types: bool) -> None:
        self._options = options
        self._by_types = by_types
        self._known: dict[bytes, LayoutChoice] = {}

    def explain(self, rows: RowFile, path: str) -> LayoutChoice:
        if not self._by_types or kind_of(path) is not PARQUET:
            return explain_layout(rows, path, self._options)
        columns = rows.schema.remove_metadata().serialize().to_pybytes()
        if (choice := self._known.get(columns)) is None:
            choice = explain_layout(rows, path, self._options, by_types=True)
            if rows.rows:
                self._known[columns] = choice
        return choice


def find_data_files(
    dataset: DownloadedDataset, options: ReadOptions, files: DatasetFiles
) -> tuple[list[DataFile], list[FileLayout]]:
    """The files to read, in order, each opened to count its rows; and those that are left out though they hold something.

    Raises:
        BadParquet: A file is damaged, or none has a layout that is known.
        InvalidSettings, NotDownloaded, SplitNotFound: As `judge_files`.
    """
    judged = judge_files(dataset, options, files)
    if refusal := refusal_among(judged):
        raise refusal
    return [*_numbered(each.data for each in judged)], [each.told for each in judged if each.is_left_out]


def _numbered(files: Iterable[DataFile | None]) -> Iterator[DataFile]:
    first = 0
    for file in files:
        if file is not None:
            yield file._replace(first=first, stop=first + file.stop)
            first += file.stop


def judge_files(
    dataset: DownloadedDataset, options: ReadOptions, files: DatasetFiles | None = None
) -> list[JudgedFile]:
    """Every file that may hold rows, in byte order of paths; of `files`, or of those on disk.

    Names tell where to look first. Where no file there holds trajectories, and no configuration and no split is asked for,
    the files of the other kinds are looked at, too.

    Raises:
        InvalidSettings: There is no layout of the name that was asked for.
        NotDownloaded: A file is gone.
        SplitNotFound: There is no such configuration or split.
    """
    files = files or folder_files(dataset)
    likely = _chosen(dataset, options, on_hub=files.is_remote)
    layouts = _LayoutJudge(options, by_types=files.is_remote)
    judged = [_look_at(files, path, layouts) for path in files.prepare(likely)]
    others: list[str] = []
    if options.config is None and options.split is None:
        others = [path for paths in files_by_kind(dataset.files).values() for path in paths if path not in {*likely}]
    if any(each.data for each in judged):
        kinds = " and ".join(dict.fromkeys(each.kind.name for each in judged if each.data))
        read = {result_file(each.told.file) for each in judged if each.data}
        judged += [_unread(path, OTHER_KIND.format(kinds)) for path in others if path not in read]
    else:
        judged += [_look_at(files, path, layouts) for path in files.prepare(others)]
    return sorted(without_repeats(judged), key=lambda each: each.told.file.encode(errors="surrogateescape"))


def _chosen(dataset: DownloadedDataset, options: ReadOptions, *, on_hub: bool) -> tuple[str, ...]:
    try:
        return choose_files(dataset.repo, dataset.files, dataset.configs, config=options.config, split=options.split)
    except SplitNotFound as error:
        error.on_hub = on_hub
        raise


def without_repeats(judged: Iterable[JudgedFile]) -> Iterator[JudgedFile]:
    """The same files, of which those are left out that tell once more what files of a likelier kind hold. Pure.

    Those are copies, which have the same name, and samples; and logs beside the documents of runs.
    """
    judged = sorted(judged, key=lambda each: KINDS.index(each.kind))
    held = [each.kind for each in judged if each.data]
    read: dict[str, JudgedFile] = {}
    for each in judged:
        other = read.setdefault(stem_of(each.told.file), each) if each.data else each
        if other.kind != each.kind:
            yield _unread(each.told.file, COPY.format(other.told.file))
        elif each.data and each.kind != held[0] and is_sample(each.told.file):
            yield _unread(each.told.file, SAMPLE)
        elif each.told.layout == "agent-trace" and RUNS in held and each.kind != RUNS:
            yield _unread(each.told.file, LOG)
        else:
            yield each


def refusal_among(judged: Sequence[JudgedFile]) -> BadParquet | None:
    """Why the dataset cannot be read; None where it can. Pure.

    A file that is damaged, or that has messages of some kind, but not as any layout has them, refuses the dataset: what it
    holds would be missed. Not so a file of another kind, or one about something else.
    """
    kinds = {each.kind for each in judged if each.data}
    if not kinds:
        return next((each.refusal for each in judged if each.refusal), None)
    messages = {each.data.layout.messages for each in judged if each.data} - {DOCUMENT, SESSION}
    return next((each.refusal for each in judged if each.kind in kinds and _is_missed(each, messages)), None)


def _is_missed(file: JudgedFile, messages: AbstractSet[str]) -> bool:
    return bool(file.refusal and (file.is_damaged or file.looks_like_messages or file.columns & messages))


def _unread(path: str, reason: str) -> JudgedFile:
    return JudgedFile(FileLayout(file=path, rows=None, layout=None, column=None, reason=reason))


def _look_at(files: DatasetFiles, path: str, layouts: _LayoutJudge) -> JudgedFile:
    try:
        with open_rows(files, path) as rows:
            return _judged(path, files.content(path) or "", rows, layouts)
    except BadParquet as error:
        return _unread(path, error.reason)._replace(refusal=error, is_damaged=True)


def _judged(path: str, content: str, rows: RowFile, layouts: _LayoutJudge) -> JudgedFile:
    try:
        choice = layouts.explain(rows, path)
    except BadParquet as error:
        # It lacks a column that was named.
        return _unread(path, error.reason)._replace(refusal=error if rows.rows else None)
    told = FileLayout(
        file=path,
        rows=rows.rows,
        layout=choice.layout.name if choice.layout else None,
        column=choice.layout.messages if choice.layout else None,
        reason="; ".join((_reason(choice, rows), *choice.notes)),
        ruled_out=tuple(RuledOutLayout(layout=name, reason=reason) for name, reason in choice.ruled_out),
        unread=tuple(_unread_columns(choice, rows)),
    )
    if choice.layout is None:
        refusal = refusal_of(choice, rows.schema, path) if rows.rows else None
        near = choice.nearest
        may_talk = near is not None and near.role is not None and near.content is not None
        return JudgedFile(told, None, refusal, False, frozenset(rows.schema.names), may_talk)
    return JudgedFile(told, DataFile(path, 0, rows.rows, content, choice.layout, rows.schema, rows.leaves, rows.groups))


def _unread_columns(choice: LayoutChoice, rows: RowFile) -> Iterator[str]:
    if choice.layout and DOCUMENT not in choice.layout.columns:
        read = {*choice.layout.columns, DOCUMENT}
        yield from (name for name in dict.fromkeys(rows.schema.names) if name not in read)


def _reason(choice: LayoutChoice, rows: RowFile) -> str:
    if choice.layout is None:
        return f"no layout fits; try {choice.nearest.advice()}" if choice.nearest else "no layout fits"
    others = [column for _, column in dict.fromkeys(choice.held) if column != choice.layout.messages]
    turn = f"; rows without are read from {', '.join(dict.fromkeys(others))}" if others else ""
    if choice.was_named:
        return f"it was asked for, or is known of the dataset{turn}"
    if choice.held:
        return f"its first rows hold messages{turn}"
    return "its columns are of these types, and its first rows empty" if rows.rows else "its columns are of these types"
