import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import httpx
import pytest
from dependency_injector import providers

from hfsvc.containers import Container, open_container
from hfsvc.datasets.service import HubDatasetService
from hfsvc.errors import ContainerEnded, InvalidSettings
from hfsvc.protocols import DatasetService
from hfsvc.settings import Settings
from hfsvc.testing import FakeDatasetService, LocalHub
from hfsvc.testing.localhub import Cut, Stall

from .builders import REPO, everything, settings_for


async def test_every_provider_gives_its_part() -> None:
    async with open_container(Settings()) as container:
        names = set(container.providers) - {"source"}
        parts = {name: getattr(container, name)() for name in names}
        assert all(part is not None for part in parts.values())
        assert container.source("openthoughts-sft") is not None
        assert isinstance(parts["datasets"], HubDatasetService)
        assert isinstance(parts["http"], httpx.AsyncClient)


async def test_opening_a_container_touches_neither_disk_nor_network(tmp_path: Path) -> None:
    async with open_container(Settings(root=tmp_path / "store")) as container:
        container.datasets()
    assert list(tmp_path.iterdir()) == []


async def test_parts_are_made_once_a_container() -> None:
    async with open_container(Settings()) as one, open_container(Settings()) as two:
        assert one.datasets() is one.datasets()
        assert one.datasets() is not two.datasets()


async def test_the_root_is_made_absolute_when_the_container_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with open_container(Settings(root=Path("here"))) as container:
        monkeypatch.chdir("/")
        assert container.settings().root == tmp_path / "here"


async def test_settings_come_from_the_environment_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HFSVC_MAX_CONNECTIONS", "3")
    async with open_container() as container:
        assert container.settings().max_connections == 3
    monkeypatch.setenv("HFSVC_MAX_CONNECTIONS", "many")
    with pytest.raises(InvalidSettings):
        async with open_container():
            pass


async def test_a_part_can_be_replaced(tmp_path: Path) -> None:
    fake = FakeDatasetService(tmp_path, {REPO: {"a.parquet": b"a"}})
    async with open_container(Settings(), datasets=providers.Object(fake)) as container:
        assert container.datasets() is fake
        assert (await container.datasets().download(everything())).files == ("a.parquet",)


async def test_a_replaced_part_stays_with_its_container(tmp_path: Path) -> None:
    async with open_container(Settings(), datasets=providers.Object(FakeDatasetService(tmp_path))):
        pass
    async with open_container(Settings()) as container:
        assert isinstance(container.datasets(), HubDatasetService)


async def test_a_client_that_was_passed_in_is_used_and_never_closed(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    async with httpx.AsyncClient(trust_env=False) as http:
        async with open_container(settings_for(local_hub, root), http=providers.Object(http)) as container:
            assert container.http() is http
            await container.datasets().download(everything())
        assert not http.is_closed


async def test_an_own_client_is_closed_at_the_end() -> None:
    async with open_container(Settings()) as container:
        http = container.http()
        assert not http.is_closed
    assert http.is_closed


async def test_an_own_client_is_closed_after_an_error() -> None:
    clients: list[httpx.AsyncClient] = []

    async def use() -> None:
        async with open_container(Settings()) as container:
            clients.append(container.http())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await use()
    assert clients[0].is_closed


async def test_an_own_client_is_closed_when_its_user_is_cancelled(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.fault(Stall(), server="hub")
    clients: list[httpx.AsyncClient] = []

    async def use() -> None:
        async with open_container(settings_for(local_hub, root)) as container:
            clients.append(container.http())
            await container.datasets().download(everything())

    async with anyio.create_task_group() as group:
        group.start_soon(use)
        await local_hub.until(lambda: local_hub.stalled == 1)
        group.cancel_scope.cancel()
    assert clients[0].is_closed


CALLS: list[Callable[[DatasetService], Awaitable[object]]] = [
    lambda service: service.download(everything()),
    lambda service: service.plan(everything()),
    lambda service: service.is_downloaded(REPO),
    lambda service: service.get_local_path(REPO),
    lambda service: service.get_download_info(REPO),
    lambda service: service.list_downloaded(),
    lambda service: service.verify(REPO),
    lambda service: service.delete(REPO),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("used", [True, False])
async def test_a_service_says_that_its_container_has_ended(
    local_hub: LocalHub, root: Path, call: Callable[[DatasetService], Awaitable[object]], used: bool
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    async with open_container(settings_for(local_hub, root)) as container:
        service = container.datasets()
        if used:
            await service.download(everything())
    with pytest.raises(ContainerEnded, match="has ended"):
        await call(service)


async def test_a_source_says_that_its_container_has_ended(local_hub: LocalHub, root: Path) -> None:
    async with open_container(settings_for(local_hub, root)) as container:
        source = container.source(REPO)
    with pytest.raises(ContainerEnded):
        await source.count()
    with pytest.raises(ContainerEnded):
        await source.ensure_downloaded()
    with pytest.raises(ContainerEnded):
        async for _ in source.stream_trajectories():
            pass


async def test_parts_that_are_used_or_built_too_late_say_so(local_hub: LocalHub, root: Path) -> None:
    async with open_container(settings_for(local_hub, root)) as container:
        hub = container.hub()
    with pytest.raises(ContainerEnded):
        await hub.resolve(REPO, "main", token=None)
    async with open_container(settings_for(local_hub, root)) as late:
        pass
    with pytest.raises(ContainerEnded):
        await late.datasets().download(everything())


async def test_a_download_that_outlives_its_container_says_so(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a" * 100_000)
    local_hub.fault(Cut(after=10), server="cdn")
    stalled = local_hub.fault(Stall(), server="cdn", times=1)
    async with anyio.create_task_group() as group:
        async with open_container(settings_for(local_hub, root)) as container:
            service = container.datasets()

            async def outlive() -> None:
                with pytest.raises(ContainerEnded):
                    await service.download(everything())

            group.start_soon(outlive)
            await local_hub.until(lambda: local_hub.stalled == 1)
        local_hub.release()
    assert stalled.fired == 1


async def test_a_container_may_be_closed_by_another_task_than_opened_it() -> None:
    # No task group and no cancel scope hangs on it: frameworks open and close in different tasks.
    context = open_container(Settings())
    container: Container = await asyncio.create_task(_enter(context))
    http = container.http()
    await asyncio.create_task(_leave(context))
    assert http.is_closed


async def _enter(context: AbstractAsyncContextManager[Container]) -> Container:
    return await context.__aenter__()


async def _leave(context: AbstractAsyncContextManager[Container]) -> None:
    await context.__aexit__(None, None, None)
