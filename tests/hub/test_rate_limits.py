from collections.abc import Callable
from pathlib import Path

import pytest

from hfsvc.errors import HubUnavailable, RateLimited
from hfsvc.models import Event, Retried
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Status, TooManyRequests

from ..builders import REPO, everything, of_kind, open_service


@pytest.fixture
def hub(local_hub: LocalHub) -> LocalHub:
    for name in "abc":
        local_hub.write(REPO, f"{name}.parquet", name.encode())
    return local_hub


@pytest.mark.parametrize("path", ["*/revision/*", "*/tree/*", "*/resolve/*"])
@pytest.mark.parametrize(
    "fault",
    [
        TooManyRequests(),
        TooManyRequests(kind="html"),
        TooManyRequests(retry_after="0"),
        TooManyRequests(retry_after="Thu, 01 Jan 1970 00:00:00 GMT"),
        TooManyRequests(retry_after="soon"),
        TooManyRequests(left=5, reset_s=300),
    ],
    ids=str,
)
async def test_a_passing_429_is_waited_out(hub: LocalHub, root: Path, fault: TooManyRequests, path: str) -> None:
    hub.fault(fault, server="hub", path=path, times=1)
    async with open_service(hub, root) as service:
        assert len((await service.download(everything())).files) == 3


async def test_an_empty_window_is_waited_for_once_by_all(
    local_hub_factory: Callable[..., LocalHub], root: Path
) -> None:
    hub = local_hub_factory(quota={"resolvers": 3}, window_s=0.3)
    for number in range(6):
        hub.write(REPO, f"{number}.parquet", str(number).encode())
    async with open_service(hub, root) as service:
        assert len((await service.download(everything())).files) == 6
    # The first answer tells how many are left: nobody runs into the wall more than the few that went with it.
    assert hub.count(bucket="resolvers", status=302) == 6
    assert hub.count(status=429) <= 3


async def test_a_wait_longer_than_the_callers_patience_is_told_with_its_length(hub: LocalHub, root: Path) -> None:
    hub.fault(TooManyRequests(left=0, reset_s=299), server="hub")
    async with open_service(hub, root, give_up_after_s=10) as service:
        with pytest.raises(RateLimited) as caught:
            await service.download(everything())
    assert caught.value.retry_after_s == 300
    assert hub.count() == 1


async def test_every_caller_keeps_to_a_wait_that_one_was_told(hub: LocalHub, root: Path) -> None:
    hub.fault(TooManyRequests(left=0, reset_s=299), server="hub", times=1)
    async with open_service(hub, root, give_up_after_s=10) as service:
        for _ in range(2):
            with pytest.raises(RateLimited):
                await service.download(everything())
    assert hub.count() == 1


async def test_a_hub_that_limits_for_ever_is_given_up(hub: LocalHub, root: Path) -> None:
    hub.fault(TooManyRequests(), server="hub")
    async with open_service(hub, root) as service:
        with pytest.raises(RateLimited):
            await service.download(everything())
    assert hub.count() == 8


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_a_passing_failure_of_the_hub_is_tried_again_and_told(hub: LocalHub, root: Path, status: int) -> None:
    hub.fault(Status(status), server="hub", path="*/revision/*", times=2)
    events: list[Event] = []
    async with open_service(hub, root) as service:
        await service.download(everything(), on_event=events.append)
    assert [(each.path, each.attempt) for each in of_kind(events, Retried)] == [(None, 1), (None, 2)]


async def test_a_failure_of_the_hub_that_stays_is_told_without_its_page(hub: LocalHub, root: Path) -> None:
    hub.fault(Status(502), server="hub")
    async with open_service(hub, root) as service:
        with pytest.raises(HubUnavailable) as caught:
            await service.download(everything())
    assert "502" in str(caught.value)
    assert "<" not in str(caught.value)
