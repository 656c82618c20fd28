"""Which of the listed files selections mean: by globs, by configuration and split, and up to a limit. Pure."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from hfsvc.datasets.globs import make_matcher, would_match_deeper
from hfsvc.errors import FileNotFound, HfsvcError, LimitTooSmall, SplitNotFound
from hfsvc.models import Globs, LeftFiles, RemoteDataset, RemoteFile
from hfsvc.models.file_kinds import result_file
from hfsvc.models.splits import choose_files

SHOWN_FILES = 10


class SelectedFiles(NamedTuple):
    """The files that selections mean, in byte order of their paths; and what their limits leave, None where nothing."""

    files: list[RemoteFile]
    left: LeftFiles | None


def select(dataset: RemoteDataset, listing: Sequence[RemoteFile], selections: Sequence[Globs]) -> SelectedFiles:
    """The files that any of the selections means. One whose configuration or split there is not means nothing."""
    meant: dict[str, RemoteFile] = {}
    chosen: dict[str, RemoteFile] = {}
    for each in selections:
        try:
            files = _meant(dataset, listing, each)
        except SplitNotFound:
            continue
        meant |= {file.path: file for file in files}
        chosen |= {file.path: file for file in within_limits(files, each)}
    return SelectedFiles(_ordered(chosen.values()), _left([file for path, file in meant.items() if path not in chosen]))


def check_selects(dataset: RemoteDataset, listing: Sequence[RemoteFile], selections: Sequence[Globs]) -> None:
    """Raise where `select` gives nothing.

    Raises:
        FileNotFound: No file matches.
        LimitTooSmall: The first file is larger than the limit.
        SplitNotFound: There is no such configuration or split.
    """
    refusals: list[HfsvcError] = []
    for each in selections:
        try:
            files = _meant(dataset, listing, each)
        except SplitNotFound as error:
            refusals.append(error)
            continue
        if within_limits(files, each):
            return
        if files:
            first = files[0]
            refusals.append(
                LimitTooSmall(repo=dataset.repo, path=first.path, size=first.size, max_bytes=each.max_bytes or 0)
            )
    raise refusals[0] if refusals else nothing_selected(dataset, listing, selections)


def nothing_selected(dataset: RemoteDataset, files: Sequence[RemoteFile], selections: Sequence[Globs]) -> FileNotFound:
    """The error that says what is there and what to pass, where a request matches no file."""
    include = tuple(dict.fromkeys(pattern for each in selections for pattern in each.include))
    paths = sorted((file.path for file in files), key=lambda path: (path.startswith("."), path))
    hint = None
    if meant := get_close_matches(" ".join(include), paths, 1, 0.75):
        hint = f"Did you mean {meant[0]}?"
    elif deeper := would_match_deeper(paths, include):
        hint = f"Did you mean --include '{deeper}'?"
    elif paths:
        hint = "Pass --include '**' for all of it, or the names of files."
    return FileNotFound(
        repo=dataset.repo,
        patterns=include,
        available=tuple(paths[:SHOWN_FILES]),
        total=len(paths),
        hint=hint,
    )


def within_limits(files: Sequence[RemoteFile], selection: Globs) -> list[RemoteFile]:
    """The first of some files, up to the limits of a selection: whole files, none left out in between."""
    if not selection.is_limited:
        return [*files]
    taken: list[RemoteFile] = []
    room = selection.max_bytes
    for file in files[: selection.max_files]:
        if room is not None and file.size > room:
            break
        taken.append(file)
        room = None if room is None else room - file.size
    return taken


def _meant(dataset: RemoteDataset, listing: Sequence[RemoteFile], selection: Globs) -> list[RemoteFile]:
    """The files that a selection means without its limits.

    Raises:
        SplitNotFound: There is no such configuration or split among those that its globs mean.
    """
    include, exclude = make_matcher(selection.include), make_matcher(selection.exclude)
    files = [file for file in listing if include(file.path) and not exclude(file.path)]
    if selection.config is not None or selection.split is not None:
        files = _of_split(dataset, files, selection)
    return _ordered({file.path: file for file in files}.values())


def _of_split(dataset: RemoteDataset, files: Sequence[RemoteFile], selection: Globs) -> list[RemoteFile]:
    paths = [file.path for file in files]
    config, split = selection.config, selection.split
    try:
        chosen = {*choose_files(dataset.repo, paths, dataset.configs, config=config, split=split)}
    except SplitNotFound as error:
        error.on_hub = True
        raise
    # What a trial says of its run belongs to the document of the run.
    chosen |= {beside for path in chosen if (beside := result_file(path))}
    return [file for file in files if file.path in chosen]


def _left(files: Iterable[RemoteFile]) -> LeftFiles | None:
    left = _ordered(files)
    if not left:
        return None
    total = sum(file.size for file in left)
    return LeftFiles(files=len(left), total_bytes=total, next_path=left[0].path, next_bytes=left[0].size)


def _ordered(files: Iterable[RemoteFile]) -> list[RemoteFile]:
    return sorted(files, key=lambda file: file.path.encode())
