"""Errors of bad answers: the one place that turns status, error code and message into this project's error. Pure.

Source: the Hub's answers as observed in 2026. ``X-Error-Code`` counts first, then exact messages, then the status.
Bodies may be JSON, plain text, XML or pages of HTML, so only short texts are quoted.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from hfsvc.errors import (
    AccessDenied,
    AuthenticationRequired,
    DatasetNotFound,
    FileNotFound,
    GatedDataset,
    HfsvcError,
    HubUnavailable,
    NotAHub,
    RateLimited,
    RevisionNotFound,
    TooManyOpenFiles,
    is_out_of_files,
)
from hfsvc.hub.urls import without_query
from hfsvc.transfer.retry import Meaning, meaning_of

DISABLED_MESSAGE = "Access to this resource is disabled."
_LONGEST_QUOTE = 300


class RequestContext(NamedTuple):
    """What a request was about, for the sentence of its error."""

    repo: str
    revision: str | None = None
    path: str | None = None
    token_sent: bool = False


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
    if code == "GatedRepo":
        return GatedDataset(repo=repo, reason=message, status=response.status, request_id=request_id)
    if code == "RepoNotFound":
        return DatasetNotFound(repo=repo, token_sent=context.token_sent, request_id=request_id)
    return _error_from_status(response, context, message)


def _error_from_status(response: ErrorResponse, context: RequestContext, message: str | None) -> HfsvcError:
    repo, status, request_id = context.repo, response.status, response.request_id
    if message == DISABLED_MESSAGE or status == 403:
        return AccessDenied(repo=repo, reason=message, status=status, request_id=request_id)
    if status == 401 and not context.token_sent:
        return DatasetNotFound(repo=repo, request_id=request_id)
    if status == 401:
        return AuthenticationRequired(repo=repo, reason=message, status=status, request_id=request_id)
    if Meaning.GONE in meaning_of(status) and context.path is not None:
        return FileNotFound(repo=repo, path=context.path, request_id=request_id)
    return error_from_server(response)


def error_from_server(response: ErrorResponse) -> HfsvcError:
    """The error of an answer that tells nothing about the dataset: limits, overload, and what no Hub would say."""
    where = without_query(response.url)
    if Meaning.CROWDED in meaning_of(response.status):
        return RateLimited(
            url=where, status=response.status, retry_after_s=response.retry_after_s, request_id=response.request_id
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
    if Meaning.CROWDED in meaning_of(response.status):
        return error_from_server(response)
    reason = f"the server of its content answered {response.status}"
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
    if is_out_of_files(error):
        return TooManyOpenFiles(where=where)
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
        # Of a redirect: httpx looks at where it leads, even where it is told not to follow. The endpoint was checked.
        return NotAHub(url=where, reason="it names an address that cannot be asked")
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


# Most specific first: httpx's tree has timeouts and network errors below the same root.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ConnectTimeout, "no connection in time"),
    (httpx.PoolTimeout, "no free connection in time"),
    (httpx.TimeoutException, "no answer in time"),
    (httpx.ConnectError, "no connection{detail}"),
    (httpx.ProxyError, "the proxy refused"),
    (httpx.RemoteProtocolError, "the connection broke"),
    (httpx.NetworkError, "the connection broke"),
    (httpx.LocalProtocolError, "the request could not be sent"),
    (httpx.TooManyRedirects, "it redirects for ever"),
    (httpx.DecodingError, "its answer cannot be decoded"),
    (httpx.StreamError, "the connection broke"),
)
_HARMLESS_DETAIL = re.compile(r"[\w .,\[\]:'\-/]{1,120}")


def _detail(error: Exception) -> str:
    text = str(error)
    return f" ({text})" if _HARMLESS_DETAIL.fullmatch(text) and "://" not in text else ""
