"""Which request goes over which transport. The transports only note what they are told."""

from collections.abc import AsyncIterator

import httpx
import pytest

from hfsvc.hub.connection_per_request import KEEP_S, ConnectionPerRequest


class Body(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"content"


class Lane(httpx.AsyncBaseTransport):
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if request.url.path == "/broken":
            raise httpx.ReadError("broken")
        return httpx.Response(200, stream=Body())

    async def aclose(self) -> None:
        self.closed = True


class Stand:
    """ConnectionPerRequest over noting transports, with a clock that stands still."""

    def __init__(self) -> None:
        self.opened: list[Lane] = []
        self.now = 100.0
        self.lanes = ConnectionPerRequest(self._open, clock=lambda: self.now)

    def _open(self) -> Lane:
        self.opened.append(Lane())
        return self.opened[-1]

    async def ask(self, url: str) -> httpx.Response:
        response = await self.lanes.handle_async_request(httpx.Request("GET", url))
        response.request = httpx.Request("GET", url)
        return response

    def asked(self) -> list[list[str]]:
        return [lane.asked for lane in self.opened]


async def test_one_request_after_the_other_takes_the_same_lane() -> None:
    stand = Stand()
    for number in range(3):
        assert await (await stand.ask(f"https://h/{number}")).aread() == b"content"
    assert stand.asked() == [["https://h/0", "https://h/1", "https://h/2"]]


async def test_a_lane_is_taken_until_its_answer_is_closed() -> None:
    stand = Stand()
    first = await stand.ask("https://h/1")
    await stand.ask("https://h/2")
    await first.aclose()
    await first.aclose()
    await stand.ask("https://h/3")
    await stand.ask("https://h/4")
    assert stand.asked() == [["https://h/1", "https://h/3"], ["https://h/2"], ["https://h/4"]]


async def test_every_server_has_lanes_of_its_own() -> None:
    stand = Stand()
    for url in ("https://h/1", "https://cdn/2", "http://h/3", "https://h:8443/4", "https://cdn/5"):
        await (await stand.ask(url)).aclose()
    assert stand.asked() == [["https://h/1"], ["https://cdn/2", "https://cdn/5"], ["http://h/3"], ["https://h:8443/4"]]


async def test_a_request_that_failed_leaves_its_lane_to_others() -> None:
    stand = Stand()
    with pytest.raises(httpx.ReadError):
        await stand.ask("https://h/broken")
    await stand.ask("https://h/1")
    assert stand.asked() == [["https://h/broken", "https://h/1"]]


async def test_what_nobody_uses_is_closed_and_what_is_used_is_not() -> None:
    stand = Stand()
    for response in [await stand.ask(f"https://h/{number}") for number in range(3)]:
        await response.aclose()
    stand.now += KEEP_S
    busy = await stand.ask("https://h/busy")
    stand.now += 1
    await stand.ask("https://cdn/other")
    assert [lane.closed for lane in stand.opened] == [True, True, False, False]
    await busy.aclose()


async def test_closing_closes_every_lane() -> None:
    stand = Stand()
    first = await stand.ask("https://h/1")
    await (await stand.ask("https://h/2")).aclose()
    await stand.lanes.aclose()
    await first.aclose()
    assert [lane.closed for lane in stand.opened] == [True, True]
