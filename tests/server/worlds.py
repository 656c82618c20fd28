"""Servers as tests run them: over fakes, in this process, on a socket of their own where that matters."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import anyio
import httpx
from dependency_injector import providers

from hfsvc import Settings, atif, open_container
from hfsvc.models import (
    BytesReceived,
    DatasetRequest,
    DownloadedDataset,
    OnEvent,
    SummaryField,
    SummaryPage,
    TrajectoryRow,
    ValueCounts,
)
from hfsvc.protocols import DatasetService, RowStream, TrajectorySource
from hfsvc.server import ServerAccess, ServerApp, ServerLimits, create_app
from hfsvc.server.runner.uvicorn import address_of, bind, serve
from hfsvc.testing import FakeDatasetService, FakeTrajectorySource
from hfsvc.trajectories.row_stream import CountedStream, StreamTally

REPO = "acme/notes"
OTHER = "acme/other"
WAIT_S = 30


def trajectory(task: str = "task", *, steps: int = 1, message: str = "list files", **extra: Any) -> atif.Trajectory:
    """A document as the fake source holds it."""
    made = [atif.Step(step_id=number + 1, source="user", message=message) for number in range(steps)]
    return atif.Trajectory(
        schema_version="ATIF-v1.4",
        session_id=f"s-{task}",
        agent=atif.Agent(name="me", version="1"),
        steps=made,
        extra={"task": task, **extra},
    )


class Counted(FakeTrajectorySource):
    """A source that knows how many rows were taken from it, and how many of its streams are still open."""

    def __init__(self, trajectories: Sequence[atif.Trajectory | None], **settings: Any) -> None:
        super().__init__(trajectories, **settings)
        self.given = 0
        self.streams = 0

    def stream_rows(self, **where: Any) -> RowStream[TrajectoryRow]:
        return CountedStream(self._counted(super().stream_rows(**where)), StreamTally())

    async def _counted(self, rows: RowStream[TrajectoryRow]) -> AsyncGenerator[TrajectoryRow, None]:
        self.streams += 1
        try:
            async for row in rows:
                self.given += 1
                yield row
        finally:
            await rows.aclose()
            self.streams -= 1


class Crowded(FakeTrajectorySource):
    """A source that knows how many looked over its rows at the same time.

    Attributes:
        most: At most so many.
    """

    def __init__(self, trajectories: Sequence[atif.Trajectory | None]) -> None:
        super().__init__(trajectories)
        self.most = 0
        self._now = 0

    @asynccontextmanager
    async def _looking(self) -> AsyncIterator[None]:
        self._now += 1
        self.most = max(self.most, self._now)
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        yield
        self._now -= 1

    async def list_summaries(self, offset: int, limit: int, query: str | None = None) -> SummaryPage:
        async with self._looking():
            return await super().list_summaries(offset, limit, query)

    async def count_values(self, field: SummaryField, query: str | None = None, *, limit: int = 100) -> ValueCounts:
        async with self._looking():
            return await super().count_values(field, query, limit=limit)


class Waiting(FakeTrajectorySource):
    """A source that never comes to an end with counting."""

    async def count(self, *, where: str | None = None) -> int:
        await anyio.sleep_forever()
        raise AssertionError


class Held(FakeDatasetService):
    """Downloads that go on when they are told to.

    Attributes:
        go_on: Lets downloads end.
        begun: Downloads that were begun and have neither ended nor been cancelled.
        tell: What the newest download tells its listener with.
    """

    def __init__(self, root: Path, datasets: Any = None) -> None:
        super().__init__(root, datasets)
        self.go_on = anyio.Event()
        self.begun = 0
        self.tell: OnEvent = lambda _: None

    async def download(self, request: DatasetRequest, *, on_event: OnEvent | None = None) -> DownloadedDataset:
        self.tell = on_event or self.tell
        self.begun += 1
        try:
            self.tell(BytesReceived(received=1, total=100))
            await self.go_on.wait()
            return await super().download(request, on_event=on_event)
        finally:
            self.begun -= 1


class World(NamedTuple):
    """A server and a client of it."""

    app: ServerApp
    client: httpx.AsyncClient
    address: str


def contents() -> dict[str, dict[str, bytes]]:
    return {REPO: {"data/a.parquet": b"a" * 100, "notes.md": b"hello"}, OTHER: {"b.parquet": b"b" * 50}}


@asynccontextmanager
async def open_app(
    root: Path,
    *,
    source: TrajectorySource | Callable[..., TrajectorySource] | None = None,
    datasets: DatasetService | None = None,
    access: ServerAccess | None = None,
    limits: ServerLimits | None = None,
) -> AsyncIterator[ServerApp]:
    """An app over fakes, its lifespan not yet open. A source may be made by what takes its options."""
    source = source or FakeTrajectorySource([trajectory()])
    parts: dict[str, providers.Provider[Any]] = {
        "source": providers.Callable(source) if callable(source) else providers.Object(source),
        "datasets": providers.Object(datasets or FakeDatasetService(root, contents())),
    }
    async with open_container(Settings(root=root), **parts) as container:
        yield create_app(container, access=access, limits=limits)


@asynccontextmanager
async def open_world(root: Path, **settings: Any) -> AsyncIterator[World]:
    """A server without a socket: requests go straight to the app."""
    async with open_app(root, **settings) as app, app.lifespan():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=WAIT_S) as client:
            yield World(app, client, "http://localhost/")


@asynccontextmanager
async def serving(app: ServerApp, limits: ServerLimits | None = None) -> AsyncIterator[str]:
    """The app on a socket; gives its address."""
    bound = bind("127.0.0.1", 0)
    address = address_of(bound)
    running = asyncio.ensure_future(serve(app, bound, limits=limits))
    try:
        yield address
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@asynccontextmanager
async def open_served_world(root: Path, *, limits: ServerLimits | None = None, **settings: Any) -> AsyncIterator[World]:
    """A server on a socket."""
    async with (
        open_app(root, limits=limits, **settings) as app,
        serving(app, limits) as address,
        httpx.AsyncClient(base_url=address, timeout=WAIT_S, trust_env=False) as client,
    ):
        yield World(app, client, address)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that nobody tells of."""
    for _ in range(WAIT_S * 200):
        if condition():
            return
        await anyio.sleep(0.005)
    raise AssertionError("it did not come about")


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """The document of an answer that is no success."""
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert document.keys() == {"error"}
    found: dict[str, Any] = document["error"]
    assert found.keys() == {"code", "message", "retryable", "retryAfter", "hint"}
    return found


async def download(datasets: FakeDatasetService, repo: str = REPO, include: str = "**") -> None:
    """Bring a dataset of a fake onto disk."""
    await datasets.download(DatasetRequest(repo=repo, include=(include,)))


def dataset_path(repo: str, rest: str = "") -> str:
    """Where a dataset answers, and what lies below it."""
    return f"/api/datasets/{quote(repo, safe='')}{rest}"
