"""Requests, answers and the ranges in them, as values; nothing here touches a socket."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

import msgspec

from hfsvc.testing.localhub.stored_content import StoredContent

RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in. Header names are lower case; `target` is as sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def raw_path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)

    @property
    def range(self) -> tuple[int, int | None] | None:
        """What `Range` asks for: first byte and the one after the last; ``(-n, None)`` for the last n bytes."""
        found = RANGE.fullmatch(self.headers.get("range", "").strip())
        if not found or found[0] == "bytes=-":
            return None
        first, last = found.groups()
        if not first:
            return -int(last), None
        return int(first), int(last) + 1 if last else None

    def flag(self, name: str) -> bool:
        """True for ``name=true`` and ``name=1`` in the query."""
        return any(key == name and value.lower() in {"true", "1"} for key, value in self.query)


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes of a content from `start` to before `stop`."""

    content: StoredContent
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an answer leaves the server, where that is not the plain way.

    Attributes:
        cut_after: Hang up after so many bytes of the body.
        reset: Hang up with RST instead of FIN.
        stalled: Wait for the hub's release, before the head or (`stall_after`) after so many bytes of the body.
        instead: Send these bytes instead of the answer, then hang up.
        bytes_per_s: Pace of the body; None is the server's own.
    """

    cut_after: int | None = None
    reset: bool = False
    stalled: bool = False
    stall_after: int | None = None
    instead: bytes | None = None
    bytes_per_s: float | None = None


def _nothing(_: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `Content-Length` is added from the body unless a header says how the body ends."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Slice = b""
    delivery: Delivery = field(default=Delivery())
    on_bytes: Callable[[int], None] = _nothing

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def without(self, *names: str) -> "Response":
        """The answer without these headers."""
        dropped = {name.lower() for name in names}
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0].lower() not in dropped))

    def adding(self, headers: Mapping[str, str]) -> "Response":
        """The answer with more headers; one that is there already is replaced."""
        kept = self.without(*headers)
        return replace(kept, headers=(*kept.headers, *headers.items()))


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that holds JSON."""
    return Response(status, body=msgspec.json.encode(value)).adding({
        "Content-Type": "application/json; charset=utf-8",
        **(headers or {}),
    })


def text_response(text: str, status: int, kind: str = "text/plain; charset=utf-8", **headers: str) -> Response:
    """An answer that holds text; underscores in header names stand for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, body=text.encode()).adding({"Content-Type": kind, **named})


Satisfied = tuple[int, int] | None | Literal["unsatisfiable"]


def satisfy(asked: tuple[int, int | None] | None, size: int) -> Satisfied:
    """The part of a file that a range means; None for all of it."""
    if asked is None or (asked[1] is not None and asked[1] <= asked[0]):
        return None
    start = max(0, size + asked[0]) if asked[0] < 0 else asked[0]
    stop = size if asked[1] is None else min(asked[1], size)
    return (start, stop) if start < size else "unsatisfiable"


def content_response(request: Request, content: StoredContent, headers: Mapping[str, str]) -> Response:
    """200, 206 or 416 for a file, as its range asks (RFC 9110 §14)."""
    part = satisfy(request.range, content.size)
    if part == "unsatisfiable":
        return text_response("Range Not Satisfiable", 416, Content_Range=f"bytes */{content.size}")
    if part is None:
        return Response(200, body=Slice(content, 0, content.size)).adding({**headers, "Accept-Ranges": "bytes"})
    start, stop = part
    total = {"Accept-Ranges": "bytes", "Content-Range": f"bytes {start}-{stop - 1}/{content.size}"}
    return Response(206, body=Slice(content, start, stop)).adding({**headers, **total})
