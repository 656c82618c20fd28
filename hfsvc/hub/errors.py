"""Errors of bad answers: the one place that turns status, error code and message into this project's error. Pure.

Source: the Hub's answers as observed in 2026. ``X-Error-Code`` counts first, then exact messages, then the status.
Bodies may be JSON, plain text, XML or pages of HTML, so only short texts are quoted.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from hfsvc.errors import (
    AccessDenied,
    AuthenticationRequired,
    ConversionNotReady,
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
)
from hfsvc.hub.urls import without_query
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
    if code == "ResponseNotReady":
        return ConversionNotReady(repo=repo, reason="the Hub is still making it", request_id=request_id)
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
