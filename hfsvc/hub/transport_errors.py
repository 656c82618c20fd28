"""Errors of transports: what a connection, a proxy, a certificate or a stream that failed means in this project's. Pure."""

import re
import ssl

import httpx

from hfsvc.errors import (
    CertificateRefused,
    HfsvcError,
    HubUnavailable,
    NotAHub,
    ProxyRefused,
    TooManyOpenFiles,
    UnusableClient,
    is_out_of_files,
)
from hfsvc.hub.urls import shown_origin, without_query


def error_from_transport(error: Exception, url: str, request_id: str | None = None) -> HfsvcError:
    """The error that a failure of the transport means. Its text never quotes the original, which may hold an address.

    `request_id` is what the request was sent with.
    """
    where = without_query(url)
    if is_out_of_files(error):
        return TooManyOpenFiles(where=where)
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
        # Of a redirect: httpx looks at where it leads, even where it is told not to follow. The endpoint was checked.
        return NotAHub(url=where, reason="it names an address that cannot be asked")
    if isinstance(error, httpx.StreamError):
        # Of the programme, not of the connection: nobody can read twice, or after the end.
        return UnusableClient(reason=f"somebody else has read or closed its answer ({type(error).__name__})")
    if isinstance(error, httpx.LocalProtocolError) and "llegal header" in str(error):
        return UnusableClient(reason="it adds a header that no request may hold")
    if refused := find_refused_certificate(error):
        return CertificateRefused(url=where, host=shown_origin(url).partition("://")[2], reason=refused)
    if isinstance(error, httpx.ProxyError) and (status := _PROXY_STATUS.match(str(error))):
        return ProxyRefused(url=where, status=int(status[1]), request_id=request_id)
    if isinstance(error, httpx.ProxyError) and _SOCKS_LOGIN.match(str(error)):
        return ProxyRefused(url=where, status=407, reason="it does not take this login", request_id=request_id)
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return HubUnavailable(
                url=where,
                reason=reason.format(detail=_detail(error)),
                stalled=isinstance(error, (httpx.ReadTimeout, httpx.WriteTimeout)),
                request_id=request_id,
                unreached=isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)),
            )
    return HubUnavailable(url=where, reason=type(error).__name__, request_id=request_id)


def find_refused_certificate(error: BaseException | None) -> str | None:
    """Why a certificate was refused, and what to do, where that is what a failure comes from."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _advice(error.verify_code, error.verify_message)
        # httpcore hides what its own errors come from, and keeps it all the same.
        error = error.__cause__ or error.__context__
    return None


def _advice(code: int, said: str) -> str:
    detail = f" ({said.rstrip('.')})" if said else ""
    if code in _OUT_OF_DATE:
        return f"it is out of date{detail}; check this machine's clock"
    if code in _OTHER_NAME:
        return f"it is another server's{detail}"
    unknown = f"an authority signed it that is not known here{detail}"
    return f"{unknown}; set SSL_CERT_FILE to a file with that authority's certificate"


# OpenSSL's X509_V_ERR_ numbers.
_OUT_OF_DATE = {9, 10}
_OTHER_NAME = {62, 63, 64}
# Most specific first: httpx's tree has timeouts and network errors below the same root.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ConnectTimeout, "no connection in time"),
    (httpx.PoolTimeout, "no free connection in time"),
    (httpx.TimeoutException, "no answer in time"),
    (httpx.ConnectError, "no connection{detail}"),
    (httpx.ProxyError, "no way through the proxy{detail}"),
    (httpx.RemoteProtocolError, "the connection broke"),
    (httpx.NetworkError, "the connection broke"),
    (httpx.LocalProtocolError, "the request could not be sent"),
    (httpx.TooManyRedirects, "it redirects for ever"),
    (httpx.DecodingError, "its answer cannot be decoded"),
)
# What a proxy answers to CONNECT; another status may pass.
_PROXY_STATUS = re.compile(r"(4\d\d)\b")
# What httpcore says where a SOCKS proxy wants a login, or another one.
_SOCKS_LOGIN = re.compile(r"Invalid username/password|Requested \w")
_HARMLESS_DETAIL = re.compile(r"[\w .,\[\]:'\-/]{1,120}")


def _detail(error: Exception) -> str:
    text = str(error)
    return f" ({text})" if _HARMLESS_DETAIL.fullmatch(text) and "://" not in text else ""
