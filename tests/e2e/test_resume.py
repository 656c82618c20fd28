"""Downloads that end in the middle: what is kept, what runs on, who takes over."""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from hfsvc.errors import NotDownloaded
from hfsvc.models import DownloadedDataset, Event, FileStarted, Finished, Planned
from hfsvc.protocols import DatasetService
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Stall

from ..builders import (
    REPO,
    KiB,
    MiB,
    everything,
    files_below,
    noise,
    of_kind,
    open_service,
    parts_left,
    read_index,
    run_python,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills processes")

CONTENT = noise(8 * MiB)
CHUNK = 256 * KiB

CHILD = """
import asyncio, sys
from pathlib import Path
from hfsvc.containers import open_container
from hfsvc.models import DatasetRequest, FileVerified
from hfsvc.settings import Settings

def tell(event):
    if isinstance(event, FileVerified):
        print(event.path, flush=True)

async def main(endpoint, root):
    settings = Settings(endpoint=endpoint, root=Path(root), chunk_bytes=256 << 10, trust_env=False)
    request = DatasetRequest(repo="acme/notes", include=("**",))
    async with open_container(settings) as container:
        found = await container.datasets().download(request, on_event=tell)
        print(found.downloaded_at.isoformat(), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def tasks_besides(known: set["asyncio.Task[object]"]) -> set["asyncio.Task[object]"]:
    return {task for task in asyncio.all_tasks() if not task.done()} - known


async def cancel_when(hub: LocalHub, condition: Callable[[], bool], service: DatasetService) -> None:
    """Start a download, and cancel it once the hub has seen enough."""
    async with anyio.create_task_group() as group:
        group.start_soon(service.download, everything())
        await hub.until(condition)
        group.cancel_scope.cancel()


# ---- cancelled -------------------------------------------------------------------------------------------------------


async def test_a_cancelled_download_keeps_what_came_and_fetches_the_rest(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.fault(Stall(after=100_000), server="cdn", covering=6 * MiB)
    async with open_service(local_hub, root, connections_per_file=4) as service:
        await cancel_when(local_hub, lambda: local_hub.bytes_sent() >= 6 * MiB and local_hub.stalled == 1, service)
    # Until then the Hub may still be counting what it sends to nobody.
    await local_hub.until(lambda: local_hub.connections("cdn") == 0)
    first = local_hub.bytes_sent()
    local_hub.clear_faults()
    local_hub.reset()
    async with open_service(local_hub, root, connections_per_file=4) as service:
        plan = await service.plan(everything())
        found = await service.download(everything())
    assert files_below(found.local_path) == {"big.parquet": CONTENT}
    assert plan.kept_bytes > 4 * MiB
    assert local_hub.bytes_sent() == plan.fetch_bytes == len(CONTENT) - plan.kept_bytes
    # What was on the sockets and not yet read is all that is fetched twice.
    assert first + local_hub.bytes_sent() <= len(CONTENT) + 4 * CHUNK


async def test_a_cancelled_download_leaves_no_task_no_stream_and_no_lock(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    rule = local_hub.fault(Stall(after=1000), server="cdn")
    async with open_service(local_hub, root) as service:
        known = tasks_besides(set())
        await cancel_when(local_hub, lambda: local_hub.stalled >= 2, service)
        assert tasks_besides(known) == set()
        await local_hub.until(lambda: local_hub.connections("cdn") == 0)
        rule.times = 0
        assert (await service.download(everything())).total_bytes == len(CONTENT)


async def test_a_download_cancelled_by_a_timeout_says_only_that(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.fault(Stall(after=1000), server="cdn")
    async with open_service(local_hub, root) as service:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await service.download(everything())


async def test_a_download_cancelled_while_the_hub_is_asked_leaves_nothing(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.fault(Stall(), server="hub", path="*/tree/*")
    async with open_service(local_hub, root) as service:
        known = tasks_besides(set())
        await cancel_when(local_hub, lambda: local_hub.stalled == 1, service)
        assert tasks_besides(known) == set()
        assert not files_below(root)


async def test_a_closed_container_leaves_no_connection(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    async with open_service(local_hub, root) as service:
        await service.download(everything())
    await local_hub.until(lambda: local_hub.connections("cdn") == local_hub.connections("hub") == 0)
    assert local_hub.count(server="cdn") > 0


async def test_a_kept_part_of_another_commit_serves_where_the_content_is_the_same(
    local_hub: LocalHub, root: Path
) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.fault(Stall(after=1000), server="cdn", covering=6 * MiB)
    async with open_service(local_hub, root, connections_per_file=4) as service:
        await cancel_when(local_hub, lambda: local_hub.bytes_sent() >= 6 * MiB and local_hub.stalled == 1, service)
        local_hub.clear_faults()
        local_hub.write(REPO, "new.txt", b"new")
        local_hub.reset()
        await service.download(everything())
    assert local_hub.bytes_sent() < 4 * MiB


async def test_a_kept_part_of_other_content_is_not_mixed_in(local_hub: LocalHub, root: Path) -> None:
    other = noise(len(CONTENT), 1)
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.fault(Stall(after=1000), server="cdn", covering=6 * MiB)
    async with open_service(local_hub, root, connections_per_file=4) as service:
        await cancel_when(local_hub, lambda: local_hub.bytes_sent() >= 6 * MiB and local_hub.stalled == 1, service)
        local_hub.clear_faults()
        local_hub.write(REPO, "big.parquet", other)
        found = await service.download(everything())
    assert files_below(found.local_path) == {"big.parquet": other}
    assert parts_left(root) == []


async def test_damage_to_a_kept_part_is_found_and_fetched_again(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.fault(Stall(after=1000), server="cdn", covering=6 * MiB)
    async with open_service(local_hub, root, connections_per_file=4) as service:
        await cancel_when(local_hub, lambda: local_hub.bytes_sent() >= 6 * MiB and local_hub.stalled == 1, service)
        local_hub.clear_faults()
        (part,) = [path for path in parts_left(root) if path.suffix == ".part"]
        with part.open("r+b") as file:
            file.seek(MiB)
            file.write(b"not what came")
        events: list[Event] = []
        found = await service.download(everything(), on_event=events.append)
    assert files_below(found.local_path) == {"big.parquet": CONTENT}
    assert of_kind(events, FileStarted)[0].kept_bytes > 3 * MiB


# ---- killed ----------------------------------------------------------------------------------------------------------


async def test_a_killed_download_is_resumed_where_it_was(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.fault(Stall(after=1000), server="cdn", covering=6 * MiB)
    child = run_python(CHILD, local_hub.endpoint, str(root))
    await local_hub.until(lambda: local_hub.bytes_sent() >= 7 * MiB and local_hub.stalled == 1)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    local_hub.clear_faults()
    local_hub.reset()
    async with open_service(local_hub, root) as service:
        found = await service.download(everything())
    assert files_below(found.local_path) == {"big.parquet": CONTENT}
    # What the Hub had not sent yet, and a chunk on its way on each of eight connections.
    assert local_hub.bytes_sent() <= len(CONTENT) - 7 * MiB + 8 * CHUNK


async def test_files_that_a_killed_download_had_finished_are_adopted(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", noise(2 * MiB, 1))
    local_hub.write(REPO, "b.parquet", noise(2 * MiB, 2))
    local_hub.fault(Stall(), server="cdn", path="b.parquet")
    child = run_python(CHILD, local_hub.endpoint, str(root))
    await local_hub.until(lambda: local_hub.stalled > 0)
    assert child.stdout
    assert await anyio.to_thread.run_sync(child.stdout.readline) == "a.parquet\n"
    child.kill()
    child.communicate()
    local_hub.clear_faults()
    local_hub.reset()
    async with open_service(local_hub, root) as service:
        assert await service.get_download_info(REPO) is None
        events: list[Event] = []
        await service.download(everything(), on_event=events.append)
    assert of_kind(events, Planned)[0].plan.present_bytes == 2 * MiB
    assert local_hub.bytes_sent(path="a.parquet") == 0


# ---- at the same time ------------------------------------------------------------------------------------------------


def came_once(hub: LocalHub) -> bool:
    """All of it, and not twice: on a busy machine ranges lag, some of which are asked for once more."""
    return len(CONTENT) <= hub.bytes_sent() < 1.5 * len(CONTENT)


async def test_concurrent_tasks_do_the_work_once(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    found: list[DownloadedDataset] = []

    async def download() -> None:
        found.append(await service.download(everything()))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(download)
    assert came_once(local_hub)
    assert all(each == found[0] for each in found)


async def test_concurrent_processes_do_the_work_once(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    children = [run_python(CHILD, local_hub.endpoint, str(root)) for _ in range(2)]
    told = [await anyio.to_thread.run_sync(child.communicate) for child in children]
    assert [child.returncode for child in children] == [0, 0], told
    assert came_once(local_hub)
    assert len({out.split()[-1] for out, _ in told}) == 1


async def test_concurrent_stores_of_one_process_do_the_work_once(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    async with (
        open_service(local_hub, root) as one,
        open_service(local_hub, root) as two,
        anyio.create_task_group() as group,
    ):
        group.start_soon(one.download, everything())
        group.start_soon(two.download, everything())
    assert came_once(local_hub)


async def test_who_listed_an_older_commit_does_not_go_back_behind_who_was_faster(
    local_hub: LocalHub, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", b"old")
    local_hub.fault(Stall(), server="hub", path="*/tree/*", times=1)
    found: list[DownloadedDataset] = []
    async with open_service(local_hub, root) as slow, open_service(local_hub, root) as fast:

        async def download() -> None:
            found.append(await slow.download(everything()))

        async with anyio.create_task_group() as group:
            group.start_soon(download)
            await local_hub.until(lambda: local_hub.stalled == 1)
            local_hub.write(REPO, "a.parquet", b"new")
            found.append(await fast.download(everything()))
            local_hub.release()
        assert found[0] == found[1]
        assert files_below(root / REPO) == {"a.parquet": b"new"}


async def test_names_that_mean_one_dataset_do_the_work_once(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    async with anyio.create_task_group() as group:
        for name in (REPO, REPO.upper(), f"datasets/{REPO}", f"hf://datasets/{REPO}"):
            group.start_soon(service.download, everything(name))
    assert came_once(local_hub)


async def test_a_cancelled_owner_hands_over_its_lock_and_what_it_had(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    rule = local_hub.fault(Stall(after=1000), server="cdn", covering=6 * MiB)
    async with open_service(local_hub, root, connections_per_file=4) as service:
        async with anyio.create_task_group() as waiting, anyio.create_task_group() as owning:
            owning.start_soon(service.download, everything())
            await local_hub.until(lambda: local_hub.bytes_sent() >= 6 * MiB and local_hub.stalled == 1)
            resolved = local_hub.count(path="*/revision/*")
            waiting.start_soon(service.download, everything())
            await local_hub.until(lambda: local_hub.count(path="*/revision/*") == resolved + 1)
            rule.times = 0
            owning.cancel_scope.cancel()
        assert await service.is_downloaded(REPO)
    assert local_hub.bytes_sent() <= len(CONTENT) + 4 * CHUNK


async def test_a_killed_owner_hands_over_its_lock(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    rule = local_hub.fault(Stall(after=1000), server="cdn", covering=6 * MiB)
    child = run_python(CHILD, local_hub.endpoint, str(root))
    await local_hub.until(lambda: local_hub.stalled == 1)
    async with open_service(local_hub, root) as service, anyio.create_task_group() as group:
        group.start_soon(service.download, everything())
        await local_hub.until(lambda: local_hub.count(path="*/revision/*") == 2)
        rule.times = 0
        child.kill()
        await anyio.to_thread.run_sync(child.communicate)
    assert files_below(root / REPO) == {"big.parquet": CONTENT}


async def test_datasets_do_not_wait_for_each_other(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.write("acme/other", "a.parquet", b"a")
    local_hub.fault(Stall(after=1000), server="cdn", path="big.parquet")
    async with anyio.create_task_group() as group:
        group.start_soon(service.download, everything())
        await local_hub.until(lambda: local_hub.stalled >= 2)
        assert (await service.download(everything("acme/other"))).files == ("a.parquet",)
        group.cancel_scope.cancel()


async def test_a_deletion_waits_for_the_lock_of_the_download(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    await service.download(everything())
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.fault(Stall(after=1000), server="cdn", covering=6 * MiB)
    order: list[str] = []

    async def delete() -> None:
        await service.delete(REPO)
        order.append("deleted")

    def note(event: Event) -> None:
        if isinstance(event, Finished):
            order.append("finished")

    async def download() -> None:
        await service.download(everything(), on_event=note)

    async with anyio.create_task_group() as group:
        group.start_soon(download)
        await local_hub.until(lambda: local_hub.stalled == 1)
        group.start_soon(delete)
        await anyio.wait_all_tasks_blocked()
        local_hub.release()
    assert order == ["finished", "deleted"]
    assert not files_below(root)


async def test_there_is_nothing_to_delete_while_the_first_download_runs(
    local_hub: LocalHub, service: DatasetService
) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.fault(Stall(after=1000), server="cdn", covering=6 * MiB)
    async with anyio.create_task_group() as group:
        group.start_soon(service.download, everything())
        await local_hub.until(lambda: local_hub.stalled == 1)
        with pytest.raises(NotDownloaded):
            await service.delete(REPO)
        local_hub.release()
    assert await service.is_downloaded(REPO)


async def test_no_thread_is_at_work_after_a_cancelled_download(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.fault(Stall(after=1000), server="cdn")
    async with open_service(local_hub, root) as service:
        await cancel_when(local_hub, lambda: local_hub.stalled >= 2, service)
        limiter = anyio.to_thread.current_default_thread_limiter()
        assert limiter.borrowed_tokens == 0
    assert threading.active_count() < 40


async def test_an_index_entry_appears_only_when_all_is_in_place(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.write(REPO, "b.parquet", b"b")
    local_hub.fault(Stall(), server="cdn", path="b.parquet")
    async with open_service(local_hub, root) as service, anyio.create_task_group() as group:
        group.start_soon(service.download, everything())
        await local_hub.until(lambda: local_hub.stalled == 1)
        assert await service.list_downloaded() == []
        local_hub.release()
    assert set(read_index(root)["datasets"]) == {REPO}
