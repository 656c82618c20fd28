"""Routes of jobs: downloads that one request starts and others watch."""

from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.params import FromPath, HeaderParameter, JSONBody
from litestar.response import Response
from litestar.types import ASGIApp

from hfsvc.server.errors import recursion_error_response, refuse_other_bodies
from hfsvc.server.jobs import EventLog, JobEvent
from hfsvc.server.responses import Receive, Scope, Send, StreamedResponse
from hfsvc.server.routes.openapi import NO_CONTENT, error_responses, success_response
from hfsvc.server.schemas import DownloadOrder, Job
from hfsvc.server.state import AppStateDep

EVENT_STREAM = "text/event-stream"
BEAT_S = 10.0
LastEventId = Annotated[
    str | None, HeaderParameter(name="Last-Event-ID", description="Number of the event that was seen last.")
]


@post(
    "/api/jobs",
    guards=[refuse_other_bodies],
    responses={**error_responses(404, 413, 415), **success_response(Job)},
    exception_handlers={RecursionError: recursion_error_response},
)
async def start_job(app: AppStateDep, data: JSONBody[DownloadOrder], request: Request[Any, Any, Any]) -> Response[Job]:
    """Start to download a dataset, or to bring it up to date.

    While a job of the same order runs, that one is the answer, with 200: `Location` leads to it, too.
    """
    job, is_new = app.jobs.start(data)
    prefix = str(request.scope.get("hfsvc_prefix") or "").rstrip("/")
    return Response(job, status_code=201 if is_new else 200, headers={"Location": f"{prefix}/api/jobs/{job.id}"})


@get("/api/jobs", responses=error_responses())
async def list_jobs(app: AppStateDep) -> list[Job]:
    """Jobs, the oldest first: all that run, and those that ended last."""
    return list(app.jobs.all())


@get("/api/jobs/{job_id:str}", responses=error_responses(404))
async def get_job(app: AppStateDep, job_id: FromPath[str]) -> Job:
    """One job."""
    return app.jobs.get(job_id).job


@delete("/api/jobs/{job_id:str}", status_code=200, responses=error_responses(404))
async def cancel_job(app: AppStateDep, job_id: FromPath[str]) -> Job:
    """Stop a job; what it fetched is kept for the next one. One that has ended stays as it is."""
    return await app.jobs.cancel(job_id)


@get(
    "/api/jobs/{job_id:str}/events",
    responses={**error_responses(404), **success_response(str, EVENT_STREAM), 204: NO_CONTENT},
)
async def watch_job(app: AppStateDep, job_id: FromPath[str], last_event_id: LastEventId = None) -> ASGIApp:
    """The events of a job as Server-Sent Events, kept ones first; the last one is called ``ended``.

    A watcher that comes back after the last event is answered with 204, which tells browsers to stay away.
    """
    log = app.jobs.get(job_id).log
    seen = _number(last_event_id)
    if log.ended and seen >= log.last:
        return _no_content

    def events() -> AsyncGenerator[bytes, None]:
        return _watch(log, seen, closing=lambda: app.jobs.closing, beat_s=BEAT_S)

    return StreamedResponse(events, EVENT_STREAM, slots=app.watchers)


async def _no_content(_: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _number(last_event_id: str | None) -> int:
    """What a watcher has seen; from the beginning where it says nothing that can be meant."""
    text = last_event_id or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _as_server_sent(told: JobEvent) -> bytes:
    """An event as Server-Sent Events have it; its data is JSON, and so holds no line end. Pure."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (told.number, told.name.encode(), told.data)


async def _watch(
    log: EventLog, after: int, *, closing: Callable[[], bool], beat_s: float
) -> AsyncGenerator[bytes, None]:
    """Kept events after one, then new ones as they come, to the last one.

    Args:
        log: Of a job.
        after: Number of the event that was seen last; 0 for none.
        closing: True when the server stops: then the stream ends, and the watcher may come back.
        beat_s: Seconds of silence after which a comment is sent, so that it is noticed when nobody reads any more.
    """
    yield b": hfsvc\n\n"
    while not closing():
        told = log.since(after)
        for each in told:
            yield _as_server_sent(each)
            after = each.number
        if log.ended and after >= log.last:
            return
        if not told:
            await log.wait(beat_s)
            if log.last <= after:
                yield b": still here\n\n"
