"""The opaque text with which a stream goes on after the last row seen. Pure."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from hfsvc.errors import CursorMismatch
from hfsvc.opaque_text import pack, unpack

VERSION = 1


class Numbering(NamedTuple):
    """What row numbers hold for: one commit of a dataset, and the files of it on disk.

    Attributes:
        repo: The dataset.
        commit: 40 hex digits.
        files: Stands for the files on disk and their rows: others of the same commit may come, and renumber them.
    """

    repo: str
    commit: str
    files: str


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A place in a dataset: the row that was seen last, and what gave it its number."""

    version: int
    repo: str
    commit: str
    files: str
    row: int


def number_rows(repo: str, commit: str, files: Iterable[tuple[str, int]]) -> Numbering:
    """The numbering of the rows of `files`: their paths, in order, each with its number of rows."""
    named = "".join(f"{rows} {path}\n" for path, rows in files if rows)
    return Numbering(repo, commit, hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:12])


def write_cursor(numbering: Numbering, row: int) -> str:
    """The cursor after `row`, of characters that are safe in addresses."""
    return pack(Cursor(VERSION, *numbering, row))


def row_after(cursor: str, numbering: Numbering) -> int:
    """The first row that the holder of `cursor` has not seen.

    Raises:
        CursorMismatch: It is no cursor, or one of another dataset or commit, or of other files of the same one.
    """
    found = unpack(cursor, Cursor)
    repo, commit, files = numbering
    if found.version != VERSION:
        raise CursorMismatch(reason=f"it is one of version {found.version}, this is version {VERSION}")
    if found.repo != repo:
        raise CursorMismatch(reason=f"it belongs to {found.repo}")
    if found.commit != commit:
        raise CursorMismatch(reason=f"it belongs to commit {found.commit[:12]}, {repo} is at {commit[:12]}")
    if found.files != files:
        raise CursorMismatch(reason=f"other files of {repo} were on disk when it was written")
    return found.row + 1
