"""What a bad answer means: one place that turns status, error code and message into an error. Pure.

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
)
from hfsvc.hub.urls import without_query

DISABLED_MESSAGE = "Access to this resource is disabled."
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_LONGEST_QUOTE = 300


class Asked(NamedTuple):
    """What a request was about, for the sentence of its error."""

    repo: str
    revision: str | None = None
    path: str | None = None
    token_sent: bool = False


class Answer(NamedTuple):
    """The facts of a bad answer. `body` may be cut."""

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


def hub_fault(answer: Answer, asked: Asked) -> HfsvcError:
    """The error that a bad answer of the Hub itself means."""
    code = answer.headers.get("x-error-code")
    message = hub_message(answer)
    repo, request_id = asked.repo, answer.request_id
    if code == "RevisionNotFound":
        return RevisionNotFound(repo=repo, revision=asked.revision or "main", request_id=request_id)
    if code == "EntryNotFound":
        return FileNotFound(repo=repo, path=asked.path or "its listing", request_id=request_id)
    if code == "GatedRepo":
        return GatedDataset(repo=repo, reason=message, status=answer.status, request_id=request_id)
    if code == "RepoNotFound":
        return DatasetNotFound(repo=repo, token_sent=asked.token_sent, request_id=request_id)
    return _fault_of_status(answer, asked, message)


def _fault_of_status(answer: Answer, asked: Asked, message: str | None) -> HfsvcError:
    repo, status, request_id = asked.repo, answer.status, answer.request_id
    if message == DISABLED_MESSAGE or status == 403:
        return AccessDenied(repo=repo, reason=message, status=status, request_id=request_id)
    if status == 401 and not asked.token_sent:
        return DatasetNotFound(repo=repo, request_id=request_id)
    if status == 401:
        return AuthenticationRequired(repo=repo, reason=message, status=status, request_id=request_id)
    if status in {404, 410} and asked.path is not None:
        return FileNotFound(repo=repo, path=asked.path, request_id=request_id)
    return server_fault(answer)


def server_fault(answer: Answer) -> HfsvcError:
    """The error of an answer that tells nothing about the dataset: limits, overload, and what no Hub would say."""
    where = without_query(answer.url)
    if answer.status == 429:
        return RateLimited(url=where, status=429, retry_after_s=answer.retry_after_s, request_id=answer.request_id)
    if answer.status in RETRIED_STATUSES or answer.status >= 500:
        reason = f"it answered {answer.status}"
        return HubUnavailable(
            url=where,
            status=answer.status,
            reason=reason,
            retry_after_s=answer.retry_after_s,
            request_id=answer.request_id,
        )
    said = hub_message(answer)
    reason = f"it answered {answer.status}" + (f", {said!r}" if said else "")
    return NotAHub(url=where, status=answer.status, reason=reason, request_id=answer.request_id)


def cdn_fault(answer: Answer) -> HfsvcError:
    """The error of a bad answer from where the content lies.

    A 403 there means an expired or altered address, or one connection too many; never missing access.
    """
    if answer.status == 429:
        return server_fault(answer)
    reason = f"the server of its content answered {answer.status}"
    return HubUnavailable(
        url=without_query(answer.url),
        status=answer.status,
        reason=reason,
        retry_after_s=answer.retry_after_s,
        request_id=answer.request_id,
    )


def hub_message(answer: Answer) -> str | None:
    """The Hub's own words: ``X-Error-Message``, or the text in a JSON body, or a short plain text."""
    if message := answer.headers.get("x-error-message"):
        return message[:_LONGEST_QUOTE]
    kind = answer.headers.get("content-type", "")
    if "json" in kind:
        return _message_in_json(answer.body)
    if kind.startswith("text/plain") and len(answer.body) <= _LONGEST_QUOTE:
        return answer.body.decode("utf-8", "replace").strip() or None
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


def connection_fault(error: Exception, url: str, request_id: str | None = None) -> HfsvcError:
    """The error that a failure of the transport means. Its text never quotes the original, which may hold an address.

    `request_id` is what the request was sent with.
    """
    where = without_query(url)
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
