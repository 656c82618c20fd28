"""The cursor of a list: opaque text with which the next page goes on in the same list. Pure."""

import base64
import binascii
from typing import NamedTuple

import msgspec

from hfsvc.errors import CursorMismatch

VERSION = 1


class Listing(NamedTuple):
    """What a page is part of."""

    repo: str
    commit: str
    query: str


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    version: int
    repo: str
    commit: str
    query: str
    offset: int


def write_cursor(listing: Listing, offset: int) -> str:
    """The cursor of the page that begins after `offset` matches, of characters that are safe in addresses."""
    packed = msgspec.msgpack.encode(_Cursor(VERSION, *listing, offset))
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def read_cursor(cursor: str, listing: Listing) -> int:
    """The offset of the page that a cursor leads to.

    Raises:
        CursorMismatch: It is no cursor of a list, or one of another list, or the dataset has changed since.
    """
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found = msgspec.msgpack.decode(packed, type=_Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise CursorMismatch(reason="it is no cursor of a list") from None
    if found.version != VERSION or found.offset < 0:
        raise CursorMismatch(reason="it is no cursor of a list")
    if (found.repo, found.query) != (listing.repo, listing.query):
        raise CursorMismatch(reason="it belongs to another list")
    if found.commit != listing.commit:
        raise CursorMismatch(reason=f"{listing.repo} has changed since")
    return found.offset
