"""A stream and the one that races it: who ends whom, and which bytes are whose."""

from collections.abc import AsyncIterator

import anyio
import pytest
from anyio.lowlevel import checkpoint

from hfsvc.errors import HubUnavailable
from hfsvc.models import ByteRange, RemoteFile
from hfsvc.transfer.file_transfer import FileTransfer, RangeStream
from hfsvc.transfer.locations import FileLocation
from hfsvc.transfer.ranges import RangeSet
from hfsvc.transfer.retry_controller import Cooldown
from tests.builders import noise, sha256
from tests.transfer.fakes import FakeClock, FakePart, FakeSource

CONTENT = noise(100)


def nothing(_: FileTransfer, __: int) -> None:
    return


@pytest.fixture
def transfer() -> FileTransfer:
    file, source = RemoteFile(path="b", size=100, checksum=sha256(CONTENT)), FakeSource({"b": CONTENT})
    location = FileLocation(source, file, Cooldown(FakeClock()), None)
    part = FakePart(bytearray(100), sha256(CONTENT), RangeSet())
    return FileTransfer(file, part, location, hedges=1, now=0.0)


@pytest.fixture
def stream(transfer: FileTransfer) -> RangeStream:
    return RangeStream("a/b", transfer, ByteRange(start=0, stop=100), on_received=nothing, clock=FakeClock())


async def chunks(*stops: int) -> AsyncIterator[bytes]:
    start = 0
    for stop in stops:
        await checkpoint()
        yield CONTENT[start:stop]
        start = stop
    await anyio.sleep_forever()


async def test_a_stream_that_is_cut_where_it_is_ends_with_all_it_brought(
    transfer: FileTransfer, stream: RangeStream
) -> None:
    async def cut() -> None:
        while stream.reached < 40:
            await checkpoint()
        stream.cut(40)

    async with anyio.create_task_group() as group:
        group.start_soon(cut)
        with transfer.streaming(stream):
            await stream.write(chunks(20, 40))
    assert list(transfer.part.received) == [ByteRange(start=0, stop=40)]
    assert stream.is_complete
    assert transfer.streams == []
    assert list(transfer.paces) == []


async def test_a_stream_that_is_cut_ahead_of_it_brings_what_is_left_to_it_and_no_more(
    transfer: FileTransfer, stream: RangeStream
) -> None:
    with transfer.streaming(stream):
        stream.cut(30)
        await stream.write(chunks(20, 40))
    assert list(transfer.part.received) == [ByteRange(start=0, stop=30)]


async def test_a_stream_that_fails_ends_its_race(transfer: FileTransfer, stream: RangeStream) -> None:
    ended = anyio.Event()

    async def race() -> None:
        while not transfer.streams:
            await checkpoint()
        with stream.raced():
            await anyio.sleep_forever()
        ended.set()

    async def fail() -> None:
        with transfer.streaming(stream):
            while not transfer.is_racing:
                await checkpoint()
            raise HubUnavailable

    async with anyio.create_task_group() as group:
        group.start_soon(race)
        with pytest.raises(HubUnavailable):
            await fail()
        assert not stream.is_raced
        await ended.wait()


async def test_a_stream_that_has_ended_is_raced_by_nobody(transfer: FileTransfer, stream: RangeStream) -> None:
    with transfer.streaming(stream):
        pass
    with stream.raced():
        assert not stream.is_raced
        await anyio.sleep_forever()


async def test_a_stream_whose_race_is_over_can_be_raced_again(transfer: FileTransfer, stream: RangeStream) -> None:
    with transfer.streaming(stream), stream.raced():
        stream.cut(50)
        assert not stream.is_raced
        with stream.raced():
            assert stream.is_raced
