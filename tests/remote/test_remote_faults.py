"""What goes wrong while rows are read remotely, and what comes of it."""

import asyncio
import io
from pathlib import Path

import anyio
import pyarrow.parquet as pq
import pytest

from hfsvc.errors import BadParquet, DatasetChanged, FileNotFound, NoRanges, TransferStalled
from hfsvc.models import DatasetRequest
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub.distortions import IgnoreRange, OtherTotal, ShortRange
from hfsvc.testing.localhub.faults import Cut, HangUp, Missing, Stall, Status
from tests.builders import REPO, MiB, open_container_for
from tests.remote.worlds import long_rows, publish
from tests.trajectories.tables import parquet

CONTENT = parquet(long_rows(300, characters=8_000), row_group_size=60, write_page_checksum=True)
FILES = {"train.parquet": CONTENT}


@pytest.mark.parametrize("fault", [Cut(after=20_000), HangUp(), Status(503), Status(403)])
async def test_a_fault_that_passes_costs_another_try(
    local_hub: LocalHub, root: Path, short_waits: None, fault: object
) -> None:
    publish(local_hub, FILES)
    local_hub.fault(fault, server="cdn", times=2, skip=1)  # type: ignore[arg-type]
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True)
        assert len([each async for each in source.stream_rows()]) == 300


async def test_an_address_that_expired_is_asked_for_again(local_hub: LocalHub, root: Path, short_waits: None) -> None:
    publish(local_hub, FILES)
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True)
        assert await source.count() == 300
        local_hub.expire_urls()
        assert await source.get_trajectory(299)


async def test_a_server_without_ranges_is_told(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FILES)
    local_hub.fault(IgnoreRange(), server="cdn")
    async with open_container_for(local_hub, root) as container:
        with pytest.raises(NoRanges, match="hfsvc download"):
            await container.source(REPO, remote=True).count()


async def test_a_server_that_sends_less_than_asked_is_asked_for_the_rest(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FILES)
    async with open_container_for(local_hub, root) as container:
        whole = [each async for each in container.source(REPO, remote=True).stream_rows()]
        local_hub.fault(ShortRange(most=20_000), server="cdn")
        assert [each async for each in container.source(REPO, remote=True).stream_rows()] == whole


async def test_a_file_that_is_gone_is_told(local_hub: LocalHub, root: Path, short_waits: None) -> None:
    publish(local_hub, FILES)
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True)
        local_hub.fault(Missing(), server="hub", path="*train.parquet")
        with pytest.raises(FileNotFound, match=r"train\.parquet"):
            await source.count()


async def test_a_commit_that_the_hub_has_no_more_is_told(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FILES)
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True)
        gone = Status(404, "json", "gone", {"X-Error-Code": "RevisionNotFound"})
        local_hub.fault(gone, server="hub", path="*/resolve/*")
        with pytest.raises(DatasetChanged, match=r"no commit [0-9a-f]{12} any more"):
            await source.count()


async def test_a_footer_that_is_cut_is_told(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, {"train.parquet": CONTENT[:-20]})
    async with open_container_for(local_hub, root) as container:
        with pytest.raises(BadParquet, match=r"train\.parquet.*hfsvc download"):
            await container.source(REPO, remote=True).count()


async def test_a_file_of_another_size_is_told(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FILES)
    local_hub.fault(OtherTotal(), server="cdn")
    async with open_container_for(local_hub, root) as container:
        with pytest.raises(NoRanges, match="the listing says"):
            await container.source(REPO, remote=True).count()


async def test_a_download_under_way_is_not_disturbed_by_what_is_kept(local_hub: LocalHub, root: Path) -> None:
    content = parquet(long_rows(400, characters=8_000), row_group_size=100)
    publish(local_hub, {"train.parquet": content})
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True, keep_bytes=True)
        async with container.store().hold(REPO):
            assert len([each async for each in source.stream_rows()]) == 400
        assert (await container.datasets().plan(DatasetRequest(repo=REPO))).kept_bytes == 0


async def test_a_server_that_is_gone_is_told_after_the_last_try(
    local_hub: LocalHub, root: Path, short_waits: None
) -> None:
    publish(local_hub, FILES)
    async with open_container_for(local_hub, root, give_up_after_s=1.0) as container:
        source = container.source(REPO, remote=True)
        assert await source.count() == 300
        local_hub.fault(Status(503), server="cdn")
        with pytest.raises(TransferStalled, match=r"train\.parquet") as raised:
            await source.get_trajectory(200)
        # Nothing is kept of what came, so nothing goes on from there.
        assert str(raised.value).endswith("Run again.")


async def test_a_page_that_changed_on_its_way_is_told(local_hub: LocalHub, root: Path) -> None:
    chunk = pq.ParquetFile(io.BytesIO(CONTENT)).metadata.row_group(2).column(0)
    place = chunk.dictionary_page_offset + chunk.total_compressed_size // 2
    publish(local_hub, {"train.parquet": CONTENT[:place] + bytes([CONTENT[place] ^ 1]) + CONTENT[place + 1 :]})
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True)
        assert await source.get_trajectory(10)
        with pytest.raises(BadParquet, match=r"CRC.*hfsvc download"):
            await source.get_trajectory(150)


async def test_a_cancelled_call_ends_its_requests(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FILES)
    async with open_container_for(local_hub, root, stall_timeout_s=60.0) as container:
        source = container.source(REPO, remote=True)
        assert await source.count() == 300
        local_hub.fault(Stall(after=1000), server="cdn", times=1)
        stream = source.stream_rows()

        async def read() -> None:
            await anext(stream)

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            await local_hub.until(lambda: local_hub.stalled == 1)
            group.cancel_scope.cancel()
        await stream.aclose()
        local_hub.clear_faults()
        assert len([each async for each in source.stream_rows()]) == 300


async def test_a_task_that_is_cancelled_in_its_first_look_leaves_none_behind(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FILES)
    async with open_container_for(local_hub, root, stall_timeout_s=60.0) as container:
        before = asyncio.all_tasks()
        local_hub.fault(Stall(after=1000), server="cdn", times=1)
        task = asyncio.create_task(container.source(REPO, remote=True).count())
        await local_hub.until(lambda: local_hub.stalled == 1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert asyncio.all_tasks() == before


async def test_a_stream_that_is_left_ends_what_it_fetches_ahead(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FILES)
    async with open_container_for(local_hub, root, stall_timeout_s=60.0) as container:
        chunk = pq.ParquetFile(io.BytesIO(CONTENT)).metadata.row_group(2).column(0)
        local_hub.fault(Stall(after=1000), server="cdn", covering=chunk.dictionary_page_offset + 5000)
        stream = container.source(REPO, remote=True).stream_rows()
        seen = [(await anext(stream)).row for _ in range(61)]
        await local_hub.until(lambda: local_hub.stalled == 1)
        await stream.aclose()
        assert seen == [*range(61)]


async def test_memory_is_bounded_and_rows_are_the_same(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FILES)
    async with open_container_for(local_hub, root, remote_cache_bytes=200_000, chunk_bytes=MiB) as container:
        remote, local = container.source(REPO, remote=True), container.source(REPO)
        await local.ensure_downloaded()
        assert [each async for each in remote.stream_rows()] == [each async for each in local.stream_rows()]


async def test_bytes_that_are_kept_need_not_be_fetched_again(local_hub: LocalHub, root: Path) -> None:
    content = parquet(long_rows(400, characters=8_000), row_group_size=100)
    publish(local_hub, {"train.parquet": content})
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True, keep_bytes=True)
        assert len([each async for each in source.stream_rows()]) == 400
        plan = await container.datasets().plan(DatasetRequest(repo=REPO))
        assert plan.kept_bytes > 0.95 * len(content)
        local_hub.reset()
        dataset = await container.datasets().download(DatasetRequest(repo=REPO))
        assert local_hub.bytes_sent() == plan.fetch_bytes < 0.05 * len(content)
        assert (dataset.local_path / "train.parquet").read_bytes() == content
