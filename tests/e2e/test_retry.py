"""Content that breaks on its way: what is fetched again, and what is given up."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import anyio
import pytest

from hfsvc.errors import DownloadFailed, FileNotFound, HubUnavailable, RateLimited, TransferStalled
from hfsvc.models import BytesReceived, Event, Retried
from hfsvc.protocols import DatasetService
from hfsvc.secret import Secret
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import (
    Chunked,
    Cut,
    Direct,
    Exchange,
    Fault,
    Garbage,
    Gzip,
    HangUp,
    IgnoreRange,
    Missing,
    OtherRange,
    OtherTotal,
    Pointer,
    Response,
    ShortRange,
    Stall,
    Status,
    TooManyConnections,
    TooManyRequests,
)
from hfsvc.transfer import progress, retry

from ..builders import REPO, KiB, MiB, everything, files_below, noise, of_kind, open_container_for, open_service

BIG = noise(3 * MiB + 17)
SMALL = noise(50 * KiB)


@dataclass(frozen=True)
class OneAtATime:
    """503 for whoever asks for a file while somebody else does."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return response if exchange.active == 1 else Status(503).apply(exchange, response)


@dataclass(frozen=True)
class Says429:
    """429 with a wait of next to nothing."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return TooManyRequests(retry_after="0.01").apply(exchange, response)


PASSING = [
    pytest.param(Cut(after=0), id="cut before the first byte"),
    pytest.param(Cut(after=1), id="cut after the first byte"),
    pytest.param(Cut(after=1000), id="cut"),
    pytest.param(Cut(after=1000, reset=True), id="reset"),
    pytest.param(HangUp(), id="no answer"),
    pytest.param(HangUp(reset=True), id="no answer, reset"),
    pytest.param(Garbage(), id="no HTTP"),
    pytest.param(Status(500), id="500"),
    pytest.param(Status(502), id="502"),
    pytest.param(Status(503, "json"), id="503"),
    pytest.param(Status(403, "xml", "Request has expired"), id="403 of an expired address"),
    pytest.param(Status(416), id="416"),
    pytest.param(Gzip(), id="compressed"),
    pytest.param(IgnoreRange(), id="all of it"),
    pytest.param(OtherRange(), id="another range"),
    pytest.param(ShortRange(most=1000), id="less of it"),
    pytest.param(OtherTotal(), id="another total"),
    pytest.param(Pointer(), id="the LFS pointer"),
    pytest.param(TooManyRequests(), id="429"),
    pytest.param(Chunked(), id="without a length"),
]


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("content", [SMALL, BIG], ids=["small", "big"])
async def test_a_passing_fault_of_the_cdn_is_healed(
    local_hub: LocalHub, service: DatasetService, fault: Fault, content: bytes
) -> None:
    local_hub.write(REPO, "file.parquet", content)
    local_hub.fault(fault, server="cdn", times=1)
    found = await service.download(everything())
    assert files_below(found.local_path) == {"file.parquet": content}


@pytest.mark.parametrize("fault", [IgnoreRange(), OtherRange(), OtherTotal(), Gzip(), Chunked()], ids=str)
async def test_a_cdn_that_never_serves_ranges_is_read_as_one_stream(
    local_hub: LocalHub, service: DatasetService, fault: Fault
) -> None:
    local_hub.write(REPO, "file.parquet", BIG)
    local_hub.fault(fault, server="cdn")
    found = await service.download(everything())
    assert files_below(found.local_path) == {"file.parquet": BIG}


@pytest.mark.parametrize("content", [SMALL, BIG], ids=["small", "big"])
async def test_a_mirror_that_answers_with_the_content_itself_serves(
    local_hub: LocalHub, service: DatasetService, content: bytes
) -> None:
    local_hub.write(REPO, "file.parquet", content)
    local_hub.fault(Direct(), server="hub", path="*/resolve/*")
    found = await service.download(everything())
    assert files_below(found.local_path) == {"file.parquet": content}


async def test_a_cut_costs_only_what_was_cut_off(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "file.parquet", SMALL)
    local_hub.fault(Cut(after=40_000), server="cdn", times=1)
    await service.download(everything())
    assert local_hub.bytes_sent() == len(SMALL)
    assert [request.range for request in local_hub.find(server="cdn")] == [(0, len(SMALL)), (40_000, len(SMALL))]


async def test_a_connection_that_breaks_over_and_over_still_gets_through(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "file.parquet", noise(3000))
    local_hub.fault(Cut(after=100), server="cdn")
    async with open_service(local_hub, root) as service:
        found = await service.download(everything())
    assert local_hub.bytes_sent() == found.total_bytes


async def test_a_stalled_stream_is_left_and_continued(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "file.parquet", SMALL)
    local_hub.fault(Stall(after=1000), server="cdn", times=1)
    async with open_service(local_hub, root, stall_timeout_s=0.2) as service:
        found = await service.download(everything())
    assert files_below(found.local_path) == {"file.parquet": SMALL}
    assert [request.range for request in local_hub.find(server="cdn")][-1] == (1000, len(SMALL))


async def test_an_answer_that_never_begins_is_left(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "file.parquet", SMALL)
    local_hub.fault(Stall(), server="cdn", times=1)
    async with open_service(local_hub, root, stall_timeout_s=0.2) as service:
        assert (await service.download(everything())).total_bytes == len(SMALL)


async def test_an_expired_address_is_asked_for_again_and_the_file_goes_on(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "file.parquet", BIG)
    async with open_service(local_hub, root, connections_per_file=1, chunk_bytes=MiB) as service:

        def expire(event: Event) -> None:
            if local_hub.bytes_sent() >= MiB and local_hub.count(bucket="resolvers") == 1:
                local_hub.expire_urls()

        found = await service.download(everything(), on_event=expire)
    assert files_below(found.local_path) == {"file.parquet": BIG}


async def test_an_address_at_the_hub_itself_may_expire_too(
    local_hub_factory: Callable[..., LocalHub], root: Path
) -> None:
    hub = local_hub_factory(lfs=lambda path, size: False)
    hub.write(REPO, "file.txt", BIG)
    expired = hub.fault(Status(403, "xml", "Request has expired"), server="hub", path="/api/resolve-cache/*", skip=1)
    expired.times = 1
    async with open_service(hub, root, connections_per_file=1) as service:
        found = await service.download(everything())
    assert expired.fired == 1
    assert files_below(found.local_path) == {"file.txt": BIG}


async def test_the_log_tells_the_story_of_a_range_and_no_secret(
    local_hub: LocalHub, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    local_hub.write(REPO, "file.parquet", SMALL)
    local_hub.fault(Cut(after=40_000), server="cdn", times=1)
    async with open_service(local_hub, root, token=Secret("hf_geheim")) as service:
        with caplog.at_level(logging.DEBUG, logger="hfsvc"):
            await service.download(everything())
    first, second = local_hub.find(server="cdn")
    story = [
        f"file.parquet: bytes 0 to {len(SMALL)} begin, stream 1 of",
        f"bytes=0-{len(SMALL) - 1}: 206 (request {first.headers['x-request-id']}",
        "file.parquet: bytes 0 to 51200 stopped at 40000",
        f"(request {first.headers['x-request-id']}), try 1, continue in",
        "file.parquet: bytes 40000 to 51200 begin, stream 1 of",
        f"bytes=40000-{len(SMALL) - 1}: 206 (request {second.headers['x-request-id']}",
        "file.parquet: bytes 40000 to 51200 are there",
    ]
    told = caplog.messages
    places = [next((place for place, line in enumerate(told) if part in line), -1) for part in story]
    assert -1 not in places, (story[places.index(-1)], told)
    assert places == sorted(places)
    assert not any(secret in line for line in told for secret in ("geheim", "?", "Signature"))


async def test_each_retry_of_a_call_is_counted_too(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "file.parquet", SMALL)
    local_hub.fault(Status(503), server="hub", path="*/tree/*", times=2)
    local_hub.fault(Stall(), server="hub", path="*/tree/*", times=1, skip=2)
    local_hub.fault(Stall(after=1000), server="cdn", times=1)
    async with open_container_for(local_hub, root, api_timeout_s=0.2, stall_timeout_s=0.2) as container:
        await container.datasets().download(everything())
        totals = container.metrics().totals  # type: ignore[attr-defined]  # not overridden: counters
    assert (totals["retries"], totals["stalls"]) == (4, 2)


async def test_extra_connections_refused_are_given_up_not_the_file(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "file.parquet", BIG)
    local_hub.fault(TooManyConnections(1), server="cdn")
    async with open_service(local_hub, root) as service:
        found = await service.download(everything())
    assert files_below(found.local_path) == {"file.parquet": BIG}


@pytest.mark.parametrize("fault", [Status(503), HangUp(), Cut(after=0)], ids=str)
async def test_a_cdn_that_stays_broken_is_given_up_with_the_file_named(
    local_hub: LocalHub, root: Path, fault: Fault
) -> None:
    local_hub.write(REPO, "file.parquet", SMALL)
    local_hub.fault(fault, server="cdn")
    async with open_service(local_hub, root) as service:
        with pytest.raises(TransferStalled) as caught:
            await service.download(everything())
    assert (caught.value.path, caught.value.offset) == ("file.parquet", 0)
    assert caught.value.retryable


async def test_a_stream_without_ranges_that_is_always_cut_is_given_up(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "file.parquet", SMALL)
    local_hub.fault(IgnoreRange(), server="cdn")
    local_hub.fault(Cut(after=1000), server="cdn")
    async with open_service(local_hub, root) as service:
        with pytest.raises(TransferStalled):
            await service.download(everything())


async def test_a_wait_that_the_server_told_is_known_when_it_is_given_up(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "file.parquet", SMALL)
    local_hub.fault(Status(503, headers={"Retry-After": "99"}), server="cdn")
    async with open_service(local_hub, root, give_up_after_s=10) as service:
        with pytest.raises(TransferStalled) as caught:
            await service.download(everything())
    assert (caught.value.retry_after_s, caught.value.status) == (99, 503)
    assert "again in 99 s" in str(caught.value)
    assert local_hub.count(server="cdn") == 1


@pytest.mark.parametrize("fault", [TooManyRequests(retry_after="1"), TooManyRequests()], ids=["told", "not told"])
async def test_one_refusal_of_the_cdn_holds_all_streams_back(
    local_hub: LocalHub, root: Path, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 1.0)
    monkeypatch.setattr(retry, "LONGEST_WAIT_S", 1.0)
    for number in range(20):
        local_hub.write(REPO, f"{number:02}.parquet", noise(50 * KiB, number))
    limit = local_hub.fault(fault, server="cdn")
    async with open_service(local_hub, root, max_connections=4) as service, anyio.create_task_group() as group:
        group.start_soon(service.download, everything())
        await local_hub.until(lambda: limit.fired >= 1)
        # In the half second before anybody may ask again, only those ask that were on their way already.
        with anyio.move_on_after(0.4):
            await local_hub.until(lambda: local_hub.count(server="cdn") > 4)
        assert limit.fired <= 4
        local_hub.clear_faults()
    assert len(files_below(root / REPO)) == 20


async def test_a_cdn_that_limits_for_ever_is_given_up_after_the_tries_of_one_stream(
    local_hub: LocalHub, root: Path
) -> None:
    local_hub.write(REPO, "file.parquet", BIG)
    limit = local_hub.fault(TooManyRequests(), server="cdn")
    async with open_service(local_hub, root, connections_per_file=4) as service:
        with pytest.raises(RateLimited):
            await service.download(everything())
    assert limit.fired <= 8 + 4


async def test_told_waits_are_kept_as_often_as_they_are_told(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "file.parquet", SMALL)
    local_hub.fault(Says429(), server="cdn", times=20)
    async with open_service(local_hub, root) as service:
        assert (await service.download(everything())).total_bytes == len(SMALL)


async def test_an_expired_address_costs_no_stream(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "file.parquet", noise(6 * MiB))
    local_hub.fault(Stall(after=1000), server="cdn")
    async with (
        open_service(local_hub, root, connections_per_file=4, stall_timeout_s=60) as service,
        anyio.create_task_group() as group,
    ):
        group.start_soon(service.download, everything())
        await local_hub.until(lambda: local_hub.stalled == 4)
        local_hub.expire_urls()
        local_hub.release()
        await local_hub.until(lambda: local_hub.count(server="cdn", status=403) > 0 and local_hub.stalled == 4)
        group.cancel_scope.cancel()


async def test_overload_beside_streams_that_flow_is_answered_with_fewer(
    local_hub_factory: Callable[..., LocalHub], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough for the one connection to get on meanwhile.
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(retry, "LONGEST_WAIT_S", 0.5)
    hub = local_hub_factory(bytes_per_s=4 * MiB)
    content = noise(6 * MiB)
    hub.write(REPO, "a.parquet", content)
    hub.fault(OneAtATime(), server="cdn")
    async with open_service(hub, root, chunk_bytes=MiB) as service:
        found = await service.download(everything())
    assert files_below(found.local_path) == {"a.parquet": content}


async def test_a_dead_range_is_its_files_failure_and_the_others_are_still_fetched(
    local_hub: LocalHub, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", BIG)
    for number in range(5):
        local_hub.write(REPO, f"b{number}.parquet", noise(2 * MiB, number))
    local_hub.fault(Status(503), server="cdn", path="a.parquet", covering=len(BIG) - 1)
    async with open_service(local_hub, root, max_connections=2, connections_per_file=2) as service:
        with pytest.raises(TransferStalled) as caught:
            await service.download(everything())
    assert caught.value.path == "a.parquet"
    assert len(files_below(root / REPO)) == 5


async def test_when_nothing_comes_any_more_no_further_file_is_tried(local_hub: LocalHub, root: Path) -> None:
    for number in range(40):
        local_hub.write(REPO, f"{number:02}.parquet", noise(50 * KiB, number))
    local_hub.fault(HangUp(), server="cdn", path="[1-9]*")
    async with open_service(local_hub, root, max_connections=2) as service:
        with pytest.raises(DownloadFailed) as caught:
            await service.download(everything())
    tried = len(caught.value.failures)
    # Those that began to fail while others still came are judged one by one; nobody waits for all thirty.
    assert tried <= 20
    assert tried + caught.value.untried == 30
    assert f"{caught.value.untried} were not tried" in str(caught.value)
    assert {type(error) for error in caught.value.failures} == {TransferStalled}
    assert len(files_below(root / REPO)) == 10


async def test_a_stalled_file_is_told_together_with_the_others_that_failed(local_hub: LocalHub, root: Path) -> None:
    for name in "ab":
        local_hub.write(REPO, f"{name}.parquet", noise(50 * KiB, ord(name)))
    local_hub.fault(Missing(), server="hub", path="a.parquet")
    local_hub.fault(Status(503), server="cdn", path="b.parquet")
    async with open_service(local_hub, root) as service:
        with pytest.raises(DownloadFailed) as caught:
            await service.download(everything())
    assert {type(error) for error in caught.value.failures} == {FileNotFound, TransferStalled}


async def test_progress_is_honest_about_what_starts_over(
    local_hub: LocalHub, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "BYTES_EVENT_EVERY_S", 0.0)
    local_hub.write(REPO, "file.parquet", BIG)
    local_hub.fault(OtherTotal(), server="cdn", covering=len(BIG) - 1, times=1)
    events: list[Event] = []
    async with open_service(local_hub, root, connections_per_file=1) as service:
        await service.download(everything(), on_event=events.append)
    told = [each.received for each in of_kind(events, BytesReceived)]
    assert told[-1] == len(BIG)
    assert min(after - before for before, after in pairwise(told)) < -MiB


async def test_content_that_every_address_lacks_is_not_there(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "file.parquet", SMALL)
    local_hub.write(REPO, "good.parquet", BIG)
    local_hub.fault(Status(404, "xml", "The specified key does not exist."), server="cdn", path="file.parquet")
    async with open_service(local_hub, root) as service:
        with pytest.raises(FileNotFound) as caught:
            await service.download(everything())
    assert caught.value.path == "file.parquet"
    assert files_below(root / REPO) == {"good.parquet": BIG}


async def test_ranges_that_wait_for_one_address_share_its_failure(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "file.parquet", BIG)
    local_hub.fault(HangUp(), server="hub", path="*/resolve/*")
    async with open_service(local_hub, root, connections_per_file=8) as service:
        with pytest.raises(TransferStalled) as caught:
            await service.download(everything())
    assert caught.value.reason == "the connection broke"
    # Not eight each, though they do not wait equally long.
    assert local_hub.count(path="*/resolve/*") <= 6 * 8


async def test_what_was_fetched_before_giving_up_is_kept(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "file.parquet", BIG)
    local_hub.fault(Status(503), server="cdn", covering=len(BIG) - 1)
    async with open_service(local_hub, root) as service:
        with pytest.raises(TransferStalled):
            await service.download(everything())
        local_hub.clear_faults()
        local_hub.reset()
        plan = await service.plan(everything())
        found = await service.download(everything())
    assert plan.kept_bytes > 2 * MiB
    assert local_hub.bytes_sent() == plan.fetch_bytes < MiB
    assert files_below(found.local_path) == {"file.parquet": BIG}


async def test_each_retry_is_told_with_the_file_and_the_reason(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "file.parquet", SMALL)
    local_hub.fault(Cut(after=10), server="cdn", times=1)
    events: list[Event] = []
    await service.download(everything(), on_event=events.append)
    assert [(each.path, each.attempt) for each in of_kind(events, Retried)] == [("file.parquet", 1)]


async def test_a_hub_that_is_not_there_is_unavailable(root: Path) -> None:
    async with open_service("http://127.0.0.1:9", root) as service:
        with pytest.raises(HubUnavailable):
            await service.download(everything())
