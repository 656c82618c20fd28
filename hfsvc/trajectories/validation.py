"""Validation of the documents in a file: by ATIF's rules, and whether the media files they name are there."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from hfsvc.atif import Finding, Trajectory, check, media_paths
from hfsvc.disk import disk_errors
from hfsvc.errors import BadDocuments, InvalidArgument, PathNotFound
from hfsvc.models.file_kinds import ARROW, PARQUET, TABLES, kind_of
from hfsvc.trajectories.files.json_documents import Document, shape_of
from hfsvc.trajectories.local_files import files_of_glob

STEP_STREAM = "steps, one a line, under a header line"
STEP_STREAM_CODE = "step_stream"
_MAGIC = {b"PAR1": PARQUET, b"ARROW1": ARROW}


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The result of validating one document.

    Attributes:
        valid: Whether nothing but warnings was found.
        findings: First errors, then warnings, each in document order.
        line: In JSON Lines, its line, counted from 1.
        index: In an array, its place, counted from 0.
    """

    valid: bool
    findings: tuple[Finding, ...]
    line: int | None = None
    index: int | None = None


class OtherContent(Exception):
    """A file holds JSON that is not meant to be ATIF. The argument says what it is."""


def judge_documents(
    documents: Iterable[Document],
    *,
    folder: Path | None = None,
    strict: bool = False,
    may_be_other: bool = False,
    before: int = 0,
) -> Iterator[Verdict]:
    """Judge the documents of one file, one at a time, as Harbor's validator does.

    A file that cannot be read to its end, and a stream of steps under a header line, get one verdict for the rest of it.

    Args:
        documents: What `hfsvc.trajectories.files.json_documents` gives.
        folder: Where local media files are looked for, the file's own folder; None does not look.
        strict: Add warnings, which change no verdict.
        may_be_other: The file was not named, only found: it need not be meant.
        before: How many documents of the file were judged already.

    Raises:
        OtherContent: Before the first verdict, where the file may be something else and its first document is.
    """
    try:
        for number, document in enumerate(documents, before):
            verdict = judge(document, folder=folder, strict=strict)
            if not number and not verdict.valid and (other := other_content(document.text)):
                if may_be_other:
                    raise OtherContent(other)
                if other == STEP_STREAM:
                    yield _step_stream(document)
                    return
            yield verdict
    except BadDocuments as error:
        finding = Finding(code="unreadable", path="$", message=error.reason)
        yield Verdict(valid=False, findings=(finding,))


def judge(document: Document, *, folder: Path | None = None, strict: bool = False) -> Verdict:
    """Judge one document; see `judge_documents`."""
    report = check(document.text, strict=strict)
    missing = tuple(missing_media(report.trajectory, folder)) if report.trajectory and folder else ()
    return Verdict(
        valid=report.valid and not missing,
        findings=missing + report.findings,
        line=document.line,
        index=document.index,
    )


def missing_media(trajectory: Trajectory, folder: Path) -> Iterator[Finding]:
    """The local media files that a trajectory refers to and that do not exist, seen from `folder`."""
    for media in media_paths(trajectory):
        # Not Path.exists: that raises for names that the system refuses.
        if not os.path.exists(folder / media.path):  # noqa: PTH110
            message = f"there is no {media.kind} file {media.path!a} in {folder}"
            hint = "paths are relative to the document's folder"
            yield Finding(code="missing_media", path=media.at, message=message, hint=hint)


def other_content(text: bytes) -> str | None:
    """What an invalid document is instead, where it is clearly not meant to be ATIF.

    Whatever has steps, or names a version of ATIF, is meant; so may be what is no JSON.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict) and "__header__" in value:
        return STEP_STREAM
    return None if _is_meant(value) else "other JSON"


def _is_meant(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return "steps" in value or str(value.get("schema_version")).upper().startswith("ATIF")


def _step_stream(header: Document) -> Verdict:
    message = f"this file holds {STEP_STREAM}, and no ATIF documents"
    hint = "write one document: the header's fields, and all steps in a list `steps`"
    finding = Finding(code=STEP_STREAM_CODE, path="$", message=message, hint=hint)
    return Verdict(valid=False, findings=(finding,), line=header.line, index=header.index)


def files_of(path: Path) -> Iterator[Path]:
    """The file itself, or those of a glob; of a folder, all files below it that end like JSON or JSON Lines, compressed or not, in order.

    Names that begin with a dot are left out, and links to folders are not followed.

    Raises:
        PathNotFound: There is nothing at the path.
        InvalidArgument: It is a file of a kind that holds rows and no documents.
    """
    if path.is_dir():
        yield from _below(path)
    elif path.exists():
        yield _of_documents(path)
    elif found := files_of_glob(path):
        yield from map(_of_documents, found)
    else:
        raise PathNotFound(path=str(path))


def _of_documents(path: Path) -> Path:
    if kind := _rows_of(path):
        reason = f"{kind} holds rows and no documents; exported as JSON Lines they can be checked"
        raise InvalidArgument(name="file", given=str(path), reason=reason)
    return path


def _rows_of(path: Path) -> str | None:
    """The kind of a file that holds rows, by its name, else by how it begins."""
    kind = kind_of(path.name)
    if kind is not None and kind in {PARQUET, ARROW, TABLES}:
        return kind.name
    if not path.is_file():
        # A pipe must not be read twice.
        return None
    with disk_errors(path, verb="read"), path.open("rb") as file:
        begin = file.read(6)
    return next((kind.name for magic, kind in _MAGIC.items() if begin.startswith(magic)), None)


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        shown = (name for name in sorted(names) if not name.startswith("."))
        yield from (Path(parent, name) for name in shown if shape_of(name) != "unknown")
