"""What a download costs in requests."""

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from hfsvc.errors import DatasetNotFound
from hfsvc.models import DatasetRequest, DownloadedDataset
from hfsvc.protocols import DatasetService
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Stall

from ..builders import REPO, MiB, everything, noise, open_service


async def test_lfs_files_cost_a_request_each_and_one_a_page_and_one(
    local_hub_factory: Callable[..., LocalHub], root: Path
) -> None:
    hub = local_hub_factory(page_size=10)
    for number in range(25):
        hub.write(REPO, f"{number}.parquet", noise(100, number))
    async with open_service(hub, root) as service:
        await service.download(everything())
    assert hub.count(server="hub") == 25 + 3 + 1
    assert hub.count(server="cdn") == 25


async def test_git_blobs_cost_two_requests_each(local_hub: LocalHub, service: DatasetService) -> None:
    for number in range(5):
        local_hub.write(REPO, f"{number}.txt", noise(100, number))
    await service.download(everything())
    assert local_hub.count(server="hub") == 2 * 5 + 1 + 1
    assert local_hub.count(server="cdn") == 0


async def test_ranges_of_a_file_share_one_request_to_the_hub(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "big.parquet", noise(4 * MiB))
    await service.download(everything())
    assert local_hub.count(bucket="resolvers") == 1
    assert local_hub.count(server="cdn") == 16


async def test_everything_is_asked_with_get(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", noise(4 * MiB))
    local_hub.write(REPO, "a.txt", b"a")
    await service.download(everything())
    assert {request.method for request in local_hub.requests} == {"GET"}


async def test_a_range_is_asked_of_the_content_and_never_of_its_address(
    local_hub: LocalHub, service: DatasetService
) -> None:
    local_hub.write(REPO, "a.parquet", noise(4 * MiB))
    await service.download(everything())
    assert all(request.range is None for request in local_hub.find(path="*/resolve/*"))


async def test_content_is_asked_for_without_compression(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", noise(100))
    local_hub.write(REPO, "a.txt", b"a" * 1000)
    await service.download(everything())
    asked = [*local_hub.find(bucket="resolvers"), *local_hub.find(server="cdn")]
    assert {request.headers["accept-encoding"] for request in asked} == {"identity"}


async def test_a_second_call_costs_one_request_and_keeps_the_time(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    first = await service.download(everything())
    local_hub.reset()
    assert await service.download(everything()) == first
    assert local_hub.count() == 1


async def test_a_second_call_of_another_service_costs_one_request(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    for _ in range(2):
        local_hub.reset()
        async with open_service(local_hub, root) as service:
            await service.download(everything())
    assert local_hub.count() == 1


async def test_looking_at_the_store_costs_no_request(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    await service.download(everything())
    local_hub.reset()
    assert await service.is_downloaded(REPO)
    assert await service.get_local_path(REPO)
    assert await service.get_download_info(REPO)
    assert await service.list_downloaded()
    assert (await service.verify(REPO)).ok
    await service.delete(REPO)
    assert local_hub.count() == 0


async def test_a_plan_costs_the_listing_only_and_writes_nothing(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", noise(1000))
    plan = await service.plan(DatasetRequest(repo=REPO))
    assert (plan.total_bytes, plan.fetch_bytes, plan.hub_requests) == (1000, 1000, 1)
    assert local_hub.count() == 2
    assert not root.exists()


async def test_a_plan_tells_what_the_rate_limit_leaves(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", noise(1000))
    local_hub.write(REPO, "b.parquet", noise(1001))
    local_hub.set_quota("resolvers", 100)
    await service.download(DatasetRequest(repo=REPO, include=("a.parquet",)))
    assert (await service.plan(everything())).hub_requests_left == 99


async def together(count: int, service: DatasetService, *requests: DatasetRequest) -> list[DownloadedDataset]:
    found: list[DownloadedDataset] = []

    async def ask(request: DatasetRequest) -> None:
        found.append(await service.download(request))

    async with anyio.create_task_group() as group:
        for number in range(count):
            group.start_soon(ask, requests[number % len(requests)])
    return found


@pytest.mark.parametrize("count", [10, 50])
async def test_many_callers_of_a_cold_dataset_share_what_they_wait_for(
    local_hub: LocalHub, service: DatasetService, count: int
) -> None:
    local_hub.write(REPO, "a.parquet", noise(1000))
    found = await together(count, service, everything())
    assert len(found) == count
    assert len(set(map(str, found))) == 1
    assert local_hub.count(server="hub") == 3
    assert local_hub.count(path="*/tree/*") == 1
    assert local_hub.count(server="cdn") == 1


async def test_many_callers_of_what_is_here_share_one_look(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", noise(1000))
    await service.download(everything())
    local_hub.reset()
    assert len(await together(50, service, everything())) == 50
    assert local_hub.count() == 1


async def test_callers_of_other_files_share_a_listing(local_hub: LocalHub, service: DatasetService) -> None:
    for name in "abc":
        local_hub.write(REPO, f"{name}.parquet", noise(1000, ord(name)))
    found = await together(9, service, *(everything(include=(f"{name}.parquet",)) for name in "abc"))
    assert max(len(each.files) for each in found) == 3
    assert local_hub.count(server="hub") == 1 + 1 + 3


async def test_many_callers_of_a_missing_dataset_all_hear_of_it(local_hub: LocalHub, service: DatasetService) -> None:
    heard: list[str] = []

    async def ask() -> None:
        with pytest.raises(DatasetNotFound) as caught:
            await service.download(everything("acme/missing"))
        heard.append(caught.value.repo)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(ask)
    assert heard == ["acme/missing"] * 20
    assert local_hub.count() == 1


async def test_a_caller_who_comes_after_a_push_gets_what_was_pushed(
    local_hub: LocalHub, service: DatasetService
) -> None:
    local_hub.write(REPO, "a.parquet", noise(1000))
    stall = local_hub.fault(Stall(after=10), server="hub", path="*/revision/*", times=1)
    found: list[DownloadedDataset] = []

    async def ask() -> None:
        found.append(await service.download(everything()))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await local_hub.until(lambda: local_hub.stalled == 1)
        # The answer under way is the old commit's.
        local_hub.write(REPO, "b.parquet", noise(1000, 1))
        group.start_soon(ask)
        local_hub.release()
    assert stall.fired == 1
    assert found[-1].files == ("a.parquet", "b.parquet")
