"""The server around the routes of Hub and CDN: it records requests, lets faults change answers, delays and counts."""

import itertools
import threading
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

import anyio
import anyio.to_thread

from hfsvc.testing.localhub.fault_rules import Exchange, FaultRule
from hfsvc.testing.localhub.http_messages import Request, Response, Slice, text_response
from hfsvc.testing.localhub.records import Log, RecordedRequest, ServerName
from hfsvc.testing.localhub.repos import StoredFile


@dataclass(frozen=True, slots=True)
class RoutedResponse:
    """The response of a route, and the file and commit that it is about."""

    response: Response
    file: StoredFile | None = None
    commit: str | None = None


class Routes(Protocol):
    """The answers of one of the servers, before faults. They also tell the record what the request is about."""

    async def answer(self, request: Request, record: RecordedRequest) -> RoutedResponse: ...


@dataclass
class Shared:
    """State of both servers and the test's thread: the log, the rules, and a gate for what stalls."""

    log: Log = field(default_factory=Log)
    rules: list[FaultRule] = field(default_factory=list)
    stalled: int = 0
    connections: Counter[ServerName] = field(default_factory=Counter)
    _gate: anyio.Event = field(default_factory=anyio.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def firing(self, record: RecordedRequest) -> list[FaultRule]:
        """The rules that befall a request; they count it."""
        with self._lock:
            return [rule for rule in self.rules if rule.fires(record)]

    async def stall(self) -> None:
        """Return at the next release."""
        self.stalled += 1
        self.log.notify()
        try:
            await self._gate.wait()
        finally:
            self.stalled -= 1
            self.log.notify()

    def release(self) -> None:
        """Let all stalled answers go on; to be called on the server's event loop."""
        self._gate.set()
        self._gate = anyio.Event()


@dataclass
class FaultyServer:
    """The Hub or the CDN with faults in the way: takes requests, asks its routes, lets faults change the answer.

    Attributes:
        latency_s: Time before each answer.
        bytes_per_s: Pace of each body; None is as fast as it goes.
    """

    name: ServerName
    routes: Routes
    shared: Shared
    latency_s: float = 0
    bytes_per_s: float | None = None
    _active: Counter[str] = field(default_factory=Counter)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @asynccontextmanager
    async def exchange(self, request: Request, connection: int) -> AsyncIterator[Response]:
        """The answer to a request over a connection, recorded and with faults; lasts until it is delivered."""
        record = RecordedRequest(
            self.name, request.method, request.path, request.target, request.headers, request.range
        )
        self._active[request.path] += 1
        self.shared.log.add(record)
        try:
            await anyio.sleep(self.latency_s)
            response = await self._answer(request, record, connection)
            record.status = response.status
            yield replace(response, on_bytes=self._meter(record))
        finally:
            self._active[request.path] -= 1
            self.shared.log.notify()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[int]:
        """Counts a client's connection while it is open, and gives its number."""
        self._count_connection(1)
        try:
            yield next(self._numbers)
        finally:
            self._count_connection(-1)

    async def stall(self) -> None:
        """Return when stalled answers may go on."""
        await self.shared.stall()

    async def _answer(self, request: Request, record: RecordedRequest, connection: int) -> Response:
        try:
            answer = await self.routes.answer(request, record)
            exchange = Exchange(request, record, answer.file, answer.commit, self._active[request.path], connection)
            response = answer.response
            for rule in self.shared.firing(record):
                response = rule.fault.apply(exchange, response)
            if isinstance(response.body, Slice) and response.body.content.on_disk:
                await anyio.to_thread.run_sync(response.body.content.check)
        except Exception:  # a fault of the test's own may raise anything, and the test should see it
            return text_response(traceback.format_exc(), 500)
        return response

    def _meter(self, record: RecordedRequest) -> Callable[[int], None]:
        def count(sent: int) -> None:
            record.bytes_sent += sent
            self.shared.log.notify()

        return count

    def _count_connection(self, by: int) -> None:
        self.shared.connections[self.name] += by
        self.shared.log.notify()
