"""HTTP responses to errors: a status by class, one JSON document, and nothing about the server's disk."""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers.base import BaseRouteHandler
from litestar.response import Response

from hfsvc.errors import (
    BadDocuments,
    BadParquet,
    BadRow,
    CursorMismatch,
    DatasetChanged,
    FixRequest,
    HfsvcError,
    InvalidTrajectory,
    NoAccess,
    NoSpace,
    NotFound,
    StoreLocked,
    TryLater,
)
from hfsvc.server.callers_words import in_callers_words
from hfsvc.settings import Settings

logger = logging.getLogger(__name__)
JSON = "application/json"
BODY = "body"
BODY_ARGUMENT = "data"
CODES = {
    400: "invalid_request",
    401: "wrong_token",
    404: "no_such_address",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}
HINTS = {
    400: "The server's api/openapi.json tells what it takes.",
    404: "The server's api/openapi.json tells all addresses. A slash inside a name is written %2F.",
    415: "Send JSON, and say so: Content-Type: application/json.",
}
UNEXPECTED = "The server failed in a way it should not; its log says more."
STATUSES: tuple[tuple[type[HfsvcError], HTTPStatus], ...] = (
    (FixRequest, HTTPStatus.BAD_REQUEST),
    (NotFound, HTTPStatus.NOT_FOUND),
    (NoAccess, HTTPStatus.FORBIDDEN),
    (TryLater, HTTPStatus.SERVICE_UNAVAILABLE),
    (CursorMismatch, HTTPStatus.CONFLICT),
    (DatasetChanged, HTTPStatus.CONFLICT),
    # What was asked for is there, and is nothing that can be read: the request is as wrong as the server is.
    (BadRow, HTTPStatus.UNPROCESSABLE_ENTITY),
    (BadParquet, HTTPStatus.UNPROCESSABLE_ENTITY),
    (BadDocuments, HTTPStatus.UNPROCESSABLE_ENTITY),
    (InvalidTrajectory, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NoSpace, HTTPStatus.INSUFFICIENT_STORAGE),
    (StoreLocked, HTTPStatus.SERVICE_UNAVAILABLE),
)


@dataclass(eq=False, kw_only=True)
class Busy(TryLater):
    """The server does as much of this as it may at once. Only answers hold it; no caller of the library meets it."""

    retry_after_s: float | None = 1.0
    what: str = "requests"

    def message(self) -> str:
        return f"The server is busy with other {self.what}: try again in a moment."


@dataclass(eq=False, kw_only=True)
class JobNotFound(NotFound):
    """No job has this id, or it ended long ago."""

    id: str

    def message(self) -> str:
        return f"There is no job {self.id!r}."


def http_status(error: HfsvcError) -> HTTPStatus:
    """The status that an error's class stands for; 500 where the server's own data or disk stands in the way."""
    if isinstance(error, CursorMismatch) and error.malformed:
        return HTTPStatus.BAD_REQUEST
    return next((status for kind, status in STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def error_document(code: str, message: str, *, retryable: bool = False, hint: str | None = None) -> dict[str, Any]:
    """The JSON of an error that has no class of its own."""
    return {"code": code, "message": message, "retryable": retryable, "retryAfter": None, "hint": hint}


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        # Nobody has one in a container.
        return None


class ErrorRenderer:
    """Renders errors for readers who must not learn where the server keeps things.

    Args:
        settings: Their folders are left out of what is said.
        folders: So are these.
    """

    def __init__(self, settings: Settings, folders: Iterable[Path] = ()) -> None:
        all_folders = (settings.root, settings.hf_cache, _home(), *folders)
        self._folders = _spellings(folder for folder in all_folders if folder is not None)

    def document(self, error: BaseException) -> dict[str, Any]:
        """An error as JSON, in the words of who asks over HTTP; one that is no `HfsvcError` is logged, and tells nothing."""
        return in_callers_words(self._document(error))

    def _document(self, error: BaseException) -> dict[str, Any]:
        if not isinstance(error, HfsvcError):
            logger.error("an answer failed", exc_info=error)
            return error_document("failed", UNEXPECTED)
        found = error.document()
        return found | {name: self.redact(found[name]) for name in ("message", "hint") if found[name]}

    def sentence(self, error: BaseException) -> str:
        """An error as one text, in the words of who runs the server."""
        found = self._document(error)
        return f"{found['message']} {found['hint']}" if found["hint"] else str(found["message"])

    def response(self, _: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        """An error as the response to a request; Litestar calls it."""
        status = http_status(error) if isinstance(error, HfsvcError) else 500
        document = self.document(error)
        wait = document["retryAfter"]
        headers = {} if wait is None else {"Retry-After": f"{max(1, wait):.0f}"}
        return Response({"error": document}, status_code=int(status), headers=headers)

    def redact(self, text: str) -> str:
        """A text without the server's folders; paths below them stay, relative."""
        for folder in self._folders:
            text = folder.sub(lambda found: "" if found[0].endswith("/") else "…", text)
        return text


class ToldFailures:
    """Says in the server's log why the socket cannot answer, once for each reason: its UI shows none of them."""

    def __init__(self) -> None:
        self._last = ""

    def tell(self, sentence: str) -> None:
        """Say why, unless that was said last."""
        if sentence != self._last:
            self._last = sentence
            logger.error("the Effuse socket cannot answer: %s", sentence)


def http_exception_response(_: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """The response where Litestar itself refuses: addresses, methods, parameters and bodies."""
    code = CODES.get(error.status_code, "failed")
    details = error.extra if isinstance(error.extra, list) else []
    sentences = [_sentence(str(each.get("key", BODY)), str(each.get("message"))) for each in details]
    said = "There is no such address." if error.status_code == 404 else error.detail.split("\n")[0]
    document = error_document(code, "; ".join([said, *sentences]), hint=HINTS.get(error.status_code))
    return Response({"error": document}, status_code=error.status_code, headers=_with_head(error.headers or {}))


def _sentence(key: str, message: str) -> str:
    """What is wrong with a parameter, or with the body."""
    # Litestar calls the body by its handler's argument, and says nothing but that where there is none.
    if key != BODY_ARGUMENT:
        return f"{key}: {message}"
    return f"{BODY}: it is empty, and an object is needed" if message == repr(key) else f"{BODY}: {message}"


def _with_head(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers of a refusal, which name ``HEAD`` where ``GET`` is allowed: the guard makes the one the other."""
    return {
        name: value.replace("GET", "GET, HEAD") if name.lower() == "allow" else value for name, value in headers.items()
    }


def refuse_other_bodies(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Refuse a body that says it is no JSON; Litestar calls it before the body is read.

    Raises:
        HTTPException: It is of another type.
    """
    kind = connection.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if kind != JSON and not kind.endswith("+json"):
        raise HTTPException(f"A body of the type {kind[:100]!r} is not taken.", status_code=415)


def recursion_error_response(_: Request[Any, Any, Any], __: RecursionError) -> Response[Any]:
    """The response to a body that is nested deeper than anything an operation takes."""
    document = error_document("invalid_request", "The body is nested too deep.")
    return Response({"error": document}, status_code=400)


def _spellings(folders: Iterable[Path]) -> list[re.Pattern[str]]:
    """Every folder as it is written and as it is on disk, inner ones first; a folder's name inside another is none."""
    written = {str(form) for folder in folders for form in (folder, folder.resolve()) if form != Path(form.anchor)}
    return [re.compile(rf"(?<![\w.-]){re.escape(each)}(?:/|(?![\w-]))") for each in sorted(written, key=len)[::-1]]
