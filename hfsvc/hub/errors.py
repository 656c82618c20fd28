"""Errors of bad answers: the one place that turns status, error code and message into this project's error. Pure.

Source: the Hub's answers as observed in 2026. ``X-Error-Code`` counts first, then exact messages, then the status.
Bodies may be JSON, plain text, XML or pages of HTML, so only short texts are quoted.
"""

import json
import re
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from hfsvc.errors import (
    AccessDenied,
    AuthenticationRequired,
    CertificateRefused,
    DatasetNotFound,
    FileNotFound,
    GatedDataset,
    HfsvcError,
    HubRefused,
    HubUnavailable,
    NotAHub,
    ProxyRefused,
    RateLimited,
    RevisionNotFound,
    UnusableClient,
)
from hfsvc.hub.urls import shown_origin, without_query
from hfsvc.transfer.retry import Meaning, meaning_of

_MARKS_OF_THE_HUB = ("x-error-code", "x-error-message", "x-repo-commit", "ratelimit")
DISABLED_MESSAGE = "Access to this resource is disabled."
_LONGEST_QUOTE = 300


class RequestContext(NamedTuple):
    """What a request was about, for the sentence of its error."""

    repo: str
    revision: str | None = None
    path: str | None = None
    token_sent: bool = False
    withheld_from: str | None = None


class ErrorResponse(NamedTuple):
    """The facts of a bad response. `body` may be cut."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    retry_after_s: float | None = None

    @property
    def request_id(self) -> str | None:
        """The id to tell the Hub's support."""
        names = ("x-request-id", "x-amzn-trace-id", "x-amz-cf-id")
        return next((self.headers[name] for name in names if name in self.headers), None)


def error_from_hub(response: ErrorResponse, context: RequestContext) -> HfsvcError:
    """The error that a bad answer of the Hub itself means."""
    code = response.headers.get("x-error-code")
    message = hub_message(response)
    repo, request_id = context.repo, response.request_id
    if code == "RevisionNotFound":
        return RevisionNotFound(repo=repo, revision=context.revision or "main", request_id=request_id)
    if code == "EntryNotFound":
        return FileNotFound(repo=repo, path=context.path or "its listing", request_id=request_id)
    token: dict[str, Any] = {
        "token_sent": context.token_sent,
        "withheld_from": context.withheld_from,
        "request_id": request_id,
    }
    if code == "GatedRepo":
        return GatedDataset(repo=repo, reason=message, status=response.status, **token)
    if code == "RepoNotFound":
        return DatasetNotFound(repo=repo, **token)
    return _error_from_status(response, context, message, token)


def _error_from_status(
    response: ErrorResponse, context: RequestContext, message: str | None, token: dict[str, Any]
) -> HfsvcError:
    repo, status = context.repo, response.status
    if message != DISABLED_MESSAGE and _is_proxys(response):
        return _refused_on_the_way(response)
    if message == DISABLED_MESSAGE or status == 403:
        return AccessDenied(repo=repo, reason=message, status=status, **token)
    if status == 401 and not context.token_sent:
        return DatasetNotFound(repo=repo, **token)
    if status == 401:
        return AuthenticationRequired(repo=repo, reason=message, status=status, **token)
    if Meaning.GONE in meaning_of(status) and context.path is not None:
        return FileNotFound(repo=repo, path=context.path, request_id=response.request_id)
    if status < 500 and Meaning.GONE not in meaning_of(status) and Meaning.PASSING not in meaning_of(status):
        return HubRefused(repo=repo, reason=message, status=status, **token)
    return error_from_server(response, token_sent=context.token_sent)


def _is_proxys(response: ErrorResponse) -> bool:
    """Whether somebody on the way answered: who wants a login of its own, or refuses with a page."""
    if response.status == 401:
        scheme = response.headers.get("www-authenticate", "bearer").split(maxsplit=1)[:1]
        return bool(scheme) and scheme[0].lower().rstrip(",") != "bearer"
    if response.status == 403:
        is_page = "html" in response.headers.get("content-type", "")
        return is_page and not any(name in response.headers for name in _MARKS_OF_THE_HUB)
    return response.status == 407


def _refused_on_the_way(response: ErrorResponse) -> ProxyRefused:
    return ProxyRefused(url=without_query(response.url), status=response.status, request_id=response.request_id)


def error_from_server(response: ErrorResponse, *, token_sent: bool = False) -> HfsvcError:
    """The error of an answer that tells nothing about the dataset: limits, overload, and what no Hub would say."""
    where = without_query(response.url)
    if Meaning.CROWDED in meaning_of(response.status):
        return RateLimited(
            url=where,
            status=response.status,
            retry_after_s=response.retry_after_s,
            request_id=response.request_id,
            token_sent=token_sent,
        )
    if Meaning.PASSING in meaning_of(response.status):
        reason = f"it answered {response.status}"
        return HubUnavailable(
            url=where,
            status=response.status,
            reason=reason,
            retry_after_s=response.retry_after_s,
            request_id=response.request_id,
        )
    said = hub_message(response)
    reason = f"it answered {response.status}" + (f", {said!r}" if said else "")
    return NotAHub(url=where, status=response.status, reason=reason, request_id=response.request_id)


def error_from_content_server(response: ErrorResponse) -> HfsvcError:
    """The error of a bad answer from where the content lies.

    A 403 there means an expired or altered address, or one connection too many; never missing access.
    """
    if response.status == 407:
        return _refused_on_the_way(response)
    if Meaning.CROWDED in meaning_of(response.status):
        return error_from_server(response)
    reason = f"the server of its content answered {response.status}"
    if _is_proxys(response):
        reason += " with a page, as a proxy or a filter does"
    return HubUnavailable(
        url=without_query(response.url),
        status=response.status,
        reason=reason,
        retry_after_s=response.retry_after_s,
        request_id=response.request_id,
    )


def hub_message(response: ErrorResponse) -> str | None:
    """The Hub's own words: ``X-Error-Message``, or the text in a JSON body, or a short plain text."""
    if message := response.headers.get("x-error-message"):
        return message[:_LONGEST_QUOTE]
    kind = response.headers.get("content-type", "")
    if "json" in kind:
        return _message_in_json(response.body)
    if kind.startswith("text/plain") and len(response.body) <= _LONGEST_QUOTE:
        return response.body.decode("utf-8", "replace").strip() or None
    return None


def _message_in_json(body: bytes) -> str | None:
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    found = document.get("error") or document.get("message") or document.get("error_description")
    if isinstance(found, list):
        found = "; ".join(str(each) for each in found)
    return str(found)[:_LONGEST_QUOTE] if found else None


def error_from_transport(error: Exception, url: str, request_id: str | None = None) -> HfsvcError:
    """The error that a failure of the transport means. Its text never quotes the original, which may hold an address.

    `request_id` is what the request was sent with.
    """
    where = without_query(url)
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
        # Of a redirect: httpx looks at where it leads, even where it is told not to follow. The endpoint was checked.
        return NotAHub(url=where, reason="it names an address that cannot be asked")
    if isinstance(error, httpx.StreamError):
        # Of the programme, not of the connection: nobody can read twice, or after the end.
        return UnusableClient(reason=f"somebody else has read or closed its answer ({type(error).__name__})")
    if refused := find_refused_certificate(error):
        return CertificateRefused(url=where, host=shown_origin(url).partition("://")[2], reason=refused)
    if isinstance(error, httpx.ProxyError) and (status := _PROXY_STATUS.match(str(error))):
        return ProxyRefused(url=where, status=int(status[1]), request_id=request_id)
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
        if str(error) == "certificate verify failed":
            return _advice(0, "")
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
    (httpx.ProxyError, "the proxy does not answer{detail}"),
    (httpx.RemoteProtocolError, "the connection broke"),
    (httpx.NetworkError, "the connection broke"),
    (httpx.LocalProtocolError, "the request could not be sent"),
    (httpx.TooManyRedirects, "it redirects for ever"),
    (httpx.DecodingError, "its answer cannot be decoded"),
)
# What a proxy answers to CONNECT; another status may pass.
_PROXY_STATUS = re.compile(r"(4\d\d)\b")
_HARMLESS_DETAIL = re.compile(r"[\w .,\[\]:'\-/]{1,120}")


def _detail(error: Exception) -> str:
    text = str(error)
    return f" ({text})" if _HARMLESS_DETAIL.fullmatch(text) and "://" not in text else ""
