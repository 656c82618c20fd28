"""Judgement of the Hub's parquet copy of a dataset: whether it can stand for the dataset, or why not. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from hfsvc.errors import ConversionNotFound, ConversionNotReady
from hfsvc.hub.conversion_state import ConversionState
from hfsvc.models import Conversion, RemoteDataset, RemoteFile
from hfsvc.models.conversion import CONVERSION_REVISION, converted_configs, converted_file
from hfsvc.models.splits import default_config
from hfsvc.store.index import IndexEntry

OWN_FILES = "Its own files come without --converted (--no-converted where a copy is recorded)."
SHOWN_PARTS = 5


class ConvertedDataset(NamedTuple):
    """A dataset as the Hub's parquet copy has it, and the files of the copy."""

    remote: RemoteDataset
    files: Sequence[RemoteFile]


def is_copy_of(source: RemoteDataset, entry: IndexEntry) -> bool:
    """Whether what is recorded is known to be the parquet copy of a dataset at this commit, or is named by its own."""
    copied = entry.conversion
    if copied is None:
        return False
    return source.commit == entry.commit or (copied.confirmed and copied.source_commit == source.commit)


def as_conversion(copy: RemoteDataset, told: Conversion, files: Sequence[RemoteFile]) -> ConvertedDataset:
    """The parquet copy at a commit of its own, of which is known already what it is the copy of."""
    configs = converted_configs((file.path for file in files), default_config(copy.configs))
    return ConvertedDataset(msgspec.structs.replace(copy, configs=configs, conversion=told), files)


def no_conversion(repo: str) -> ConversionNotFound:
    """The error of a dataset that the Hub has not converted."""
    return ConversionNotFound(repo=repo, hint=OWN_FILES)


def settle_conversion(
    source: RemoteDataset, commit: str, state: ConversionState, files: Sequence[RemoteFile]
) -> RemoteDataset:
    """The dataset whose files are those of its parquet copy.

    Args:
        source: The dataset at the commit that is asked for.
        commit: Of the copy.
        state: What the Hub tells of the copy.
        files: That the copy has at its commit.

    Raises:
        ConversionNotFound: It is not of the whole dataset, and will not be.
        ConversionNotReady: It is of another commit, or being made.
    """
    paths = [file.path for file in files]
    _check_whole(source.repo, state, paths)
    _check_ready(source, state, paths)
    told = Conversion(
        revision=CONVERSION_REVISION, source_commit=source.commit, confirmed=state.source_commit is not None
    )
    configs = converted_configs(paths, default_config(source.configs))
    return msgspec.structs.replace(source, commit=commit, configs=configs, conversion=told)


def _check_whole(repo: str, state: ConversionState, paths: Iterable[str]) -> None:
    found = [file for path in paths if (file := converted_file(path))]
    reason = None
    if state.failed:
        reason = f"the Hub could not convert {_some(state.failed)}"
    elif partial := dict.fromkeys(f"{file.config}/{file.split}" for file in found if file.is_partial):
        reason = f"it holds only the beginning of {_some([*partial])}"
    elif state.is_partial:
        reason = "it holds only the beginning of the dataset"
    elif not found and not state.pending:
        reason = "it holds no files"
    if reason:
        raise ConversionNotFound(repo=repo, reason=reason, hint=OWN_FILES)


def _check_ready(source: RemoteDataset, state: ConversionState, paths: Iterable[str]) -> None:
    reason = None
    if state.source_commit not in {None, source.commit}:
        reason = f"it is of commit {(state.source_commit or '')[:12]}, and {source.revision} is at {source.commit[:12]}"
    elif state.pending:
        reason = f"the Hub is still converting {_some(state.pending)}"
    elif state.files is not None and (differing := _differing(state, paths)):
        reason = f"its files of {_some(differing)} are not those that the Hub tells of"
    if reason:
        raise ConversionNotReady(repo=source.repo, reason=reason, hint=f"Try again later. {OWN_FILES}")


def _differing(state: ConversionState, paths: Iterable[str]) -> list[str]:
    """The configurations and splits whose number of files is not as told."""
    there = Counter((file.config, file.split) for path in paths if (file := converted_file(path)))
    told = Counter(state.files)
    return [
        f"{config}/{split}" for config, split in sorted(there | told) if there[config, split] != told[config, split]
    ]


def _some(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_PARTS
    return ", ".join(names[:SHOWN_PARTS]) + (f" and {more} more" if more > 0 else "")
