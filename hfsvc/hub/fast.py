"""httpx requests over pyreqwest, a Rust client: several times the bytes a second for the same processor time.

Only what this project asks of a transport: GET and small bodies over HTTP/1.1. Redirects, decompression and cookies stay with the caller.
"""

import atexit
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, NamedTuple, cast

import httpx
from pyreqwest import exceptions
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.http import HeaderMap
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.response import Response

from hfsvc.settings import Settings

# Most specific first. A stream that breaks must end in an httpx error, or nobody resumes it.
_ERRORS: tuple[tuple[type[exceptions.PyreqwestError], type[httpx.RequestError]], ...] = (
    (exceptions.ConnectTimeoutError, httpx.ConnectTimeout),
    (exceptions.PoolTimeoutError, httpx.PoolTimeout),
    (exceptions.WriteTimeoutError, httpx.WriteTimeout),
    (exceptions.RequestTimeoutError, httpx.ReadTimeout),
    (exceptions.ConnectError, httpx.ConnectError),
    (exceptions.WriteError, httpx.WriteError),
    (exceptions.NetworkError, httpx.ReadError),
    (exceptions.DecodeError, httpx.RemoteProtocolError),
    (exceptions.PyreqwestError, httpx.RemoteProtocolError),
)

# What only a failure to connect has among its causes.
_CONNECTING = "client error (Connect)"
_UNTRUSTED = "invalid peer certificate"
_AFTER_CONNECTING: dict[type[httpx.RequestError], type[httpx.RequestError]] = {
    httpx.ConnectTimeout: httpx.ReadTimeout,
    httpx.ConnectError: httpx.ReadError,
}


class Timeouts(NamedTuple):
    """Seconds, or None for ever: for a connection, and for each read. None holds for a whole body, which may take its time."""

    connect: float | None = None
    read: float | None = None


def make_fast_transport(
    settings: Settings, proxy: str | None = None, certificates: Sequence[bytes] = ()
) -> "FastTransport":
    """A transport with the connections that `settings` names.

    Args:
        settings: Timeouts and connections.
        proxy: Its address; None to ask directly.
        certificates: Of authorities to trust beside the usual ones, in DER.
    """
    return FastTransport(lambda timeouts: _make_client(settings, timeouts, proxy, certificates))


def _make_client(settings: Settings, timeouts: Timeouts, proxy: str | None, certificates: Sequence[bytes]) -> Client:
    builder = (
        ClientBuilder()
        .follow_redirects(False)
        .referer(False)
        .gzip(False)
        .brotli(False)
        .zstd(False)
        .deflate(False)
        .default_cookie_store(False)
        .http1_only()
        .max_connections(None)
        .pool_max_idle_per_host(3 * settings.max_connections)
    )
    if timeouts.connect is not None:
        builder = builder.connect_timeout(timedelta(seconds=timeouts.connect))
    if timeouts.read is not None:
        builder = builder.read_timeout(timedelta(seconds=timeouts.read))
    for certificate in certificates:
        builder = builder.add_root_certificate_der(certificate)
    builder = builder.no_proxy()
    return (builder.proxy(ProxyBuilder.all(proxy)) if proxy else builder).build()


# Its threads hand results to Python. One that is just doing so when the interpreter begins to end would abort the process
# (seen with pyreqwest 0.15: exit code 134 after a refused connection); they are idle a moment later.
atexit.register(time.sleep, 0.1)


class FastTransport(httpx.AsyncBaseTransport):
    """httpx requests over pyreqwest.

    Args:
        make_client: Gives the client for some timeouts. A client has those of its own, so there is one for every kind of
            request.
    """

    def __init__(self, make_client: Callable[[Timeouts], Client]) -> None:
        self._make_client = make_client
        self._clients: dict[Timeouts, Client] | None = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = [(name, value) for name, value in request.headers.multi_items() if name.lower() != "host"]
        body = await request.aread()
        asked = request.extensions.get("timeout", {})
        timeouts = Timeouts(asked.get("connect"), asked.get("read"))
        # No name for the client here: the traceback of a cancelled request would keep it, and its connections, alive.
        builder = self.client_for(timeouts).request(request.method, str(request.url)).headers(headers)
        # Unbuffered and chunk by chunk: what was read ahead would be lost when the stream breaks.
        builder = builder.streamed_read_buffer_limit(0)
        if body:
            builder = builder.body_bytes(body)
        opened = builder.build_streamed()
        try:
            response = await opened.__aenter__()
        except exceptions.PyreqwestError as error:
            # The original's text may hold the whole address.
            raise _httpx_error(error, request) from None
        return httpx.Response(response.status, headers=_headers(response), stream=_Body(response, opened, request))

    def client_for(self, timeouts: Timeouts) -> Client:
        """The one client that has these timeouts."""
        if self._clients is None:
            raise RuntimeError("this transport is closed")
        if timeouts not in self._clients:
            self._clients[timeouts] = self._make_client(timeouts)
        return self._clients[timeouts]

    async def aclose(self) -> None:
        # Idle connections are closed only when nothing refers to their client any more.
        clients, self._clients = self._clients or {}, None
        while clients:
            await clients.popitem()[1].close()


class _Body(httpx.AsyncByteStream):
    def __init__(
        self, response: Response, opened: AbstractAsyncContextManager[Response], request: httpx.Request
    ) -> None:
        self._reader = response.body_reader
        self._opened: AbstractAsyncContextManager[Response] | None = opened
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while (chunk := await self._reader.read_chunk()) is not None:
                # As it is: a copy of every byte would cost more than the rest of this module.
                yield cast("bytes", memoryview(chunk))
        except exceptions.PyreqwestError as error:
            raise _httpx_error(error, self._request) from None

    async def aclose(self) -> None:
        if self._opened is not None:
            opened, self._opened = self._opened, None
            await opened.__aexit__(None, None, None)


def _headers(response: Response) -> list[tuple[str, str]]:
    found = response.headers
    try:
        return list(found.items())
    except ValueError:
        return [(name, value) for name in set(found.keys()) for value in _values(found, name)]


def _values(headers: HeaderMap, name: str) -> list[str]:
    # What is not ASCII, such as a file's name in Content-Disposition, pyreqwest does not hand out.
    try:
        return headers.getall(name)
    except ValueError:
        return []


def _httpx_error(error: exceptions.PyreqwestError, request: httpx.Request) -> httpx.RequestError:
    kind = next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))
    if not _is_connecting(error):
        # It calls whatever is late, or breaks, before the head a failure to connect.
        kind = _AFTER_CONNECTING.get(kind, kind)
    return kind("certificate verify failed" if _UNTRUSTED in _causes(error) else "", request=request)


def _is_connecting(error: exceptions.PyreqwestError) -> bool:
    return _CONNECTING in _causes(error)


def _causes(error: exceptions.PyreqwestError) -> set[str]:
    details: Mapping[str, Any] = getattr(error, "details", None) or {}
    return {str(cause.get("message")).partition(": ")[0] for cause in details.get("causes", ())}
