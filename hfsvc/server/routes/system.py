"""Routes of the server itself: sessions, health, metrics, and the files of its pages."""

from typing import Any, get_args

from litestar import MediaType, Request, get, post
from litestar.exceptions import NotAuthorizedException, NotFoundException
from litestar.params import FromPath, JSONBody
from litestar.response import Response

from hfsvc.models import FACETS, SUMMARY_FIELDS, LayoutName
from hfsvc.pages.files import index_page, load_files
from hfsvc.server.errors import recursion_error_response, refuse_other_bodies
from hfsvc.server.metrics import MetricFamily, as_prometheus, transfer_families
from hfsvc.server.middleware.conditional import has_tag
from hfsvc.server.routes.openapi import NO_CONTENT, error_responses
from hfsvc.server.schemas import Health, Readiness, SessionOrder
from hfsvc.server.state import AppStateDep

PROMETHEUS = "text/plain; version=0.0.4"
STATIC = {**load_files(), "index.html": index_page(fields=SUMMARY_FIELDS, facets=FACETS, layouts=get_args(LayoutName))}


@get("/", include_in_schema=False)
async def get_index(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The page."""
    return _static("index.html", request)


@get("/static/{name:str}", include_in_schema=False)
async def get_static(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """A file that the page needs."""
    return _static(name, request)


def _static(name: str, request: Request[Any, Any, Any]) -> Response[bytes]:
    found = STATIC.get(name)
    if found is None:
        raise NotFoundException
    headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
    if has_tag(request.scope, found.etag.strip('"')):
        return Response(b"", status_code=304, headers=headers, media_type=found.media_type)
    return Response(found.content, headers=headers, media_type=found.media_type)


@post(
    "/session",
    status_code=204,
    guards=[refuse_other_bodies],
    responses={**error_responses(413, 415), 204: NO_CONTENT},
    exception_handlers={RecursionError: recursion_error_response},
)
async def open_session(
    app: AppStateDep, data: JSONBody[SessionOrder], request: Request[Any, Any, Any]
) -> Response[None]:
    """Exchange the server's token, or a code that it gave, for a cookie that pages send by themselves."""
    access = app.access
    if access.token is None:
        return Response(None, status_code=204)
    if not (access.is_token(data.token or "") or app.codes.redeem(data.code or "")):
        raise NotAuthorizedException(
            "This is not the token of this server, nor a code that is still good.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    prefix = request.scope.get("hfsvc_prefix") or "/"
    secure = "; Secure" if request.scope["scheme"] == "https" else ""
    cookie = f"{access.cookie_name}={access.cookie_value}; Path={prefix}; HttpOnly; SameSite=Strict{secure}"
    return Response(None, status_code=204, headers={"Set-Cookie": cookie})


@get("/healthz", responses=error_responses())
async def is_alive() -> Health:
    """That the server answers at all."""
    return Health()


@get("/readyz", responses=error_responses())
async def is_ready(app: AppStateDep) -> Readiness:
    """That the server can read what is on disk."""
    return Readiness(datasets=len(await app.sources.here()))


@get("/metrics", media_type=MediaType.TEXT, responses=error_responses())
async def get_metrics(app: AppStateDep) -> Response[str]:
    """Counts in Prometheus' text format."""
    jobs = MetricFamily("hfsvc_jobs_running", "gauge", "Downloads under way.", {"": app.jobs.count("running")})
    families = [*app.counters.families(), jobs, *transfer_families(app.container.metrics())]
    return Response(as_prometheus(families), media_type=PROMETHEUS)
