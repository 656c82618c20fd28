"""Content of files on the Hub: where it lies, and streams of ranges of it.

Source: the Hub's answers as observed in 2026. Everything the Hub knows of a file sits on the redirect itself; the CDN
behind it has other ETags. A resolve request must not carry ``Range``, or the signed address allows that range only.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import httpx

from hfsvc.errors import HubUnavailable, NotAHub, RangeRefused
from hfsvc.files.checksum import kind_of
from hfsvc.hub.blob_addresses import BlobAddresses
from hfsvc.hub.bodies import broken, chunks_of, finish, read_capped
from hfsvc.hub.errors import RequestContext
from hfsvc.hub.rate_limit import Bucket
from hfsvc.hub.redirects import redirect_target
from hfsvc.hub.session import HubRequest, HubSession
from hfsvc.hub.urls import resolve_url, same_origin, without_query
from hfsvc.hub.wire import checksum_of_etag
from hfsvc.models import ByteRange, Location, RemoteDataset, RemoteFile
from hfsvc.secret import Secret

SMALL_CONTENT = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")


class HubContent:
    """Finds and streams the content of one dataset's files, pinned to its commit."""

    def __init__(self, session: HubSession, dataset: RemoteDataset, *, token: Secret | None) -> None:
        self._session = session
        self._dataset = dataset
        self._token = token
        self._blobs = BlobAddresses(session.endpoint, dataset.commit)

    @property
    def repo(self) -> str:
        """The dataset's id."""
        return self._dataset.repo

    async def locate(self, file: RemoteFile) -> Location:
        """Where a file's content lies: asked of the Hub, for one request of the ``resolvers`` bucket, unless it is known.

        Nothing is retried here. An address that is known may be refused; the next question goes to the Hub.

        Raises:
            FileNotFound: A dangling entry: listed, but without content.
            NotAHub: The answer belongs to another commit, or leaves https.
            HfsvcError: As `error_from_hub` says.
        """
        if known := self._blobs.find(file):
            return Location(url=known, checksum=file.checksum)
        url = resolve_url(self._session.endpoint, self._dataset.repo, self._dataset.commit, file.path)
        request = HubRequest(url, self._context(file), self._token, bucket="resolvers", content=True)
        response = await self._session.request_following_redirects(request, stop=_knows_the_file)
        async with aclosing(response):
            self._check_commit(response)
            if not response.has_redirect_location:
                content = await _small_content(response, file.size)
                return Location(
                    url=str(response.request.url), checksum=told_checksum(response, file.checksum), content=content
                )
            target = redirect_target(str(response.request.url), response, self._session.endpoint)
            await read_capped(response)
            self._blobs.learn(file, target)
            return Location(url=target, checksum=told_checksum(response, file.checksum))

    @asynccontextmanager
    async def open(
        self, location: Location, file: RemoteFile, wanted: ByteRange | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream one range of a file, or with None the whole file without asking for ranges.

        Chunks come in file order. They may be memoryviews, which are the caller's to keep: nobody writes to them again.
        A stream may end early without an error: the caller counts.

        Raises:
            RangeRefused: The server sends something else than the range (RFC 9110 §14): all of it, another range, a
                file of another size, or compressed content.
            HubUnavailable: The connection failed, or the address is refused (expired).
        """
        byte_range = f"bytes={wanted.start}-{wanted.stop - 1}" if wanted else None
        request = HubRequest(
            location.url,
            self._context(file),
            self._token,
            bucket=self._bucket(location),
            content=True,
            located=True,
            byte_range=byte_range,
        )
        # A server of content may pass a request on, to another region for example.
        response = await self._session.request_following_redirects(request)
        async with aclosing(response):
            if wanted and (reason := range_refusal(response.status_code, response.headers, wanted, file.size)):
                raise RangeRefused(url=without_query(location.url), status=response.status_code, reason=reason)
            if response.status_code not in {200, 206}:
                raise self._no_content(response)
            async with aclosing(self._chunks(response, decoded=wanted is None)) as chunks:
                yield chunks

    async def _chunks(self, response: httpx.Response, *, decoded: bool) -> AsyncGenerator[bytes, None]:
        chunks = chunks_of(response, decoded=decoded)
        try:
            async for chunk in chunks:
                for piece in self._session.throttle.pieces(chunk):
                    yield piece
                    await self._session.throttle.passed(len(piece))
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise broken(error, response) from None
        finally:
            await finish(response, chunks)

    def _no_content(self, response: httpx.Response) -> HubUnavailable:
        status, where = response.status_code, without_query(str(response.request.url))
        return HubUnavailable(url=where, status=status, reason=f"the server of its content answered {status}")

    def _bucket(self, location: Location) -> Bucket | None:
        # Only the Hub counts requests; its CDN does not.
        return "resolvers" if same_origin(location.url, self._session.endpoint) else None

    def _context(self, file: RemoteFile) -> RequestContext:
        return RequestContext(self._dataset.repo, self._dataset.commit, file.path)

    def _check_commit(self, response: httpx.Response) -> None:
        commit = response.headers.get("x-repo-commit", self._dataset.commit)
        if commit.lower() != self._dataset.commit:
            where = without_query(str(response.request.url))
            raise NotAHub(url=where, reason=f"it serves commit {commit[:40]} for {self._dataset.commit}")


def range_refusal(status: int, headers: httpx.Headers, wanted: ByteRange, size: int) -> str | None:
    """Why an answer is not the wanted range of a file of `size` bytes, or the beginning of it; None when it is. Pure.

    Source: RFC 9110 §15.3.7, a server may send less of a range than was asked for.
    """
    if headers.get("content-encoding", "identity") != "identity":
        return "it sent compressed content for a range"
    if status != 206:
        whole = wanted.start == 0 and wanted.stop == size
        return None if status == 200 and whole else f"it answered {status} to a range request"
    found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    if not found:
        return "it did not say which range it sent"
    start, last, total = int(found[1]), int(found[2]), found[3]
    if start != wanted.start or not start <= last < wanted.stop:
        return f"it sent bytes {start}-{last} for {wanted.start}-{wanted.stop - 1}"
    if total not in {"*", str(size)}:
        return f"its file has {total} bytes, the listing says {size}"
    return None


def _knows_the_file(response: httpx.Response) -> bool:
    return "x-repo-commit" in response.headers or "x-linked-etag" in response.headers


def told_checksum(response: httpx.Response, listed: str | None) -> str | None:
    """The checksum that an answer tells of a file which is listed with another one, or without.

    Only the ``X-Linked-ETag`` of a redirect may contradict a listing, by a hash of the same kind: mirrors, caches and
    servers of content have ETags of their own, and what comes is hashed all the same.
    """
    if response.has_redirect_location:
        told = checksum_of_etag(response.headers.get("x-linked-etag"))
        return told if listed is None or (told and kind_of(told) == kind_of(listed)) else None
    if listed is not None or not _knows_the_file(response):
        return None
    # A direct answer of the Hub has the hash in its own ETag; a CDN's is another hash that looks alike.
    return checksum_of_etag(response.headers.get("x-linked-etag") or response.headers.get("etag"))


async def _small_content(response: httpx.Response, size: int) -> bytes | None:
    if response.status_code != 200 or size > SMALL_CONTENT:
        return None
    if response.headers.get("content-encoding", "identity") != "identity":
        return None
    content = await read_capped(response, SMALL_CONTENT + 1, within_s=None)
    return content if len(content) == size else None
