"""Downloads as jobs: started by one request, watched and cancelled by others, alive as long as the app."""

import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import msgspec

from hfsvc.datasets.request import parse_request
from hfsvc.models import BytesReceived, DatasetRequest, Event
from hfsvc.protocols import DatasetService
from hfsvc.server.errors import Busy, ErrorRenderer, JobNotFound
from hfsvc.server.limits import ServerLimits
from hfsvc.server.open_sources import OpenSources
from hfsvc.server.schemas import (
    DatasetEntry,
    DownloadOrder,
    ErrorDocument,
    Job,
    JobState,
    encode_event,
    entry_of,
    progress_of,
)
from hfsvc.settings import Settings

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

logger = logging.getLogger(__name__)


class JobEvent(NamedTuple):
    """An event of a job. `number` counts from 1 over the job."""

    number: int
    name: str
    data: bytes


class EventLog:
    """The newest events of a job, for watchers that read at their own pace.

    Progress replaces the progress before it: what is lost first is what nobody needs.

    Args:
        kept: How many events are kept at most.

    Attributes:
        ended: True once nothing more is added.
        last: Number of the newest event; 0 before the first.
    """

    def __init__(self, kept: int) -> None:
        self.ended = False
        self.last = 0
        self._events: deque[JobEvent] = deque(maxlen=kept)
        self._changed = anyio.Event()

    def add(self, name: str, data: bytes, *, replaces: bool = False) -> None:
        """Add an event, and wake the watchers.

        Args:
            name: What kind of event it is.
            data: As JSON.
            replaces: Whether it stands for the newest one as well, if that is of the same kind.
        """
        if replaces and self._events and self._events[-1].name == name:
            self._events.pop()
        self.last += 1
        self._events.append(JobEvent(self.last, name, data))
        self.wake()

    def end(self, name: str, data: bytes) -> None:
        """Add the last event."""
        self.ended = True
        self.add(name, data)

    def wake(self) -> None:
        """Let watchers look again."""
        self._changed.set()
        self._changed = anyio.Event()

    def since(self, number: int) -> list[JobEvent]:
        """Kept events after one."""
        return [each for each in self._events if each.number > number]

    async def wait(self, timeout_s: float) -> None:
        """Wait until there may be something new, but not for longer than a time."""
        with anyio.move_on_after(timeout_s):
            await self._changed.wait()


class RunningJob:
    """A download under way: its job, what was asked for, its events, and the scope that cancels it."""

    def __init__(self, job: Job, request: DatasetRequest, alias: str | None, kept_events: int) -> None:
        self.job = job
        self.request = request
        self.alias = alias
        self.log = EventLog(kept_events)
        self.scope = anyio.CancelScope()

    def on_event(self, event: Event) -> None:
        """Keep what a download tells."""
        self.job = progress_of(self.job, event)
        name = type(event).__struct_config__.tag
        data = encode_event(event, self.alias)
        self.log.add(str(name), data, replaces=isinstance(event, BytesReceived))

    def end(self, state: JobState, *, dataset: DatasetEntry | None = None, error: ErrorDocument | None = None) -> None:
        """Say how it ended."""
        now = datetime.now(UTC)
        self.job = msgspec.structs.replace(self.job, state=state, ended_at=now, dataset=dataset, error=error)
        self.log.end("ended", msgspec.json.encode(self.job))


class Jobs:
    """All jobs of an app, the newest last: starts, finds, cancels and forgets them.

    Args:
        datasets: Does the work.
        sources: Know what datasets are called.
        limits: How many there may be.
        errors: How failures are told.
        settings: Those of the downloads.

    Attributes:
        closing: True once the server stops: streams of events end.
    """

    def __init__(
        self,
        datasets: DatasetService,
        sources: OpenSources,
        *,
        limits: ServerLimits,
        errors: ErrorRenderer,
        settings: Settings,
    ) -> None:
        self.closing = False
        self._datasets = datasets
        self._sources = sources
        self._limits = limits
        self._errors = errors
        self._settings = settings
        self._jobs: dict[str, RunningJob] = {}
        self._group: TaskGroup | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Where jobs live: at its end those that still run are cancelled, and what they fetched is kept.

        Raises:
            RuntimeError: It is open, for a lifespan was opened by the server and by its host.
        """
        if self._group is not None:
            raise RuntimeError("the lifespan of this app is open already: open it once, or let the server do it")
        self.closing = False
        async with anyio.create_task_group() as self._group:
            try:
                yield
            finally:
                self.close()
                self._group.cancel_scope.cancel()
                self._group = None

    def start(self, order: DownloadOrder) -> tuple[Job, bool]:
        """Start a download, or join the one of the same order that runs; tells whether it is a new one.

        Raises:
            Busy: Too many run, or the app is not up.
            UnknownSource: The name is no alias and no id.
            NotInStore: It is files of the user's own.
            InvalidRepoId, InvalidPattern: It cannot be understood.
        """
        request = self._request(order)
        if same := self._running(request):
            return same, False
        if self._group is None or self.count("running") >= self._limits.jobs:
            raise Busy(what="downloads")
        job = Job(
            id=secrets.token_hex(8),
            repo=request.repo,
            revision=order.revision,
            state="running",
            started_at=datetime.now(UTC),
        )
        running = self._jobs[job.id] = RunningJob(job, request, self._sources.alias(job.repo), self._limits.events)
        self._group.start_soon(self._run, running, request)
        self._forget_oldest()
        return job, True

    def get(self, job_id: str) -> RunningJob:
        """A job by its id.

        Raises:
            JobNotFound: There is none.
        """
        if job_id not in self._jobs:
            raise JobNotFound(id=job_id)
        return self._jobs[job_id]

    async def cancel(self, job_id: str) -> Job:
        """Stop a job that runs, and give it as it ended; one that has ended stays as it is.

        Raises:
            JobNotFound: There is none.
        """
        running = self.get(job_id)
        running.scope.cancel()
        while not running.log.ended:
            await running.log.wait(1)
        return running.job

    def all(self) -> tuple[Job, ...]:
        """All jobs, the oldest first."""
        return tuple(running.job for running in self._jobs.values())

    def count(self, state: JobState) -> int:
        """How many are in a state."""
        return sum(running.job.state == state for running in self._jobs.values())

    def close(self) -> None:
        """Let streams of events end."""
        self.closing = True
        for running in self._jobs.values():
            running.log.wake()

    def _running(self, request: DatasetRequest) -> Job | None:
        same = _without_case(request)
        jobs = (each.job for each in self._jobs.values() if _without_case(each.request) == same)
        return next((job for job in jobs if job.state == "running"), None)

    def _request(self, order: DownloadOrder) -> DatasetRequest:
        fields: dict[str, Any] = msgspec.structs.asdict(order) | {
            "repo": self._sources.stored_repo(order.repo, "downloaded")
        }
        request = DatasetRequest(**fields)
        parse_request(request, self._settings)  # raises for what no download can be made of
        return request

    async def _run(self, running: RunningJob, request: DatasetRequest) -> None:
        try:
            with running.scope:
                dataset = await self._datasets.download(request, on_event=running.on_event)
                running.end("finished", dataset=entry_of(dataset, running.alias))
        except Exception as error:
            running.end("failed", error=msgspec.convert(self._errors.document(error), ErrorDocument))
        finally:
            if running.job.state == "running":
                running.end("cancelled")

    def _forget_oldest(self) -> None:
        ended = [job_id for job_id, running in self._jobs.items() if running.job.state != "running"]
        for job_id in ended[: max(0, len(ended) - self._limits.kept_jobs)]:
            del self._jobs[job_id]


def _without_case(request: DatasetRequest) -> DatasetRequest:
    """An order as the Hub takes it, to which the case of ids is nothing."""
    return msgspec.structs.replace(request, repo=request.repo.casefold())
