"""The OpenAPI description of responses and bodies, where handlers do not say it themselves."""

from typing import Any

from litestar import Request
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin

from hfsvc.server.schemas import DownloadOrder, ErrorAnswer, SessionOrder

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


class OpenApiPlugin(JsonRenderPlugin):
    """Renders the OpenAPI description as JSON, and says in it where unknown fields are refused."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        for order in (DownloadOrder, SessionOrder):
            openapi_schema["components"]["schemas"][order.__name__]["additionalProperties"] = False
        return super().render(request, openapi_schema)
