"""Faults of content and listings, as values: other bytes, other ranges, other hashes."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hfsvc.testing.localhub.fault_rules import Exchange
from hfsvc.testing.localhub.http_messages import Response, Slice, content_response
from hfsvc.testing.localhub.stored_content import StoredContent

MASK = "*" * 64


# ---- another body ---------------------------------------------------------------------------------------------------


def _whole(response: Response) -> StoredContent:
    if isinstance(response.body, Slice):
        return response.body.content
    return StoredContent.of(response.body)


@dataclass(frozen=True, slots=True)
class IgnoreRange:
    """200 and the whole file, though a range was asked for."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        if response.status not in {206, 416}:
            return response
        content = exchange.file.content if exchange.file else _whole(response)
        whole = replace(response, status=200, body=Slice(content, 0, content.size))
        return whole.without("Content-Range")


@dataclass(frozen=True, slots=True)
class OtherRange:
    """206 for a range that begins `shift` bytes later than the one asked for, and says so."""

    shift: int = 1

    def apply(self, exchange: Exchange, response: Response) -> Response:
        if response.status != 206 or not isinstance(response.body, Slice):
            return response
        content, start, stop = response.body.content, response.body.start, response.body.stop
        start = min(start + self.shift, stop - 1)
        said = {"Content-Range": f"bytes {start}-{stop - 1}/{content.size}"}
        return replace(response, body=Slice(content, start, stop)).adding(said)


@dataclass(frozen=True, slots=True)
class ShortRange:
    """206 for no more than the first `most` bytes of the range asked for, and says so, as RFC 9110 lets a server do."""

    most: int

    def apply(self, exchange: Exchange, response: Response) -> Response:
        if response.status != 206 or not isinstance(response.body, Slice):
            return response
        body = response.body
        stop = min(body.stop, body.start + self.most)
        said = {"Content-Range": f"bytes {body.start}-{stop - 1}/{body.content.size}"}
        return replace(response, body=replace(body, stop=stop)).adding(said)


@dataclass(frozen=True, slots=True)
class OtherTotal:
    """206 whose `Content-Range` tells a total that is off by `by` bytes."""

    by: int = 1

    def apply(self, exchange: Exchange, response: Response) -> Response:
        part, _, total = (response.header("Content-Range") or "").partition("/")
        return response.adding({"Content-Range": f"{part}/{int(total) + self.by}"}) if total else response


@dataclass(frozen=True, slots=True)
class Gzip:
    """A body in gzip that nobody asked for; for small files, since it is made in memory."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return gzipped(response)


@dataclass(frozen=True, slots=True)
class Chunked:
    """A body without a length."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return response.without("Content-Length").adding({"Transfer-Encoding": "chunked"})


@dataclass(frozen=True, slots=True)
class Corrupt:
    """One byte of the file is wrong; its size is right. A negative offset counts from the end."""

    at: int = 0

    def apply(self, exchange: Exchange, response: Response) -> Response:
        if not isinstance(response.body, Slice):
            return response
        return replace(response, body=replace(response.body, content=response.body.content.corrupted(self.at)))


@dataclass(frozen=True, slots=True)
class Pointer:
    """The pointer comes where the content of an LFS file should."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        if exchange.file is None or exchange.file.sha256 is None:
            return response
        return content_response(
            exchange.request, StoredContent.of(exchange.file.pointer), {"Content-Type": "text/plain"}
        )


@dataclass(frozen=True, slots=True)
class Direct:
    """A mirror that answers resolve with the content itself: no redirect, no linked headers."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        if exchange.file is None or response.status not in {302, 307}:
            return response
        headers = {"ETag": f'"{exchange.file.etag}"', "X-Repo-Commit": exchange.commit or ""}
        return content_response(exchange.request, exchange.file.content, headers)


def gzipped(response: Response) -> Response:
    """The whole of a body in gzip, as an edge does it: chunked, a weak etag, no range."""
    content = _whole(response)
    packed = replace(response, status=200 if response.status == 206 else response.status)
    packed = replace(packed, body=gzip.compress(content.read_all(), mtime=0))
    etag = response.header("ETag")
    weak = {"ETag": f"W/{etag}"} if etag else {}
    dropped = packed.without("Content-Length", "Content-Range", "Accept-Ranges")
    return dropped.adding({"Content-Encoding": "gzip", "Transfer-Encoding": "chunked", **weak})


# ---- the listing ----------------------------------------------------------------------------------------------------


def _entries(response: Response, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Response:
    if response.status != 200 or not isinstance(response.body, bytes):
        return response
    listing = json.loads(response.body)
    if not isinstance(listing, list):
        return response
    return replace(response, body=json.dumps([change(entry) for entry in listing]).encode())


@dataclass(frozen=True, slots=True)
class MaskedHashes:
    """The listing hides the hashes of LFS files, as for a gated dataset."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return _entries(response, masked)


@dataclass(frozen=True, slots=True)
class WrongHash:
    """The listing tells another hash than the content has, for one file or for all."""

    file: str | None = None

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return _entries(response, self._change)

    def _change(self, entry: dict[str, Any]) -> dict[str, Any]:
        if entry.get("type") != "file" or self.file not in {None, entry["path"]}:
            return entry
        if "lfs" in entry:
            return {**entry, "lfs": {**entry["lfs"], "oid": "0" * 64}}
        return {**entry, "oid": "0" * 40}


# ---- the storage of chunks ------------------------------------------------------------------------------------------


def _terms(response: Response, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Response:
    if response.status != 200 or not isinstance(response.body, bytes):
        return response
    told = json.loads(response.body)
    if "terms" not in told:
        return response
    return replace(response, body=json.dumps({**told, "terms": [change(each) for each in told["terms"]]}).encode())


@dataclass(frozen=True, slots=True)
class OtherLengths:
    """Each term of a file is told with `by` bytes more than it has."""

    by: int = 1

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return _terms(response, lambda term: {**term, "unpacked_length": term["unpacked_length"] + self.by})


@dataclass(frozen=True, slots=True)
class OtherChunks:
    """Each term of a file is told to be as many chunks that begin `shift` later in the same xorb, of the same length."""

    shift: int = 1

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return _terms(response, lambda term: {**term, "range": {k: at + self.shift for k, at in term["range"].items()}})


def masked(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A tree entry as it is shown to callers without access."""
    hidden: dict[str, Any] = {"xetHash": MASK} if "xetHash" in entry else {}
    if "lfs" in entry:
        hidden["lfs"] = {**entry["lfs"], "oid": MASK}
    return {**entry, **hidden}
