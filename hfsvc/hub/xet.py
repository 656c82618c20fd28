"""The storage of chunks behind the Hub (Xet): who may ask it, and of which chunks a file is made.

Source: the public specification of Xet, and the reference client as observed in 2026. Nothing is tried again here: whoever
asks can do without an answer.
"""

import re
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

import anyio
import msgspec
from anyio import to_thread

from hfsvc.errors import HfsvcError, HubUnavailable, NotAHub, TryLater
from hfsvc.hub.bodies import read_capped, read_whole
from hfsvc.hub.errors import RequestContext
from hfsvc.hub.reconstruction import MOST_TERMS, Chunk, ContentTerm, Reconstruction, decode_terms, only_chunk
from hfsvc.hub.session import HubRequest, HubSession
from hfsvc.hub.urls import PUBLIC_HOSTS, origin, same_origin, storage_token_url, without_query
from hfsvc.models import RemoteDataset
from hfsvc.secret import Secret

if TYPE_CHECKING:
    import httpx

# So much of a file is asked about at once, as its terms may be many.
WINDOW_BYTES: Final = 16 << 30
# Several files are asked about at a time.
MOST_ANSWER_BYTES: Final = 16 << 20
ANSWER_WITHIN_S: Final = 10.0
RENEW_BEFORE_S: Final = 60.0
LONGEST_TOKEN: Final = 64_000
OWN_DOMAINS: Final = (".hf.co", ".huggingface.co")
_HOST = re.compile(r"[a-z0-9.-]+")
_OF_ONE_FILE: Final = {400, 403, 404, 416}
_VERSIONS: Final = ("v2", "v1")


class _TokenAnswer(msgspec.Struct, frozen=True, rename="camel"):
    cas_url: str
    access_token: str
    exp: float


class Access(NamedTuple):
    """What opens the storage: its address, a token for it alone, and when that has to be renewed (Unix seconds)."""

    url: str
    token: Secret
    renew_at: float


class XetStorage:
    """Asks for the chunks of one dataset's files at one commit. A failure that others would meet too ends it for good.

    Args:
        session: Carries every request.
        dataset: At its commit.
        token: For the Hub; never sent to the storage.
        allowed: Address of a storage that may be asked beside the Hub's own.
        clock: Unix seconds.
    """

    def __init__(
        self,
        session: HubSession,
        dataset: RemoteDataset,
        *,
        token: Secret | None,
        allowed: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._dataset = dataset
        self._token = token
        self._allowed = allowed
        self._clock = clock
        self._access: Access | None = None
        self._asking = anyio.Lock()
        self._versions: tuple[str, ...] = _VERSIONS
        self._failed: HfsvcError | None = None

    async def terms(self, file_hash: str, size: int) -> list[ContentTerm]:
        """The terms of a whole file of `size` bytes, in order.

        Raises:
            HfsvcError: There is no answer, or none that can be true.
        """
        found: list[ContentTerm] = []
        position = 0
        while position < size:
            stop = min(position + WINDOW_BYTES, size)
            answer = await self._ask(file_hash, position, stop - 1)
            length = sum(each.length for each in answer.terms)
            # Windows begin where chunks do, and end behind the chunk of their last byte.
            if answer.skipped or not stop <= position + length <= size:
                raise self._untrue("its terms do not make up the file")
            found += answer.terms
            position += length
            if len(found) > MOST_TERMS:
                raise self._untrue("the file has too many terms")
        return found

    async def chunk_at(self, file_hash: str, position: int) -> Chunk:
        """The chunk that holds a byte of a file.

        Raises:
            HfsvcError: As `terms`.
        """
        return only_chunk(await self._ask(file_hash, position, position), position, self._shown())

    # ---- questions --------------------------------------------------------------------------------------------------

    async def _ask(self, file_hash: str, first: int, last: int) -> Reconstruction:
        if self._failed:
            raise self._failed
        try:
            return await self._ask_with_access(file_hash, first, last)
        except NotAHub:
            raise
        except TryLater as error:
            # A token that has opened one file opens the storage: it is the other file that is refused to it.
            if error.status not in _OF_ONE_FILE and not (error.status == 401 and self._opened):
                self._failed = error
            raise

    @property
    def _opened(self) -> bool:
        return len(self._versions) == 1

    async def _ask_with_access(self, file_hash: str, first: int, last: int) -> Reconstruction:
        access = await self._open()
        try:
            return await self._ask_any_version(access, file_hash, first, last)
        except HubUnavailable as error:
            if error.status != 401:
                raise
        if self._access is access:
            self._access = None
        return await self._ask_any_version(await self._open(), file_hash, first, last)

    async def _ask_any_version(self, access: Access, file_hash: str, first: int, last: int) -> Reconstruction:
        *others, oldest = self._versions
        for version in others:
            try:
                found = await self._ask_version(version, access, file_hash, first, last)
            except HubUnavailable as error:
                # No such file, or no such version: only the next one tells.
                if error.status not in {404, 501}:
                    raise
            else:
                self._versions = (version,)
                return found
        found = await self._ask_version(oldest, access, file_hash, first, last)
        self._versions = (oldest,)
        return found

    async def _ask_version(self, version: str, access: Access, file_hash: str, first: int, last: int) -> Reconstruction:
        url = f"{access.url}/{version}/reconstructions/{file_hash}"
        wanted = f"bytes={first}-{last}"
        request = HubRequest(url, self._context(), None, located=True, byte_range=wanted, storage_token=access.token)
        body = await self._body(request, self._session.send)
        # Thousands of terms take longer than the event loop should stand still.
        return await to_thread.run_sync(decode_terms, body, url) if len(body) > 1 << 16 else decode_terms(body, url)

    async def _body(self, request: HubRequest, send: Callable[[HubRequest], Awaitable["httpx.Response"]]) -> bytes:
        try:
            with anyio.fail_after(ANSWER_WITHIN_S):
                response = await send(request)
                if response.status_code in {200, 206}:
                    return await read_whole(response, MOST_ANSWER_BYTES)
                await read_capped(response)
        except TimeoutError:
            raise HubUnavailable(url=without_query(request.url), reason="it takes too long", stalled=True) from None
        raise NotAHub(url=without_query(request.url), reason=f"it answered {response.status_code}")

    # ---- access -----------------------------------------------------------------------------------------------------

    async def _open(self) -> Access:
        async with self._asking:
            if self._failed:
                # Meanwhile, of somebody else who asked for it.
                raise self._failed
            if self._access is None or self._clock() >= self._access.renew_at:
                try:
                    self._access = await self._ask_for_access()
                except HfsvcError as error:
                    self._failed = error
                    raise
            return self._access

    async def _ask_for_access(self) -> Access:
        endpoint = self._session.endpoint
        url = storage_token_url(endpoint, self._dataset.repo, self._dataset.commit)
        request = HubRequest(url, self._context(), self._token, bucket="api")
        told = decode_token(await self._body(request, self._session.request_following_redirects), without_query(url))
        address = check_storage(told.cas_url, endpoint, self._allowed)
        renew_at = told.exp - RENEW_BEFORE_S
        # Where the clocks disagree, a refusal tells when it has ended.
        return Access(address, Secret(told.access_token), renew_at if renew_at > self._clock() else float("inf"))

    def _context(self) -> RequestContext:
        return RequestContext(self._dataset.repo, self._dataset.commit)

    def _shown(self) -> str:
        return self._access.url if self._access else self._session.endpoint

    def _untrue(self, reason: str) -> NotAHub:
        return NotAHub(url=self._shown(), reason=reason)


def decode_token(body: bytes, url: str) -> _TokenAnswer:
    """What opens the storage, from the Hub's answer.

    Raises:
        NotAHub: It is no such answer.
    """
    try:
        told = msgspec.json.decode(body, type=_TokenAnswer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise NotAHub(url=url, reason="it sent no token of the storage") from None
    token = told.access_token
    if not (token.isascii() and token.isprintable() and " " not in token and 0 < len(token) <= LONGEST_TOKEN):
        raise NotAHub(url=url, reason="it sent no token of the storage")
    return told


def may_ask_storage(endpoint: str, allowed: str | None) -> bool:
    """Whether there is a storage that may be asked: behind a mirror only one that was allowed."""
    return allowed is not None or origin(endpoint)[1] in PUBLIC_HOSTS


def check_storage(told: str, endpoint: str, allowed: str | None) -> str:
    """The address of a storage as it was told, when it may be asked.

    Raises:
        NotAHub: It is no address, or neither the Hub's own storage nor the one that was allowed.
    """
    if not _is_plain_address(told):
        raise NotAHub(url=endpoint, reason="it named no address of a storage")
    if not ((allowed and same_origin(told, allowed)) or _is_own(told, endpoint)):
        raise NotAHub(url=endpoint, reason="its storage is not one that may be asked")
    return told.rstrip("/")


def _is_plain_address(told: str) -> bool:
    """Whether a text is an address of a server, perhaps with a path, and nothing else."""
    try:
        parts = urlsplit(told)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        return False
    others = parts.username or parts.password or parts.query or parts.fragment
    return bool(usable) and not others and told.isascii() and told.isprintable() and " " not in told


def _is_own(told: str, endpoint: str) -> bool:
    scheme, host, _ = origin(told)
    # What is no host's name might be read as another one by a proxy, or by the system.
    is_own = f".{host}".endswith(OWN_DOMAINS) and _HOST.fullmatch(host)
    return bool(origin(endpoint)[1] in PUBLIC_HOSTS and scheme == "https" and is_own)
