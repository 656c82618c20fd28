"""Cursors of pages: opaque texts with which the next page goes on in the same list. Pure."""

from typing import NamedTuple

import msgspec

from hfsvc.errors import CursorMismatch
from hfsvc.models import DownloadedDataset, ReadOptions
from hfsvc.opaque_text import pack, unpack
from hfsvc.server.one_commit import digest_of

VERSION = 1


class Listing(NamedTuple):
    """The list that a page is part of.

    Attributes:
        repo: The dataset.
        commit: 40 hex digits; empty where it is not on disk.
        files: Stands for its files on disk: others of the same commit may come, and renumber rows.
        rows: Stands for the choice among its rows: the query, and how they are read.
    """

    repo: str
    commit: str
    files: str
    rows: str


class _PageCursor(msgspec.Struct, frozen=True, array_like=True):
    version: int
    repo: str
    commit: str
    files: str
    rows: str
    offset: int


def listing_of(repo: str, dataset: DownloadedDataset | None, reading: ReadOptions, query: str | None) -> Listing:
    """The list of a dataset's rows that answer to a query.

    Args:
        repo: The dataset.
        dataset: What is on disk of it.
        reading: How it is read.
        query: As `list_summaries` takes it.
    """
    # Which rows there are does not depend on these two.
    chosen = (query, msgspec.structs.replace(reading, style="messages", on_bad_row="raise"))
    files = dataset.files if dataset else ()
    return Listing(repo, dataset.commit if dataset else "", digest_of(files), digest_of(map(repr, chosen)))


def write_cursor(listing: Listing, offset: int) -> str:
    """The cursor of the page that begins after `offset` matches, of characters that are safe in addresses."""
    return pack(_PageCursor(VERSION, *listing, offset))


def read_cursor(cursor: str, listing: Listing) -> int:
    """The offset of the page that a cursor leads to.

    Raises:
        CursorMismatch: It is no cursor of a list, or one of another list, or the dataset has changed since.
    """
    found = unpack(cursor, _PageCursor)
    if found.version != VERSION or found.offset < 0:
        raise CursorMismatch(reason="it is no cursor of a list", malformed=True)
    if (found.repo, found.rows) != (listing.repo, listing.rows):
        raise CursorMismatch(reason="it belongs to another list")
    if (found.commit, found.files) != (listing.commit, listing.files):
        raise CursorMismatch(reason=f"{listing.repo} has changed since")
    return found.offset
