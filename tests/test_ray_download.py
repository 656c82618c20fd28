"""A download in shards that are tasks of Ray. Run where Ray is installed."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from hfsvc.errors import DatasetNotFound, InvalidArgument, MissingExtra
from hfsvc.ray_download import download_with_ray
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Stall

from .builders import REPO, KiB, everything, files_below, noise, settings_for
from .ray_nodes import WITH_RAY, Nodes, kill, needs_ray, two_nodes, workers_of

FILES = {f"{number}.parquet": noise(300 * KiB, number) for number in range(7)}


@pytest.fixture
def hub(local_hub: LocalHub) -> LocalHub:
    for path, content in FILES.items():
        local_hub.write(REPO, path, content)
    return local_hub


@pytest.mark.skipif(WITH_RAY, reason="Ray is installed")
async def test_without_ray_the_extra_is_named(hub: LocalHub, root: Path) -> None:
    with pytest.raises(MissingExtra, match=r"hfsvc\[ray\]"):
        await download_with_ray(everything(), settings_for(hub, root))


async def test_one_shard_is_no_work_for_a_cluster(hub: LocalHub, root: Path) -> None:
    with pytest.raises(InvalidArgument, match="shard"):
        await download_with_ray(everything(shard=(0, 2)), settings_for(hub, root))


@needs_ray
async def test_a_cluster_that_does_not_answer_is_one_sentence(
    hub: LocalHub, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(InvalidArgument, match=r"RAY_ADDRESS cannot be 127\.0\.0\.1:1: no Ray cluster answers there"):
        await download_with_ray(everything(), settings_for(hub, root))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    with two_nodes() as nodes:
        yield nodes


@needs_ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
async def test_shards_are_tasks(hub: LocalHub, root: Path) -> None:
    dataset = await download_with_ray(everything(), settings_for(hub, root), 3)
    assert dataset.shard is None
    assert files_below(root / REPO) == FILES


@needs_ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
async def test_an_error_of_a_task_is_the_error(hub: LocalHub, root: Path) -> None:
    with pytest.raises(DatasetNotFound):
        await download_with_ray(everything("acme/nothing"), settings_for(hub, root), 2)


@needs_ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
async def test_no_task_is_cancelled_that_has_answered(
    hub: LocalHub, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled: list[object] = []
    monkeypatch.setattr("ray.cancel", lambda task, **_: cancelled.append(task))
    await download_with_ray(everything(), settings_for(hub, root), 2)
    assert not cancelled


@needs_ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
async def test_a_worker_that_is_killed_costs_a_second_try(hub: LocalHub, root: Path) -> None:
    hub.fault(Stall(after=KiB), server="cdn", times=1)
    settings = settings_for(hub, root, stall_timeout_s=60.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(download_with_ray, everything(), settings, 2)
        await hub.until(lambda: hub.stalled > 0)
        workers = workers_of("_work")
        assert workers
        for worker in workers:
            kill(worker)
        hub.release()
    assert files_below(root / REPO) == FILES
