"""The downloader between a source and a destination in memory: no Hub, no disk, no time that passes."""

from collections.abc import Mapping

import msgspec
import pytest

from hfsvc.errors import (
    AccessDenied,
    ChecksumMismatch,
    DownloadFailed,
    FileNotFound,
    HubUnavailable,
    NotAHub,
    RangeRefused,
    RateLimited,
    TransferStalled,
)
from hfsvc.metrics import Counters
from hfsvc.models import ByteRange, BytesReceived, CopiedRange, Delta, Event, FileStarted, FileVerified, Retried
from hfsvc.settings import Settings
from hfsvc.transfer.downloader import Downloader
from hfsvc.transfer.progress import Progress
from tests.builders import noise
from tests.transfer.fakes import FakeClock, FakeDestination, FakeSource

BIG = noise(1000)
CONTENTS = {"a": b"first", "b": BIG, "c": b""}


class Run:
    def __init__(self, source: FakeSource, *, deltas: Mapping[str, Delta] | None = None, **settings: int) -> None:
        self.source = source
        self.deltas = deltas or {}
        self.destination = FakeDestination()
        self.clock = FakeClock()
        self.events: list[Event] = []
        self.metrics = Counters()
        self._settings = msgspec.structs.replace(Settings(chunk_bytes=100), **settings)

    async def __call__(self) -> None:
        progress = Progress(self.events.append, self.metrics, clock=self.clock)
        files = self.source.files()
        shared = self.source, self.destination, files
        settings = self._settings
        downloader = Downloader(*shared, settings=settings, progress=progress, deltas=self.deltas, clock=self.clock)
        await downloader.run()

    def retried(self) -> list[Retried]:
        return [event for event in self.events if isinstance(event, Retried)]


async def test_every_file_is_accepted_with_its_content() -> None:
    run = Run(FakeSource(CONTENTS))
    await run()
    assert run.destination.accepted == CONTENTS
    assert run.clock.slept == []
    assert {event.path for event in run.events if isinstance(event, FileVerified)} == CONTENTS.keys()
    assert all(part.closed for part in run.destination.parts.values())


async def test_a_large_file_is_fetched_in_ranges_of_one_location() -> None:
    run = Run(FakeSource({"b": BIG}))
    await run()
    ranges = sorted((wanted.start, wanted.stop) for _, wanted in run.source.opened if wanted)
    assert ranges == [(start, start + 100) for start in range(0, 1000, 100)]
    assert run.source.asked == ["b"]
    assert run.source.most_streams == 8


async def test_never_more_streams_than_connections() -> None:
    run = Run(FakeSource({str(number): noise(300, number) for number in range(10)}), max_connections=3)
    await run()
    assert run.source.most_streams == 3


async def test_a_part_resumes_where_an_earlier_run_stopped() -> None:
    run = Run(FakeSource({"b": BIG}))
    run.destination.kept["b"] = BIG[:950] + bytes(50), [ByteRange(start=0, stop=950)]
    await run()
    assert [wanted for _, wanted in run.source.opened] == [ByteRange(start=950, stop=1000)]
    assert run.destination.accepted == {"b": BIG}
    (started,) = (event for event in run.events if isinstance(event, FileStarted))
    assert started.kept_bytes == 950
    assert run.metrics.totals["bytes_received"] == 50


async def test_a_file_that_an_earlier_run_verified_is_accepted_without_a_request() -> None:
    run = Run(FakeSource({"b": BIG}))
    run.destination.verified["b"] = BIG
    await run()
    assert run.destination.accepted == {"b": BIG}
    assert run.source.asked == []


async def test_a_masked_checksum_comes_with_the_location() -> None:
    source = FakeSource({"a": b"first", "b": BIG})
    source.masked = {"a", "b"}
    run = Run(source)
    run.destination.here = {"a"}
    await run()
    assert run.destination.accepted == {"b": BIG}
    assert source.asked.count("a") == source.asked.count("b") == 1


async def test_a_stream_that_breaks_goes_on_at_its_byte() -> None:
    source = FakeSource({"b": BIG})
    source.cuts["b"] = [35]
    run = Run(source)
    await run()
    assert run.destination.accepted == {"b": BIG}
    assert ByteRange(start=35, stop=100) in [wanted for _, wanted in source.opened]
    assert run.metrics.totals["bytes_received"] == 1000
    assert [event.reason for event in run.retried()] == ["the connection broke"]


async def test_a_refused_address_is_asked_for_again_without_a_wait() -> None:
    source = FakeSource({"a": b"first"})
    source.open_failures["a"] = [HubUnavailable(status=403)]
    run = Run(source)
    await run()
    assert source.asked == ["a", "a"]
    assert run.clock.slept == [0.0]
    assert run.destination.accepted == {"a": b"first"}


async def test_a_source_that_refuses_ranges_is_read_as_one_stream() -> None:
    source = FakeSource({"b": BIG})
    source.open_failures["b"] = [RangeRefused(status=200)] * 8
    run = Run(source)
    await run()
    assert source.opened[-1] == ("b", None)
    assert run.destination.accepted == {"b": BIG}


async def test_a_rate_limit_is_waited_for() -> None:
    source = FakeSource({"a": b"first"})
    source.locate_failures["a"] = [RateLimited(retry_after_s=30)]
    run = Run(source)
    await run()
    assert sum(run.clock.slept) >= 30
    assert run.destination.accepted == {"a": b"first"}


async def test_wrong_content_is_fetched_once_more_from_its_start() -> None:
    run = Run(FakeSource({"b": BIG}))
    run.destination.kept["b"] = bytes(1000), [ByteRange(start=0, stop=500)]
    await run()
    assert run.destination.accepted == {"b": BIG}
    assert len(run.source.asked) == 2


async def test_content_that_stays_wrong_is_a_checksum_mismatch_and_the_others_are_accepted() -> None:
    source = FakeSource(CONTENTS)
    files = source.files()
    run = Run(source)
    source.files = lambda: files  # type: ignore[method-assign]
    source.contents["b"] = BIG[:-1] + b"!"
    source.masked.clear()
    with pytest.raises(ChecksumMismatch):
        await run()
    assert run.destination.accepted == {"a": b"first", "c": b""}


async def test_a_file_without_an_answer_is_given_up_after_some_tries() -> None:
    source = FakeSource({"a": b"first"})
    source.open_failures["a"] = [HubUnavailable(status=503) for _ in range(50)]
    run = Run(source)
    with pytest.raises(TransferStalled):
        await run()
    assert len(run.retried()) == 7
    assert run.destination.accepted == {}


async def test_content_that_is_gone_is_a_file_not_found() -> None:
    source = FakeSource({"a": b"first"})
    source.open_failures["a"] = [HubUnavailable(status=404) for _ in range(50)]
    with pytest.raises(FileNotFound):
        await Run(source)()


async def test_several_failures_are_one_error() -> None:
    source = FakeSource({"a": b"first", "b": b"second", "c": b"third"})
    source.locate_failures = {path: [FileNotFound(repo="a/b", path=path)] for path in "ab"}
    run = Run(source)
    with pytest.raises(DownloadFailed) as raised:
        await run()
    assert {type(each) for each in raised.value.failures} == {FileNotFound}
    assert run.destination.accepted == {"c": b"third"}


@pytest.mark.parametrize("error", [AccessDenied(repo="a/b"), NotAHub()], ids=lambda error: type(error).__name__)
async def test_what_concerns_all_files_ends_the_run(error: Exception) -> None:
    source = FakeSource({"a": b"first", "b": BIG})
    source.locate_failures["a"] = [error]
    run = Run(source)
    with pytest.raises(type(error)):
        await run()
    assert all(part.closed for part in run.destination.parts.values())


async def test_progress_ends_with_all_bytes() -> None:
    run = Run(FakeSource(CONTENTS))
    await run()
    assert run.events[-1] == BytesReceived(received=1005, total=1005)


async def test_a_listing_that_contradicts_the_source_costs_one_question() -> None:
    source = FakeSource({"b": BIG})
    files = source.files()
    source.contents["b"] = BIG[:-1] + b"!"
    source.files = lambda: files  # type: ignore[method-assign]
    run = Run(source)
    with pytest.raises(ChecksumMismatch):
        await run()
    assert source.asked == ["b"]
    assert source.opened == []


def a_delta(*copies: tuple[int, int, int]) -> Delta:
    return Delta(copies=tuple(CopiedRange(start=a, stop=b, source=at, donor="old") for a, b, at in copies))


async def test_what_a_delta_says_is_copied_and_the_rest_is_fetched() -> None:
    run = Run(FakeSource({"b": BIG}), deltas={"b": a_delta((0, 400, 50), (500, 1000, 450))})
    run.destination.donors["old"] = bytes(50) + BIG[:400] + BIG[500:]
    await run()
    assert run.destination.accepted == {"b": BIG}
    assert [wanted for _, wanted in run.source.opened] == [ByteRange(start=400, stop=500)]
    assert (run.metrics.totals["bytes_copied"], run.metrics.totals["bytes_received"]) == (900, 100)


async def test_a_file_may_be_copied_altogether() -> None:
    run = Run(FakeSource({"b": BIG}), deltas={"b": a_delta((0, 500, 500), (500, 1000, 0))})
    run.destination.donors["old"] = BIG[500:] + BIG[:500]
    await run()
    assert run.destination.accepted == {"b": BIG}
    assert not run.source.opened
    assert not run.source.asked


async def test_copies_that_an_earlier_run_made_are_not_made_again() -> None:
    run = Run(FakeSource({"b": BIG}), deltas={"b": a_delta((0, 900, 0))})
    run.destination.donors["old"] = BIG
    run.destination.kept["b"] = BIG[:300] + bytes(700), [ByteRange(start=0, stop=300)]
    await run()
    assert run.destination.accepted == {"b": BIG}
    assert (run.metrics.totals["bytes_copied"], run.metrics.totals["bytes_received"]) == (600, 100)


async def test_a_file_that_ends_before_its_copies_is_made_up_for() -> None:
    run = Run(FakeSource({"b": BIG}), deltas={"b": a_delta((0, 900, 0))})
    await run()
    assert run.destination.accepted == {"b": BIG}
    assert run.metrics.totals["bytes_received"] == 1000


async def test_wrong_copies_are_fetched_and_nothing_else_is_fetched_again() -> None:
    run = Run(FakeSource({"b": BIG}), deltas={"b": a_delta((0, 900, 0))})
    run.destination.donors["old"] = bytes(1000)
    await run()
    assert run.destination.accepted == {"b": BIG}
    assert run.metrics.totals["bytes_received"] == 1000
    assert [event.reason for event in run.retried()] == ["its content was not what the Hub lists"]


async def test_a_source_without_ranges_waits_for_the_copies_and_brings_the_whole() -> None:
    source = FakeSource({"b": BIG})
    source.open_failures["b"] = [RangeRefused(status=200)]
    run = Run(source, deltas={"b": a_delta((0, 900, 0))})
    run.destination.donors["old"] = BIG
    await run()
    assert run.destination.accepted == {"b": BIG}
    assert source.opened[-1] == ("b", None)
