"""The httpx client that carries everything, and what keeps secrets out of its logs."""

import logging
import os
import re
import ssl
from collections.abc import Callable, Mapping
from functools import cache, partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final
from urllib.request import getproxies

import httpx
import sniffio

from hfsvc.hub import auto_transport
from hfsvc.hub.certificates import make_tls
from hfsvc.hub.connection_per_request import ConnectionPerRequest
from hfsvc.hub.proxies import Proxy, ProxySettings
from hfsvc.hub.sockets.socket_transport import SocketTransport
from hfsvc.hub.transport_errors import find_refused_certificate
from hfsvc.hub.urls import shown_origin
from hfsvc.settings import Settings

# Parts of httpx and httpcore log whole addresses (INFO) and headers (DEBUG); filters do not reach child loggers.
_CHATTY = ("httpx", *(f"httpcore{part}" for part in ("", ".connection", ".http11", ".http2", ".proxy", ".socks")))
_SECRETS = (
    # Up to the next blank: an address may hold quotes itself, as those of S3 and CloudFront do in a file's name.
    (re.compile(r"(https?://[^\s?]+)\?\S*"), r"\1?…"),
    (re.compile(r"(Bearer |hf_)[A-Za-z0-9._~+/=-]+"), r"\1…"),
)
# How many connections there are is decided by who uses them.
_UNLIMITED: Final = httpx.Limits()
_BARE: Final = {"stream": True, "auth": None, "follow_redirects": False}
_SOCKS_REFUSED: Final = "Proxy Server could not connect: "
_httpx_log = logging.getLogger("httpx")


class BareClient(httpx.AsyncClient):
    """Hands a request straight to its transport where nothing else is asked for.

    httpx builds the next request of every redirect, looks for cookies and runs an authorization also where none of it is
    wanted. For small files that is more work than their bytes.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        super().__init__(transport=transport, trust_env=False)
        self._bare = transport

    def build_request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
        """As httpx, which also puts an address and headers together of several parts."""
        if options.keys() != {"timeout"} or self.params or str(self.base_url):
            return super().build_request(method, url, **options)
        extensions = {"timeout": options["timeout"].as_dict()}
        return httpx.Request(method, url, headers=self.headers, extensions=extensions)

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """As httpx, which also says in its log what it sends, and tells its hooks."""
        watched = _httpx_log.isEnabledFor(logging.INFO) or any(self.event_hooks.values())
        if watched or self.is_closed or options != _BARE:
            return await super().send(request, **options)
        response = await self._bare.handle_async_request(request)
        response.request = request
        return response


class RoutedTransport(httpx.AsyncBaseTransport):
    """Sends each request through the proxy that holds for its address, or directly.

    Args:
        proxies: Says which one.
        open_transport: Makes the transport of one proxy, or the direct one.
    """

    def __init__(
        self, proxies: ProxySettings, open_transport: Callable[[Proxy | None], httpx.AsyncBaseTransport]
    ) -> None:
        self._proxies = proxies
        self._open_transport = open_transport
        self._transports: dict[Proxy | None, httpx.AsyncBaseTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        proxy = self._proxies.holding_for(str(request.url))
        if proxy not in self._transports:
            self._transports[proxy] = self._open_transport(proxy)
        try:
            return await self._transports[proxy].handle_async_request(request)
        except httpx.ConnectError as error:
            if proxy is None or find_refused_certificate(error):
                raise
            raise httpx.ProxyError(f"no connection to {_named(proxy)}", request=request) from None
        except httpx.ProxyError as error:
            before, _, why = str(error).partition(_SOCKS_REFUSED)
            if proxy is None or before or not why:
                raise
            raise httpx.ProxyError(f"{_named(proxy)}, could not connect: {why}", request=request) from None

    async def aclose(self) -> None:
        while self._transports:
            await self._transports.popitem()[1].aclose()


def _named(proxy: Proxy) -> str:
    return f"{shown_origin(proxy.url).partition('://')[2]}, which {proxy.variable} names"


def make_client(settings: Settings) -> httpx.AsyncClient:
    """A client for the Hub and its CDN: no cookies, no redirects of its own; proxies and CA files by the environment.

    What is wrong with a proxy, or with a CA file that the environment names, is told by the first request that needs it.
    """
    # Reading all authorities takes longer than a small download, and a Hub of one's own may need none.
    tls = cache(partial(make_tls, dict(os.environ) if settings.trust_env else {}))
    own = settings.transport == "auto" and auto_transport.auto == "sockets"
    open_transport = partial(_open_transport, tls, on_sockets=own and _on_asyncio())
    proxies = read_proxies(settings)
    transport = RoutedTransport(proxies, open_transport) if proxies.names_any else open_transport(None)
    # What records or patches httpx's own client finds nothing to patch in another one.
    bare = settings.transport != "auto" or own
    client = BareClient(transport) if bare else httpx.AsyncClient(transport=transport, trust_env=False)
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


def read_proxies(settings: Settings) -> ProxySettings:
    """What the environment says of proxies now, if it is to be read."""
    if not settings.trust_env:
        return ProxySettings({})
    system = {scheme: text for scheme, text in getproxies().items() if scheme in {"http", "https", "all"}}
    return ProxySettings(os.environ, system=system if not _names_proxies(os.environ) else None)


def _names_proxies(env: Mapping[str, str]) -> bool:
    return any(name.lower() in {"http_proxy", "https_proxy", "all_proxy"} for name in env)


def _open_transport(
    tls: Callable[[], ssl.SSLContext], proxy: Proxy | None, *, on_sockets: bool
) -> httpx.AsyncBaseTransport:
    if on_sockets and proxy is None:
        return SocketTransport(tls)
    # Its own context, for it may be reached by TLS itself.
    named = httpx.Proxy(proxy.url, ssl_context=tls() if proxy.url.startswith("https:") else None) if proxy else None
    return ConnectionPerRequest(lambda: httpx.AsyncHTTPTransport(verify=tls(), limits=_UNLIMITED, proxy=named))


def _on_asyncio() -> bool:
    try:
        return sniffio.current_async_library() == "asyncio"
    except sniffio.AsyncLibraryNotFoundError:
        # Nothing runs yet, and what most often runs is asyncio.
        return True


def redact(text: str) -> str:
    """The text without queries of addresses (they may be signed) and without tokens."""
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    return text


def hide_secrets() -> None:
    """Make the loggers of httpx and httpcore write no query and no token. May be called again."""
    for name in _CHATTY:
        logger = logging.getLogger(name)
        if _redact_record not in logger.filters:
            logger.addFilter(_redact_record)


def _redact_record(record: logging.LogRecord) -> bool:
    record.msg, record.args = redact(record.getMessage()), ()
    return True
