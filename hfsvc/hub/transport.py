"""The httpx client that carries everything, and what keeps secrets out of its logs."""

import logging
import re
from http.cookiejar import DefaultCookiePolicy

import httpx

from hfsvc.errors import InvalidSettings
from hfsvc.settings import Settings

# Parts of httpx and httpcore log whole addresses (INFO) and headers (DEBUG); filters do not reach child loggers.
_CHATTY = ("httpx", *(f"httpcore{part}" for part in ("", ".connection", ".http11", ".http2", ".proxy", ".socks")))
_SECRETS = (
    # Up to the next blank: an address may hold quotes itself, as those of S3 and CloudFront do in a file's name.
    (re.compile(r"(https?://[^\s?]+)\?\S*"), r"\1?…"),
    (re.compile(r"(Bearer |hf_)[A-Za-z0-9._~+/=-]+"), r"\1…"),
)


def make_client(settings: Settings) -> httpx.AsyncClient:
    """A client for the Hub and its CDN: no cookies, no redirects of its own, proxies and CA files as httpx reads them."""
    try:
        client = httpx.AsyncClient(
            transport=_transport(settings),
            trust_env=settings.trust_env,
            follow_redirects=False,
            # How many connections there are is decided by who uses them.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=4 * settings.max_connections),
        )
    except (OSError, ValueError, ImportError) as error:
        # Not its text: a proxy's address may hold a password.
        reason = f"the proxies or the CA file that the environment names ({type(error).__name__})"
        raise InvalidSettings(setting="trust_env", reason=reason) from None
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


def _transport(settings: Settings) -> httpx.AsyncBaseTransport | None:
    """The fast one where it is asked for or installed; None for httpx's own."""
    if settings.transport == "httpx":
        return None
    try:
        from hfsvc.hub.fast import make_fast_transport
    except ImportError:
        if settings.transport == "fast":
            raise InvalidSettings(setting="transport", reason="pip install 'hfsvc[fast]' first") from None
        return None
    return make_fast_transport(settings)


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
