"""The httpx client that carries everything, and what keeps secrets out of its logs."""

import logging
import re
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final
from urllib.request import getproxies

import httpx

from hfsvc.errors import InvalidSettings
from hfsvc.hub.connection_per_request import ConnectionPerRequest
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
_httpx_log = logging.getLogger("httpx")


class BareClient(httpx.AsyncClient):
    """Hands a request straight to its transport where nothing else is asked for.

    httpx builds the next request of every redirect, looks for cookies and runs an authorization also where none of it is
    wanted. For small files that is more work than their bytes.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        super().__init__(transport=transport, trust_env=False)
        self._bare = transport

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """As httpx, which also says in its log what it sends, and tells its hooks."""
        watched = _httpx_log.isEnabledFor(logging.INFO) or any(self.event_hooks.values())
        if watched or self.is_closed or options != _BARE:
            return await super().send(request, **options)
        response = await self._bare.handle_async_request(request)
        response.request = request
        return response


def make_client(settings: Settings) -> httpx.AsyncClient:
    """A client for the Hub and its CDN: no cookies, no redirects of its own, proxies and CA files as httpx reads them."""
    try:
        client = _client(settings)
    except (OSError, ValueError, ImportError) as error:
        # Not its text: a proxy's address may hold a password.
        reason = f"the proxies or the CA file that the environment names ({type(error).__name__})"
        raise InvalidSettings(setting="trust_env", reason=reason) from None
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


def _client(settings: Settings) -> httpx.AsyncClient:
    if fast := _fast_transport(settings):
        return BareClient(fast)
    if settings.trust_env and getproxies().keys() - {"no"}:
        # Only httpx's own client knows which of its transports goes through which proxy.
        return httpx.AsyncClient(limits=_UNLIMITED)
    tls = httpx.create_ssl_context(trust_env=settings.trust_env)
    return BareClient(ConnectionPerRequest(lambda: httpx.AsyncHTTPTransport(verify=tls, limits=_UNLIMITED)))


def _fast_transport(settings: Settings) -> httpx.AsyncBaseTransport | None:
    """The fast one where it is asked for or installed; None for httpx's own."""
    if settings.transport == "httpx":
        return None
    try:
        from hfsvc.hub.fast import make_fast_transport
    except ImportError:
        if settings.transport == "fast":
            raise InvalidSettings(setting="transport", reason="pip install 'hfsvc[fast]' first") from None
        return None
    try:
        return make_fast_transport(settings)
    except RuntimeError:
        # Its threads do not live on in a forked child.
        return None


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
