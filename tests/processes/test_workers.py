"""Workers of other processes, after their parent has used a container: forked, spawned, or of a fork server."""

import asyncio
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from hfsvc.containers import Container, open_container
from hfsvc.models import DatasetRequest
from hfsvc.settings import Settings
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Stall
from hfsvc.testing.samples import rows_table, sample_rows

from ..builders import noise, settings_for

WAIT_S = 45
READ, FETCHED = "acme/read", "acme/fetched"
METHODS = [each for each in ("fork", "spawn", "forkserver") if each in multiprocessing.get_all_start_methods()]
Transport = pytest.mark.parametrize("transport", ["httpx", "auto"])
_container: list[Container] = []
"""What a forked child has from its parent."""


def publish(hub: LocalHub, folder: Path) -> None:
    import pyarrow.parquet as pq

    folder.mkdir()
    pq.write_table(rows_table(sample_rows(300)), folder / "rows.parquet", row_group_size=100)
    hub.write(READ, "rows.parquet", (folder / "rows.parquet").read_bytes())
    for number in range(5):
        hub.write(FETCHED, f"{number}.bin", noise(300_000, number))


async def use(container: Container) -> dict[str, Any]:
    source = container.source(READ)
    found = {
        "count": await source.count(),
        "rows": [each.row async for each in source.stream_rows(start=95, stop=105)],
        "single": [(await source.get_trajectory(row)) is not None for row in (5, 6, 250)],
        "total": (await source.list_summaries(0, 3, "task_1")).total,
        "here": [each.repo for each in await container.datasets().list_downloaded()],
    }
    dataset = await container.datasets().download(DatasetRequest(FETCHED, include="**"))
    return found | {"files": dataset.files, "ok": (await container.datasets().verify(FETCHED)).ok}


EXPECTED = {
    "count": 300,
    "rows": [*range(95, 105)],
    "single": [True] * 3,
    "total": 111,
    "here": [READ],
    "files": tuple(f"{number}.bin" for number in range(5)),
    "ok": True,
}


def work(settings: Settings, answer: Connection) -> None:
    """What a worker does: with its parent's container where it has it, else with one of its own."""

    async def main() -> dict[str, Any]:
        if _container:
            return await use(_container[0])
        async with open_container(settings) as container:
            return await use(container)

    try:
        answer.send(asyncio.run(main()))
    except BaseException as error:
        answer.send(repr(error))
        raise


def run_worker(method: str, target: Callable[..., None], *arguments: Any) -> Any:
    context: Any = multiprocessing.get_context(method)
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(*arguments, send))
    process.start()
    send.close()
    try:
        assert receive.poll(WAIT_S), "the worker hangs"
        return receive.recv()
    finally:
        process.join(5)
        if process.is_alive():
            process.kill()


@Transport
@pytest.mark.parametrize("method", METHODS)
async def test_a_worker_reads_and_downloads(
    local_hub: LocalHub, root: Path, tmp_path: Path, method: str, transport: str
) -> None:
    publish(local_hub, tmp_path / "data")
    settings = settings_for(local_hub, root, transport=transport)
    async with open_container(settings) as container:
        await container.datasets().download(DatasetRequest(READ))
        source = container.source(READ)
        assert [(await source.get_trajectory(row)) is not None for row in (5, 6)] == [True, True]
        _container.append(container)
        try:
            assert await asyncio.to_thread(run_worker, method, work, settings) == EXPECTED
        finally:
            _container.clear()
        # The parent goes on as before.
        assert await source.count() == 300
        assert (await container.datasets().download(DatasetRequest(READ))).repo == READ


@pytest.mark.skipif("fork" not in METHODS, reason="nothing is forked on this system")
async def test_a_child_forked_in_the_middle_of_everything_goes_on_alone(
    local_hub: LocalHub, root: Path, tmp_path: Path
) -> None:
    publish(local_hub, tmp_path / "data")
    local_hub.write("acme/slow", "slow.bin", noise(100_000))
    settings = settings_for(local_hub, root)
    async with open_container(settings) as container:
        await container.datasets().download(DatasetRequest(READ))
        local_hub.fault(Stall(), server="cdn", path="slow.bin", times=1)
        # It holds a lock of the process and one of files, a connection and worker threads; the stream an open file.
        task = asyncio.create_task(container.datasets().download(DatasetRequest("acme/slow", include="**")))
        stream = container.source(READ).stream_rows()
        await anext(stream)
        await local_hub.until(lambda: local_hub.stalled == 1)
        looking = asyncio.create_task(container.datasets().list_downloaded())
        _container.append(container)
        try:
            assert await asyncio.to_thread(run_worker, "fork", work, settings) == EXPECTED
        finally:
            _container.clear()
        assert len(await looking) in {1, 2}
        assert len([row async for row in stream]) == 299
        local_hub.release()
        assert (await task).files == ("slow.bin",)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HTTPS_PROXY", "http://["), ("ALL_PROXY", "nonsense://x"), ("SSL_CERT_FILE", "/no/such/file")],
)
async def test_reading_builds_no_client(
    local_hub: LocalHub, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    publish(local_hub, tmp_path / "data")
    async with open_container(settings_for(local_hub, root)) as container:
        await container.datasets().download(DatasetRequest(READ))
    monkeypatch.setenv(variable, value)
    async with open_container(settings_for(local_hub, root, trust_env=True)) as container:
        assert await container.source(READ).count() == 300
        assert await container.datasets().is_downloaded(READ)
        assert (await container.datasets().verify(READ)).ok
