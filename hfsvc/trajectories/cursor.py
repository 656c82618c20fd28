"""The opaque text with which a stream goes on after the last row seen. Pure."""

import base64
import binascii

import msgspec

from hfsvc.errors import CursorMismatch

VERSION = 1


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A place in a dataset: the row that was seen last, from 0 over all files of `repo` at `commit`."""

    version: int
    repo: str
    commit: str
    row: int


def write_cursor(repo: str, commit: str, row: int) -> str:
    """The cursor after `row`, of characters that are safe in addresses."""
    packed = msgspec.msgpack.encode(Cursor(VERSION, repo, commit, row))
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def row_after(cursor: str, repo: str, commit: str) -> int:
    """The first row that the holder of `cursor` has not seen.

    Raises:
        CursorMismatch: It is no cursor, or one of another dataset or commit.
    """
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found = msgspec.msgpack.decode(packed, type=Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise CursorMismatch(reason="it is no cursor of hfsvc") from None
    if found.version != VERSION or found.repo != repo:
        raise CursorMismatch(reason=f"it belongs to {found.repo}")
    if found.commit != commit:
        raise CursorMismatch(reason=f"it belongs to commit {found.commit[:12]}, {repo} is at {commit[:12]}")
    return found.row + 1
