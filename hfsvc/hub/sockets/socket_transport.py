"""httpx requests over sockets of asyncio: bodies come straight into the memory that their reader gets."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, Final

import httpx

from hfsvc.hub.sockets.addresses import connect
from hfsvc.hub.sockets.connection import Connection
from hfsvc.hub.sockets.pool import ConnectionPool, Origin
from hfsvc.hub.sockets.round_trip import RoundTrip

PORTS: Final = {"http": 80, "https": 443}


class SocketTransport(httpx.AsyncBaseTransport):
    """A transport for HTTP/1.1, on asyncio and what runs in its place.

    It asks no proxy; redirects, compression and cookies stay with the client. What its streams hand out are memoryviews of
    up to a megabyte, which nobody writes to again.

    Args:
        make_tls: Says which certificates are trusted; called when the first address with https comes. What it raises, that
            request raises.
    """

    def __init__(self, make_tls: Callable[[], ssl.SSLContext]) -> None:
        self._make_tls = make_tls
        self._pool = ConnectionPool()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        tls = self._make_tls()
        tls.set_alpn_protocols(["http/1.1"])
        return tls

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and give the answer, its body unread.

        Raises:
            httpx.TransportError: As httpx's own transport does; what it comes from is its ``__cause__``.
        """
        origin = _origin(request)
        await request.aread()
        try:
            return await self._ask(origin, request)
        except httpx.TransportError as error:
            error.request = request
            raise

    async def _ask(self, origin: Origin, request: httpx.Request) -> httpx.Response:
        timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        trip, connection = RoundTrip(request), self._pool.take(origin)
        if connection is not None:
            try:
                return await _trip(connection, trip, timeouts)
            except (httpx.ReadError, httpx.RemoteProtocolError):
                if not connection.was_stale or not trip.idempotent:
                    raise
                trip = RoundTrip(request)
        return await _trip(await self._connect(origin, timeouts.get("connect")), trip, timeouts)

    async def _connect(self, origin: Origin, timeout_s: float | None) -> Connection:
        tls: dict[str, Any] = {"ssl": self._tls, "server_hostname": origin.host} if origin.scheme == "https" else {}
        try:
            async with asyncio.timeout(timeout_s):
                sock = await connect(origin.host, origin.port)
                connection = await self._wrap(sock, origin, tls)
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time") from error
        except (OSError, UnicodeError, OverflowError) as error:
            raise httpx.ConnectError(_reason(error)) from error
        self._pool.hold(connection)
        return connection

    async def _wrap(self, sock: socket.socket, origin: Origin, tls: Mapping[str, Any]) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(partial(self._pool.make, origin), sock=sock, **tls)
        except BaseException:
            sock.close()
            raise
        return connection

    async def aclose(self) -> None:
        await self._pool.aclose()


async def _trip(connection: Connection, trip: RoundTrip, timeouts: dict[str, float | None]) -> httpx.Response:
    head, body = await connection.ask(trip, timeouts.get("read"))
    extensions = {
        "http_version": b"HTTP/" + head.http_version,
        "reason_phrase": head.reason,
        "network_stream": connection,
    }
    return httpx.Response(head.status_code, headers=head.headers.raw_items(), stream=body, extensions=extensions)


def _origin(request: httpx.Request) -> Origin:
    scheme = request.url.scheme
    if scheme not in PORTS:
        raise httpx.UnsupportedProtocol(f"Request URL has an unsupported protocol '{scheme}://'.", request=request)
    return Origin(scheme, request.url.raw_host.decode("ascii"), request.url.port or PORTS[scheme])


def _reason(error: Exception) -> str:
    if isinstance(error, (socket.gaierror, ssl.SSLError)):
        return str(error)
    # Of several addresses each has failed in a way of its own.
    return "All connection attempts failed"
