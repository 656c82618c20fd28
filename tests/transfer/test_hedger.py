"""Ranges that lag and the streams that race them, between a source and a destination in memory."""

import asyncio

import anyio
import pytest
from anyio.lowlevel import checkpoint

from hfsvc.aio.clock import MONOTONIC
from hfsvc.errors import FileNotFound, HfsvcError, HubUnavailable, RangeRefused, RateLimited
from hfsvc.metrics import Counters
from hfsvc.models import ByteRange, Event, Retried
from hfsvc.settings import Settings
from hfsvc.transfer.downloader import Downloader
from hfsvc.transfer.progress import Progress
from tests.builders import noise
from tests.transfer.fakes import FakeDestination, FakeSource

BIG = noise(1000)


def nothing() -> None:
    return


class Race:
    """A download of 10 ranges of which the first one stops at byte 35 until `release`."""

    def __init__(self) -> None:
        self.source = FakeSource({"b": BIG})
        self.source.before_piece = self._hold
        self.source.on_open = self._count
        self.destination = FakeDestination()
        self.metrics = Counters()
        self.events: list[Event] = []
        self.release = anyio.Event()
        self.on_hedge = nothing
        self.hold_hedge = False

    async def _hold(self, number: int, at: int) -> None:
        if (number == 1 and at == 35) or (number == 11 and self.hold_hedge):
            await self.release.wait()
        await checkpoint()

    def _count(self, _: ByteRange | None) -> None:
        if len(self.source.opened) == 11:
            self.on_hedge()

    async def __call__(self) -> None:
        progress = Progress(self.events.append, self.metrics, clock=MONOTONIC)
        settings = Settings(chunk_bytes=100)
        with anyio.fail_after(30):
            await Downloader(
                self.source, self.destination, self.source.files(), settings=settings, progress=progress
            ).run()
        assert self.destination.accepted == {"b": BIG}
        assert self.source.streams == 0
        assert self.metrics.totals["bytes_received"] == len(BIG)


async def test_a_range_that_stops_is_brought_by_another_stream() -> None:
    race = Race()
    await race()
    assert race.source.opened[10:] == [("b", ByteRange(start=35, stop=100))]
    assert race.metrics.totals["hedges"] == 1
    assert not race.release.is_set()


async def test_a_range_that_goes_on_first_drops_the_other_stream() -> None:
    race = Race()
    race.hold_hedge = True
    race.on_hedge = race.release.set
    await race()
    assert len(race.source.opened) == 11


def error_of(kind: str) -> HfsvcError:
    return {
        "rate limit": RateLimited(retry_after_s=60),
        "long rate limit": RateLimited(retry_after_s=100_000),
        "refused": HubUnavailable(status=403),
        "gone": FileNotFound(repo="a/b", path="b"),
        "no range": RangeRefused(status=200),
        "no connection": HubUnavailable(reason="refused"),
    }[kind]


@pytest.mark.parametrize("kind", ["rate limit", "long rate limit", "refused", "gone", "no range", "no connection"])
async def test_a_stream_that_is_refused_before_it_is_ahead_is_nobodys_failure(kind: str) -> None:
    race = Race()

    def refuse() -> None:
        race.release.set()
        raise error_of(kind)

    race.on_hedge = refuse
    await race()
    assert not [event for event in race.events if isinstance(event, Retried)]


async def test_a_server_that_refuses_one_more_stream_is_asked_for_no_other() -> None:
    race = Race()
    refusals = 0

    def refuse(_: ByteRange | None) -> None:
        nonlocal refusals
        if len(race.source.opened) > 10:
            refusals += 1
            asyncio.get_running_loop().call_later(1.0, race.release.set)
            raise RateLimited

    race.source.on_open = refuse
    await race()
    assert refusals == 1


async def test_a_stream_that_breaks_once_it_is_ahead_goes_on_as_any_other_range() -> None:
    race = Race()
    real = race._hold

    async def hold(number: int, at: int) -> None:
        await real(number, at)
        if number == 11 and at == 21:
            raise HubUnavailable(reason="the connection broke")

    race.source.before_piece = hold
    await race()
    assert race.source.opened[10:] == [("b", ByteRange(start=35, stop=100)), ("b", ByteRange(start=56, stop=100))]
    assert len([event for event in race.events if isinstance(event, Retried)]) == 1


async def test_what_cancels_itself_is_an_error_and_no_end() -> None:
    race = Race()

    async def cancelled(number: int, _: int) -> None:
        if number == 3:
            raise asyncio.CancelledError

    race.source.before_piece = cancelled
    with pytest.raises(HubUnavailable, match="cancelled"):
        await race()


async def test_a_stream_that_makes_a_cancellation_of_its_own_is_dropped_all_the_same() -> None:
    race = Race()

    async def hold(number: int, at: int) -> None:
        try:
            await Race._hold(race, number, at)
        except asyncio.CancelledError:
            raise asyncio.CancelledError("another one") from None

    race.source.before_piece = hold
    await race()
