"""The OpenAPI description of responses and bodies, where handlers do not say it themselves."""

from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin

from hfsvc.server.schemas import DownloadOrder, ErrorAnswer, SessionOrder

TAGS = {
    "datasets": "What is on disk, and what is known by name.",
    "jobs": "Downloads.",
    "trajectories": "Rows as ATIF documents, one or all; lists, searches and counts of them.",
    "server": "Sessions, health, metrics.",
}
SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "The server's token, where it asks for one."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "hfsvc-…",
        "description": "What `/session` gives for the token; its name differs between tokens.",
    },
}
HEADERS = {
    "Location": "Where the job is found.",
    "Hfsvc-Row": "Number of the row that was found.",
    "Hfsvc-Matches": "Rows that answer to the key.",
    "Hfsvc-Commit": "That the rows are of, where it is known.",
    "Hfsvc-Snapshot": "Stands for the commit and its files on disk; `commit` of a request takes it.",
    "ETag": "Stands for the answer, for `If-None-Match`; where the dataset is on disk.",
}
_OF_ROWS = ("Hfsvc-Commit", "Hfsvc-Snapshot", "ETag")
HEADERS_OF = {
    "start_job": ("Location",),
    "get_trajectory": ("Hfsvc-Row", "Hfsvc-Matches", *_OF_ROWS),
    "list_steps": ("Hfsvc-Row", "Hfsvc-Matches", *_OF_ROWS),
    "stream_trajectories": _OF_ROWS,
    "search_messages": _OF_ROWS[:2],
    "list_trajectories": ("ETag",),
    "list_facets": ("ETag",),
}
SUCCESSES = frozenset({"200", "201"})
NO_CONTENT = ResponseSpec(None, generate_examples=False, description="Success, without a body")


def error_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """The responses that are no success: those with these statuses, and those of every operation."""
    every = (400, 401, 403, 414, 500, 503)
    return {status: _error(status) for status in sorted({*every, *statuses})}


def _error(status: int) -> ResponseSpec:
    return ResponseSpec(ErrorAnswer, generate_examples=False, description=f"An error with status {status}")


def success_response(model: Any, media_type: str = "application/json") -> dict[int, ResponseSpec]:
    """The response of an operation whose body is written elsewhere."""
    return {200: ResponseSpec(model, generate_examples=False, description="Success", media_type=media_type)}


def operation_id(handler: HTTPRouteHandler, *_: Any) -> str:
    """What clients that are made of the description call an operation: as its handler."""
    return handler.handler_name


class OpenApiPlugin(JsonRenderPlugin):
    """Renders the OpenAPI description as JSON, with what frameworks do not say: tags, headers, tokens, closed bodies."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        openapi_schema["tags"] = [{"name": name, "description": about} for name, about in TAGS.items()]
        openapi_schema["security"] = [{name: []} for name in SECURITY] + [{}]
        openapi_schema["components"]["securitySchemes"] = SECURITY
        for path, operations in openapi_schema["paths"].items():
            for operation in operations.values():
                operation["tags"] = [_tag(path)]
                _describe_headers(operation)
        for order in (DownloadOrder, SessionOrder):
            openapi_schema["components"]["schemas"][order.__name__]["additionalProperties"] = False
        return super().render(request, openapi_schema)


def _tag(path: str) -> str:
    name = path.removeprefix("/api/").strip("/").partition("/")[0].partition(".")[0]
    return {"facets": "trajectories", "search": "trajectories", "totals": "trajectories", "sources": "datasets"}.get(
        name, name if name in TAGS else "server"
    )


def _describe_headers(operation: dict[str, Any]) -> None:
    for name in HEADERS_OF.get(operation["operationId"], ()):
        for status in SUCCESSES & operation["responses"].keys():
            operation["responses"][status].setdefault("headers", {})[name] = {
                "description": HEADERS[name],
                "schema": {"type": "string"},
            }
