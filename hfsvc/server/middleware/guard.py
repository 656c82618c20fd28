"""ASGI middleware before the app: refuses what may not come in or is too much, and adds what every response carries."""

from collections.abc import Iterable, Mapping
from typing import Literal
from urllib.parse import quote, unquote_to_bytes

import msgspec

from hfsvc.server.errors import error_document
from hfsvc.server.limits import ServerLimits
from hfsvc.server.metrics import ServerCounters
from hfsvc.server.middleware.access import Refusal, RequestHead, ServerAccess, find_refusal, is_allowed_origin
from hfsvc.server.responses import App, Headers, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
EVERY_RESPONSE: Headers = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
SOCKET = "ws"
NO_SOCKET = Refusal(404, "no_such_address", "There is no socket at this address.")
BUSY = Refusal(503, "busy", "The server is busy with other requests: try again in a moment.")
REFUSED_WITH: Mapping[int, Headers] = {
    # What follows a request that cannot be told from its body is no request.
    400: [(b"connection", b"close")],
    401: [(b"www-authenticate", b"Bearer")],
    503: [(b"retry-after", b"1")],
}


class Guard:
    """ASGI middleware that lets requests through to the app behind it, or answers them itself.

    Args:
        app: Gets paths without the prefix it is mounted under, every segment percent-encoded.
        access: Who may come in.
        limits: How many at once.
        counters: Where it is counted.
    """

    def __init__(self, app: App, *, access: ServerAccess, limits: ServerLimits, counters: ServerCounters) -> None:
        self._app = app
        self._access = access
        self._limits = limits
        self._counters = counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._handle_http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._handle_websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _handle_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = read_head(scope)
        full = self._counters.requests >= self._limits.requests
        refusal = BUSY if full else find_refusal(head, self._access, self._limits)
        tell = self._with_headers(head.origin, send)
        if refusal is not None:
            self._counters.refused[refusal.code] += 1
            await _refuse(refusal, tell)
        elif head.preflight:
            await _answer_preflight(head, self._access, tell)
        elif head.method in {"GET", "HEAD"} and _is_bare_prefix(scope, head.prefix):
            await _redirect_into_prefix(scope, head.prefix, tell)
        else:
            self._counters.requests += 1
            try:
                await self._forward(_scope_inside(scope, head), receive, tell)
            finally:
                self._counters.requests -= 1

    async def _forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await _send_head(self._app, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _handle_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = read_head(scope)
        full = self._counters.sockets >= self._limits.sockets
        refusal = BUSY if full else find_refusal(head, self._access, self._limits)
        if refusal is None and head.path.strip("/") != SOCKET:
            refusal = NO_SOCKET
        if refusal is not None:
            self._counters.refused[refusal.code] += 1
            await _refuse_socket(refusal, scope, send)
            return
        self._counters.sockets += 1
        try:
            await self._app(_scope_inside(scope, head), receive, send)
        finally:
            self._counters.sockets -= 1

    def _with_headers(self, origin: str | None, send: Send) -> Send:
        """`send` that adds what every answer carries, and counts answers."""
        added = EVERY_RESPONSE + self._for_origin(origin)

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._counters.responses[message["status"]] += 1
                message["headers"] = [*message["headers"], *added, *_cache_control(message["headers"])]
            await send(message)

        return tell

    def _for_origin(self, origin: str | None) -> Headers:
        if not self._access.allow_origins:
            return []
        if origin is None or not is_allowed_origin(origin, self._access):
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", b"etag, hfsvc-row, hfsvc-matches, retry-after"),
        ]


def _cache_control(headers: Headers) -> Headers:
    """That nobody keeps an answer which does not say otherwise: it may be for one reader only, and old in a moment."""
    return [] if any(name.lower() == b"cache-control" for name, _ in headers) else [(b"cache-control", b"no-store")]


def read_head(scope: Scope) -> RequestHead:
    """What is judged of a request."""
    headers = _joined_values(scope["headers"])
    kind: Literal["http", "websocket"] = "http" if scope["type"] == "http" else "websocket"
    method = str(scope.get("method", "GET"))
    prefix = _prefix(scope)
    path = _path_inside(scope, prefix)
    return RequestHead(
        kind=kind,
        method=method,
        prefix=prefix,
        path=path,
        path_bytes=len(path),
        query_bytes=len(scope["query_string"]),
        host=headers.get("host"),
        origin=headers.get("origin"),
        authorization=headers.get("authorization"),
        cookies=_read_cookies(headers.get("cookie", "")),
        preflight=method == "OPTIONS" and "access-control-request-method" in headers,
        framed_twice="content-length" in headers and "transfer-encoding" in headers,
        site=headers.get("sec-fetch-site"),
        navigates=headers.get("sec-fetch-mode") == "navigate",
    )


def _joined_values(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        # Two of a kind are joined, and so no longer are what they should be.
        text = value.decode("latin-1")
        key = name.decode("latin-1").lower()
        found[key] = f"{found[key]}; {text}" if key in found else text
    return found


def _read_cookies(text: str) -> Mapping[str, str]:
    pairs = (pair.partition("=") for pair in text.split(";"))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def _path_inside(scope: Scope, prefix: str) -> str:
    """The path below what the app is mounted under, every segment percent-encoded in one way.

    The path that servers have decoded no longer tells a slash inside a segment from one between two.
    """
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    segments = raw.split(b"?")[0].split(b"/")
    path = "/".join(quote(unquote_to_bytes(segment), safe="") for segment in segments)
    return (path.removeprefix(prefix) or "/") if path == prefix or path.startswith(f"{prefix}/") else path


def _prefix(scope: Scope) -> str:
    """What the app is mounted under, percent-encoded: as hosts tell it, or cut it off the path without a word."""
    told = scope.get("root_path") or ""
    whole, path = unquote_to_bytes(scope.get("raw_path") or b"").rstrip(b"/"), scope["path"].rstrip("/").encode()
    cut = whole.removesuffix(path) if whole.endswith(path) else b""
    return quote(told.rstrip("/") or cut)


def _is_bare_prefix(scope: Scope, prefix: str) -> bool:
    """Whether the prefix itself is asked for: pages there would look for their files beside it, not below."""
    return bool(prefix) and unquote_to_bytes(scope.get("raw_path") or b"") == unquote_to_bytes(prefix)


async def _redirect_into_prefix(scope: Scope, prefix: str, send: Send) -> None:
    # Relative, since whoever stands before the server may have cut off a part of the prefix.
    place = prefix.rpartition("/")[2].encode() + b"/"
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    headers: Headers = [(b"location", place + query), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 308, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _scope_inside(scope: Scope, head: RequestHead) -> Scope:
    path = head.path
    return {**scope, "path": path, "raw_path": path.encode(), "root_path": "", "hfsvc_prefix": head.prefix}


async def _send_head(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Let the app answer GET, and send what comes before the body. Answers without an end are ended by it.

    Whoever asks for a head has left when it has come.
    """
    begun = False

    async def hear() -> Message:
        return {"type": "http.disconnect"} if begun else await receive()

    async def tell(message: Message) -> None:
        nonlocal begun
        if message["type"] == "http.response.start":
            begun = True
            await send(message)

    await app({**scope, "method": "GET"}, hear, tell)
    if begun:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def refusal_response(refusal: Refusal) -> tuple[Headers, bytes]:
    """The headers and the body of an answer that refuses. Pure."""
    document = error_document(refusal.code, refusal.message, retryable=refusal.status == 503)
    body = msgspec.json.encode({"error": document})
    headers: Headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return headers + REFUSED_WITH.get(refusal.status, []), body


async def _refuse(refusal: Refusal, send: Send) -> None:
    headers, body = refusal_response(refusal)
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _refuse_socket(refusal: Refusal, scope: Scope, send: Send) -> None:
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.code})
        return
    headers, body = refusal_response(refusal)
    headers = [*headers, *EVERY_RESPONSE, *_cache_control(headers)]
    await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body, "more_body": False})


async def _answer_preflight(head: RequestHead, access: ServerAccess, send: Send) -> None:
    """The answer to a browser that asks whether a page may ask."""
    headers: Headers = []
    if is_allowed_origin(head.origin, access):
        headers = [
            (b"access-control-allow-methods", b"GET, POST, DELETE"),
            (b"access-control-allow-headers", b"authorization, content-type, last-event-id"),
            (b"access-control-max-age", b"600"),
        ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
