"""Requests to the Hub and to where its content lies: who sees the token, what limits hold, what an answer means."""

import itertools
import logging
import platform
import random
import time
import uuid
from collections.abc import Callable
from copy import copy
from typing import Final, NamedTuple

import anyio
import httpx

from hfsvc import __version__
from hfsvc.aio.throttle import Throttle
from hfsvc.errors import (
    HfsvcError,
    InvalidArgument,
    InvalidSettings,
    NotAHub,
    Offline,
    RateLimited,
    TryLater,
    UnusableClient,
)
from hfsvc.hub.bodies import read_capped, read_whole
from hfsvc.hub.errors import (
    ErrorResponse,
    RequestContext,
    error_from_content_server,
    error_from_hub,
)
from hfsvc.hub.rate_limit import Bucket, Limiter, told_wait_s
from hfsvc.hub.redirects import redirect_target
from hfsvc.hub.transport import hide_secrets
from hfsvc.hub.transport_errors import error_from_transport
from hfsvc.hub.urls import (
    PUBLIC_HOSTS,
    across_prefix,
    origin,
    same_origin,
    shown_origin,
    without_query,
)
from hfsvc.metrics import MetricsRecorder, SharedCounts, count_retry
from hfsvc.secret import Secret
from hfsvc.settings import Settings
from hfsvc.transfer.progress import OnRetry
from hfsvc.transfer.retry import UNREACHED_ATTEMPTS, Meaning, RetryPolicy, meaning_of

logger = logging.getLogger(__name__)
MAX_HOPS: Final = 20
USER_AGENT: Final = f"hfsvc/{__version__}; python/{platform.python_version()}"


class ApiResponse(NamedTuple):
    """A whole answer of the API."""

    body: bytes
    headers: httpx.Headers


class HubRequest(NamedTuple):
    """A request that a session sends.

    Attributes:
        url: Of the Hub, or of where its content lies.
        context: What it is about.
        token: Goes along as far as the endpoint's origin reaches.
        bucket: Of the Hub's rate limits; None where nobody counts.
        content: Whether bytes of files are asked for: they come uncompressed, and may stall longer.
        located: Whether the Hub handed the address out as one of content: a refusal means the address, also where it is
            of the Hub's own origin.
        redirected: Whether a redirect led to the address.
        elsewhere: Whether it was not found on the other side of a mirror's path.
        byte_range: The ``Range`` header.
        storage_token: Goes along instead of `token`, to this address and no other: no redirect is followed with it.
    """

    url: str
    context: RequestContext
    token: Secret | None
    bucket: Bucket | None = None
    content: bool = False
    located: bool = False
    redirected: bool = False
    elsewhere: bool = False
    byte_range: str | None = None
    storage_token: Secret | None = None


class HubSession:
    """What all requests of a process share: the client, the settings, the rate limits.

    Args:
        http: Gives the client that serves the Hub and its CDN; asked at each request, and not before the first. The
            client's cookies, default authorization and redirect handling are not used.
        settings: Endpoint and timeouts.
        metrics: Told of requests to the Hub, and of waits that it asked for.
        throttle: Slows streams of content down.
        check_open: Raises where the session must not be used any more.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        http: Callable[[], httpx.AsyncClient],
        settings: Settings,
        *,
        metrics: MetricsRecorder,
        throttle: Throttle,
        check_open: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # Here and not where a client is made: one that was passed in logs addresses just the same.
        hide_secrets()
        self._http = http
        self._settings = settings
        self._metrics = metrics
        self._check_open = check_open
        self._clock = clock
        self._policy = RetryPolicy(settings.give_up_after_s, unreached_attempts=UNREACHED_ATTEMPTS)
        self.throttle = throttle
        self.limiter = Limiter()
        self.endpoint = settings.endpoint

    def counting_in(self, recorder: MetricsRecorder) -> "HubSession":
        """The same session, whose requests from now on are counted in `recorder` too."""
        other = copy(self)
        other._metrics = SharedCounts(self._metrics, recorder)
        return other

    async def call(
        self, url: str, context: RequestContext, *, token: Secret | None, on_retry: OnRetry | None = None
    ) -> ApiResponse:
        """Ask the API and read the whole answer, over renames and passing failures.

        Raises:
            HfsvcError: As `error_from_hub` and `error_from_transport` say, after the last try.
        """
        began, request = self._clock(), HubRequest(url, context, token, bucket="api")
        for failures in itertools.count(1):
            try:
                response = await self.request_following_redirects(request)
                return ApiResponse(await read_whole(response), response.headers)
            except TryLater as error:
                wait_s = self._policy.delay(error, failures, spent_s=self._clock() - began, jitter=random.random())
                if wait_s is None:
                    raise
                self._report_retry(error, failures, wait_s, on_retry)
            await anyio.sleep(wait_s)
        raise AssertionError("counting has no end")

    def _report_retry(self, error: TryLater, failures: int, wait_s: float, on_retry: OnRetry | None) -> None:
        count_retry(self._metrics, error)
        logger.debug("%s (request %s), try %d, again in %.1f s", error.brief(), error.request_id, failures, wait_s)
        if on_retry:
            on_retry(error, failures, wait_s)

    async def request_following_redirects(
        self, request: HubRequest, *, stop: Callable[[httpx.Response], bool] = lambda _: False
    ) -> httpx.Response:
        """Follow redirects to the first answer that is none, or for which `stop` holds. The body is not read yet.

        Raises:
            NotAHub: More than 20 hops, or one that leaves https.
            HfsvcError: The last answer is an error.
        """
        for _ in range(MAX_HOPS):
            response = await self.send(request)
            if not response.has_redirect_location or stop(response):
                return response
            await read_capped(response)
            target = redirect_target(request.url, response, self.endpoint)
            request = request._replace(url=target, redirected=True, storage_token=None)
        raise NotAHub(url=without_query(request.url), reason="it redirects for ever")

    async def send(self, request: HubRequest) -> httpx.Response:
        """Send one request and hand out its answer, body unread, unless it is an error."""
        url, bucket = request.url, request.bucket
        if self._settings.offline:
            raise Offline(wanted=request.context.repo)
        if bucket and same_origin(url, self.endpoint):
            await self._ready(bucket, url, token_set=request.token is not None)
        sent = self._build(request)
        self._metrics.add("requests")
        response = await self._answer(sent, url)
        _log_response(sent, response)
        if self.is_hub(url):
            self.limiter.observe(response.headers, self._clock())
        if response.status_code < 400:
            return response
        if _may_lie_elsewhere(response, request) and (other := across_prefix(url, self.endpoint)):
            await read_capped(response)
            return await self.send(request._replace(url=other, elsewhere=True))
        raise await self._error(response, request, token_sent="authorization" in sent.headers)

    async def _answer(self, sent: httpx.Request, url: str) -> httpx.Response:
        self._check_open()
        client = self._client()
        if client.is_closed:
            raise UnusableClient(reason="it is closed")
        try:
            return await client.send(sent, stream=True, auth=None, follow_redirects=False)
        except httpx.HTTPStatusError as error:
            # Of a hook of its owner's, which raises for a status: the answer is there all the same.
            return error.response
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            # The original may hold a signed address: it must not hang on as the cause.
            raise error_from_transport(error, url, sent.headers["x-request-id"]) from None

    def _client(self) -> httpx.AsyncClient:
        client: object = self._http()
        if not isinstance(client, httpx.AsyncClient):
            given = f"a {type(client).__module__}.{type(client).__qualname__}"
            raise InvalidArgument(name="http", given=given, reason="it must be an httpx.AsyncClient")
        return client

    def _build(self, request: HubRequest) -> httpx.Request:
        timeout = httpx.Timeout(
            self._settings.stall_timeout_s if request.content else self._settings.api_timeout_s,
            connect=self._settings.connect_timeout_s,
            pool=None,
        )
        try:
            client = self._client()
            built = client.build_request("GET", request.url, timeout=timeout)
            if client.params:
                # What a client adds of its own replaces a signed query.
                built.url = httpx.URL(request.url)
        except httpx.InvalidURL as error:
            raise error_from_transport(error, request.url) from None
        built.headers["user-agent"] = USER_AGENT
        # Not uuid4: asking the system for randomness lets every other thread in first.
        built.headers["x-request-id"] = str(uuid.UUID(int=random.getrandbits(128), version=4))
        # A compressed answer has no length and ignores ranges (observed 2026).
        built.headers["accept-encoding"] = "identity" if request.content else "gzip"
        if request.byte_range:
            built.headers["range"] = request.byte_range
        for name in ("cookie", "authorization"):
            built.headers.pop(name, None)
        if request.token and same_origin(request.url, self.endpoint):
            built.headers["authorization"] = f"Bearer {_checked(request.token)}"
        if request.storage_token:
            built.headers["authorization"] = f"Bearer {_checked(request.storage_token)}"
        return built

    async def _ready(self, bucket: Bucket, url: str, *, token_set: bool) -> None:
        while wait_s := self.limiter.delay_s(bucket, self._clock()):
            if wait_s > self._settings.give_up_after_s:
                raise RateLimited(url=without_query(url), retry_after_s=wait_s, token_sent=token_set)
            self._metrics.add("wait_seconds", wait_s)
            await anyio.sleep(wait_s)
        self._metrics.add("hub_requests")
        self.limiter.spend(bucket, self._clock())

    async def _error(self, response: httpx.Response, request: HubRequest, *, token_sent: bool) -> HfsvcError:
        retry_after_s = told_wait_s(response.headers)
        if Meaning.CROWDED in meaning_of(response.status_code) and request.bucket and retry_after_s:
            self.limiter.pause(request.bucket, retry_after_s, self._clock())
        body = await read_capped(response)
        answer = ErrorResponse(request.url, response.status_code, response.headers, body, retry_after_s)
        if request.bucket == "api" or (not request.located and self._speaks_as_hub(answer)):
            withheld_from = shown_origin(request.url) if request.token and not token_sent else None
            return error_from_hub(answer, request.context._replace(token_sent=token_sent, withheld_from=withheld_from))
        return error_from_content_server(answer)

    def _speaks_as_hub(self, answer: ErrorResponse) -> bool:
        # A mirror may send on to a Hub that nobody named, or straight to a server of content.
        # A private dataset is refused without a code; servers of content answer 403 and ask for no token.
        wants_token = answer.status == 401 and answer.headers.get("www-authenticate", "").lower().startswith("bearer")
        return self.is_hub(answer.url) or wants_token or bool(answer.headers.keys() & {"x-error-code", "x-repo-commit"})

    def is_hub(self, url: str) -> bool:
        """True when the address is the endpoint's, or the public Hub's to which a mirror may point."""
        return same_origin(url, self.endpoint) or origin(url)[1] in PUBLIC_HOSTS


def _may_lie_elsewhere(response: httpx.Response, request: HubRequest) -> bool:
    # What a mirror below a path calls `/x` is below it or beside it; on the wrong side, nobody knows it.
    unknown = response.status_code == 404 and "x-error-code" not in response.headers
    return unknown and (request.redirected or request.located) and not request.elsewhere


def _log_response(request: httpx.Request, response: httpx.Response) -> None:
    if not logger.isEnabledFor(logging.DEBUG):
        return
    # Only httpx's own transport tells which connection it took.
    stream = response.extensions.get("network_stream")
    address = stream.get_extra_info("client_addr") if stream else None
    logger.debug(
        "%s, %s: %d (request %s, from port %s)",
        without_query(str(request.url)),
        request.headers.get("range", "all of it"),
        response.status_code,
        request.headers["x-request-id"],
        address[1] if address else "unknown",
    )


def _checked(token: Secret) -> str:
    # What no header can carry would come out in the transport's own words, which quote it.
    text = token.reveal()
    if not text.isascii() or not text.isprintable():
        raise InvalidSettings(setting="token", reason="it holds characters that no token has")
    return text
