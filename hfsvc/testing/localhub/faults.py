"""Faults of connections, statuses and headers, as values.

``hub.fault(Cut(after=1000), server="cdn", path="*.parquet", times=3)``
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hfsvc.testing.localhub.error_pages import HTML, PORTAL, XML, access_denied, html_page
from hfsvc.testing.localhub.fault_rules import Exchange
from hfsvc.testing.localhub.http_messages import Response, json_response, text_response

# ---- the connection -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cut:
    """The body ends after so many of its bytes, with FIN or, if `reset`, with RST.

    A reset may also take away bytes that the client has not read yet, as TCP does.
    """

    after: int
    reset: bool = False

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return _delivery(response, cut_after=self.after, reset=self.reset)


@dataclass(frozen=True, slots=True)
class HangUp:
    """The connection ends without any answer, with FIN or, if `reset`, with RST."""

    reset: bool = False

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return _delivery(response, instead=b"", reset=self.reset)


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are no HTTP come instead of the answer."""

    data: bytes = b"\x16\x03\x01 this is no HTTP\r\n\r\n"

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return _delivery(response, instead=self.data)


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing more comes until the hub's `release`: before the head, or after so many bytes of the body."""

    after: int | None = None

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return _delivery(response, stalled=True, stall_after=self.after)


@dataclass(frozen=True, slots=True)
class SlowConnection:
    """One connection of `every` that the server accepts (the last of them) carries all its bodies at `bytes_per_s`."""

    bytes_per_s: float
    every: int = 8

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return response if exchange.connection % self.every else _delivery(response, bytes_per_s=self.bytes_per_s)


def _delivery(response: Response, **changes: Any) -> Response:
    return replace(response, delivery=replace(response.delivery, **changes))


# ---- another status -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """Another answer: a page of 20 kB as edges send it, or JSON, XML or plain text that holds `message`."""

    status: int
    kind: Literal["html", "json", "xml", "text"] = "html"
    message: str = "Service error"
    headers: Mapping[str, str] = field(default_factory=dict)

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return self._body().adding(self.headers)

    def _body(self) -> Response:
        match self.kind:
            case "html":
                return text_response(html_page(self.message), self.status, HTML)
            case "xml":
                return text_response(access_denied(self.message), self.status, XML)
            case "json":
                return json_response({"error": self.message}, self.status)
        return text_response(self.message, self.status)


@dataclass(frozen=True, slots=True)
class TooManyRequests:
    """429, with `RateLimit` where `left` and `reset_s` are told, and with `Retry-After` where that is given."""

    left: int | None = None
    reset_s: int = 1
    retry_after: str | None = None
    kind: Literal["html", "json"] = "json"

    def apply(self, exchange: Exchange, response: Response) -> Response:
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        if self.left is not None:
            headers["RateLimit"] = f'"{exchange.record.bucket or "api"}";r={self.left};t={self.reset_s}'
        return Status(429, self.kind, "Too many requests", headers).apply(exchange, response)


@dataclass(frozen=True, slots=True)
class Missing:
    """A dangling entry: the listing names the file, and its content is not found."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        known = {"X-Repo-Commit": exchange.commit} if exchange.commit else {}
        codes = {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}
        return text_response("Entry not found", 404).adding({**codes, **known})


@dataclass(frozen=True, slots=True)
class TooManyConnections:
    """403 from the CDN for whoever asks for a file while `limit` other requests for it are under way."""

    limit: int

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return response if exchange.active <= self.limit else Status(403, "xml", "Too many").apply(exchange, response)


@dataclass(frozen=True, slots=True)
class CaptivePortal:
    """No Hub at all: a page that wants a click, with 200, whatever is asked."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return text_response(PORTAL, 200, HTML)


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect to an address, or with `keep_target` to the same path and query of another server."""

    location: str
    status: int = 302
    keep_target: bool = False

    def apply(self, exchange: Exchange, response: Response) -> Response:
        location = self.location + exchange.request.target if self.keep_target else self.location
        return text_response(f"Redirecting to {location}", self.status, Location=location)


def mirror_of(endpoint: str) -> Redirect:
    """What a mirror does that sends everybody to another Hub: an absolute 308."""
    return Redirect(endpoint, 308, keep_target=True)


# ---- headers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WithoutHeader:
    """A header is missing, such as ``X-Repo-Commit``."""

    name: str

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return response.without(self.name)


@dataclass(frozen=True, slots=True)
class WithHeader:
    """A header is added or replaced, such as ``Set-Cookie``."""

    name: str
    value: str

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return response.adding({self.name: self.value})


@dataclass(frozen=True, slots=True)
class ForeignLinks:
    """Next-page addresses name another origin, as a mirror's do that passes the Hub's answers on."""

    origin: str = "https://huggingface.co"

    def apply(self, exchange: Exchange, response: Response) -> Response:
        link = response.header("Link")
        if link is None or not link.startswith("<http"):
            return response
        path = link.split("/", 3)[3]
        return response.adding({"Link": f"<{self.origin}/{path}"})
