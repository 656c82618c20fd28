"""Bodies of requests that are refused before anybody reads what they say."""

from typing import Any

from litestar import Request
from litestar.response import Response

from hfsvc.server.errors import plain_document


def refuse_depth(_: Request[Any, Any, Any], __: RecursionError) -> Response[Any]:
    """What an operation answers to a body that is nested deeper than anything it takes."""
    document = plain_document("invalid_request", "The body is nested too deep.")
    return Response({"error": document}, status_code=400)
