"""The routes of jobs: downloads that one request starts and others watch."""

from collections.abc import AsyncGenerator
from typing import Annotated

from litestar import delete, get, post
from litestar.params import FromPath, HeaderParameter, JSONBody
from litestar.types import ASGIApp

from hfsvc.server.asgi import Receive, Scope, Send, as_answer
from hfsvc.server.bodies import refuse_depth
from hfsvc.server.events import watch
from hfsvc.server.responses import StreamedAnswer
from hfsvc.server.routes.openapi import NOTHING, answering, failing
from hfsvc.server.schemas import DownloadOrder, Job
from hfsvc.server.state import Using

EVENT_STREAM = "text/event-stream"
BEAT_S = 10.0
LastEventId = Annotated[
    str | None, HeaderParameter(name="Last-Event-ID", description="Number of the event that was seen last.")
]


@post("/api/jobs", responses=failing(404, 413), exception_handlers={RecursionError: refuse_depth})
async def start_job(parts: Using, data: JSONBody[DownloadOrder]) -> Job:
    """Start to download a dataset, or to bring it up to date."""
    return parts.jobs.start(data)


@get("/api/jobs", responses=failing())
async def list_jobs(parts: Using) -> list[Job]:
    """Jobs, the oldest first: all that run, and those that ended last."""
    return list(parts.jobs.all())


@get("/api/jobs/{job_id:str}", responses=failing(404))
async def get_job(parts: Using, job_id: FromPath[str]) -> Job:
    """One job."""
    return parts.jobs.get(job_id).job


@delete("/api/jobs/{job_id:str}", status_code=200, responses=failing(404))
async def cancel_job(parts: Using, job_id: FromPath[str]) -> Job:
    """Stop a job; what it fetched is kept for the next one. One that has ended stays as it is."""
    return await parts.jobs.cancel(job_id)


@get("/api/jobs/{job_id:str}/events", responses={**failing(404), **answering(str, EVENT_STREAM), 204: NOTHING})
async def watch_job(parts: Using, job_id: FromPath[str], last_event_id: LastEventId = None) -> ASGIApp:
    """The events of a job as Server-Sent Events, kept ones first; the last one is called ``ended``.

    A watcher that comes back after the last event is answered with 204, which tells browsers to stay away.
    """
    log = parts.jobs.get(job_id).log
    seen = _number(last_event_id)
    if log.ended and seen >= log.last:
        return as_answer(_nothing_more)

    def events() -> AsyncGenerator[bytes, None]:
        return watch(log, seen, closing=lambda: parts.jobs.closing, beat_s=BEAT_S)

    return as_answer(StreamedAnswer(events, EVENT_STREAM, slots=parts.watchers))


async def _nothing_more(_: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _number(last_event_id: str | None) -> int:
    """What a watcher has seen; from the beginning where it says nothing that can be meant."""
    text = last_event_id or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
