"""What the Hub tells of its parquet copy of a dataset: of which commit it is, what it holds, what it lacks. Pure.

Source: the answers of the viewer's ``/parquet`` and of the Hub's ``/api/datasets/…/parquet``, as documented in 2026.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from hfsvc.errors import NotAHub
from hfsvc.models.conversion import is_partial, split_of

_COMMIT = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)


class ConversionState(NamedTuple):
    """What the Hub tells of a conversion.

    Attributes:
        source_commit: The dataset's commit that it is of; None where that is not told.
        files: How many files it has, by configuration and split; None where that is not told.
        pending: Configurations, or their splits, that are still to be converted.
        failed: Those that could not be.
        is_partial: Whether only the beginning of the dataset was converted.
    """

    source_commit: str | None = None
    files: Mapping[tuple[str, str], int] | None = None
    pending: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    is_partial: bool = False


class _ViewerFile(msgspec.Struct, frozen=True):
    config: str
    split: str


class _ViewerAnswer(msgspec.Struct, frozen=True):
    parquet_files: list[_ViewerFile]
    pending: list[Any] = []
    failed: list[Any] = []
    partial: bool = False


_viewer = msgspec.json.Decoder(_ViewerAnswer)
_listed = msgspec.json.Decoder(dict[str, dict[str, list[str]]])


def decode_viewer(body: bytes, headers: Mapping[str, str], url: str) -> ConversionState:
    """The state that an answer of the viewer tells.

    Raises:
        NotAHub: The body is no such answer.
    """
    try:
        answer = _viewer.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotAHub(url=url, reason=f"it sent no list of parquet files ({error})") from None
    return ConversionState(
        source_commit=_told_commit(headers),
        files=Counter((each.config, split_of(each.split)) for each in answer.parquet_files),
        pending=tuple(map(_named, answer.pending)),
        failed=tuple(map(_named, answer.failed)),
        is_partial=answer.partial,
    )


def decode_listed(body: bytes, headers: Mapping[str, str], url: str) -> ConversionState:
    """The state that the Hub's own list of a conversion's files tells.

    Raises:
        NotAHub: The body is no such list.
    """
    try:
        listed = _listed.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotAHub(url=url, reason=f"it sent no list of parquet files ({error})") from None
    files: Counter[tuple[str, str]] = Counter()
    for config, folders in listed.items():
        for folder, urls in folders.items():
            files[config, split_of(folder)] += len(urls)
    return ConversionState(
        source_commit=_told_commit(headers),
        files=files,
        is_partial=any(map(is_partial, (folder for folders in listed.values() for folder in folders))),
    )


def _told_commit(headers: Mapping[str, str]) -> str | None:
    told = headers.get("x-revision", "")
    return told.lower() if _COMMIT.fullmatch(told) else None


def _named(what: Any) -> str:
    """What is not converted, in a word: ``en``, ``en/train``, or what else stands there."""
    if not isinstance(what, dict):
        return str(what)
    names = [what[key] for key in ("config", "split") if isinstance(what.get(key), str)]
    return "/".join(names) or "a part of it"
