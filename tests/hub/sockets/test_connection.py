"""A connection between one user and the next, turn by turn of the loop."""

import asyncio
from typing import Any

import httpx
import pytest

from hfsvc.hub.sockets.connection import Connection
from hfsvc.hub.sockets.incoming import IncomingBody
from hfsvc.hub.sockets.round_trip import RoundTrip

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Paper(asyncio.Transport):
    """A transport that goes nowhere: it notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def write(self, data: Any) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def get_write_buffer_size(self) -> int:
        return 0

    def resume_reading(self) -> None:
        pass


class Stand:
    """A connection on paper."""

    def __init__(self) -> None:
        self.freed = 0
        self.transport = Paper()
        self.connection = Connection(on_free=self._count, on_lost=lambda _: None)
        self.connection.connection_made(self.transport)

    def _count(self, _: Connection) -> None:
        self.freed += 1

    async def ask(self) -> IncomingBody:
        _, body = await self.connection.ask(RoundTrip(httpx.Request("GET", "http://h/x")), 5.0)
        return body

    def receive(self, data: bytes) -> None:
        self.connection.get_buffer(-1)[: len(data)] = data
        self.connection.buffer_updated(len(data))


async def begin(stand: Stand) -> "asyncio.Task[IncomingBody]":
    task = asyncio.create_task(stand.ask())
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("cancelled", [True, False])
async def test_who_has_an_answer_that_is_over_does_not_touch_the_next_ones(cancelled: bool) -> None:
    stand = Stand()
    first = await begin(stand)
    # It will ask before the first one wakes.
    second = asyncio.create_task(stand.ask())
    stand.receive(OK)
    assert stand.freed == 1
    if cancelled:
        first.cancel()
    await asyncio.wait([first])
    stand.receive(OK)
    assert [bytes(each) async for each in await second] == [b"ok"]
    assert (stand.freed, stand.transport.aborted) == (2, False)


async def test_what_comes_unasked_ends_the_connection() -> None:
    stand = Stand()
    stand.receive(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert stand.transport.aborted
    assert not stand.connection.is_usable
