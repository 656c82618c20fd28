import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, assert_type

import anyio
import httpx
import msgspec
import pytest
from dependency_injector import providers

from hfsvc.containers import Container, open_container
from hfsvc.datasets.service import HubDatasetService
from hfsvc.errors import ContainerEnded, FixRequest, InvalidSettings, NotDownloaded, OtherEventLoop
from hfsvc.models import DatasetRequest
from hfsvc.protocols import BatchSource, DatasetService
from hfsvc.settings import Settings
from hfsvc.testing import FakeDatasetService, LocalHub
from hfsvc.testing.localhub import Cut, Stall

from .builders import REPO, everything, settings_for
from .test_arguments import OPTIONS


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


# ---- what is asked for is checked where it is said ----------------------------------------------------------------------


CHOICES: list[tuple[str, Any]] = [
    ("query", {"where": "nofield:x"}),
    ("sample", {"sample": -1, "seed": 1}),
    ("seed", {"sample": 3}),
    ("seed", {"shuffle": True}),
]


@pytest.mark.parametrize(("name", "choice"), CHOICES)
async def test_a_source_refuses_a_choice_that_no_dataset_could_serve(name: str, choice: dict[str, Any]) -> None:
    async with open_container(Settings()) as container:
        with pytest.raises(FixRequest, match=name):
            container.source("acme/notes", **choice)


@pytest.mark.parametrize(("name", "value"), OPTIONS)
async def test_a_source_refuses_a_way_of_reading_that_there_is_not(name: str, value: Any) -> None:
    async with open_container(Settings()) as container:
        with pytest.raises(FixRequest, match=name):
            container.source("acme/notes", **{name: value})


async def test_a_source_refuses_an_option_that_there_is_not() -> None:
    wrong: dict[str, Any] = {"reslut": "success"}
    async with open_container(Settings()) as container:
        with pytest.raises(FixRequest, match=r"'reslut'.*on_bad_row.*Did you mean result"):
            container.source("acme/notes", **wrong)


async def test_type_checkers_see_what_a_source_takes() -> None:
    # Where a checker saw nothing, it would say that these lines need no exception.
    async with open_container(Settings()) as container:
        with pytest.raises(FixRequest):
            container.source("acme/notes", result="succes")  # type: ignore[arg-type]
        with pytest.raises(FixRequest):
            container.source("acme/notes", episodes="lst", on_bad_row="ignore")  # type: ignore[arg-type]
        with pytest.raises(FixRequest):
            container.source("acme/notes", layout="opnai", style="structurd")  # type: ignore[arg-type]
        with pytest.raises(FixRequest):
            container.source("acme/notes", reslut="success")  # type: ignore[call-arg]
        assert_type(container.source("acme/notes", result="success"), BatchSource)


@pytest.mark.parametrize("name", [5, None, b"acme/notes", ("acme/notes",)])
async def test_a_name_that_is_no_text_is_refused(name: Any) -> None:
    async with open_container(Settings()) as container:
        datasets = container.datasets()
        with pytest.raises(FixRequest, match="repo"):
            container.source(name)
        for call in (datasets.is_downloaded, datasets.get_local_path, datasets.verify, datasets.delete):
            with pytest.raises(FixRequest, match="repo"):
                await call(name)
        for ask in (datasets.download, datasets.plan):
            with pytest.raises(FixRequest, match="request"):
                await ask(name)


@pytest.mark.parametrize(
    ("name", "part", "told"),
    [
        ("htpp", providers.Object(None), "'htpp'.*datasets.*Did you mean http"),
        ("lifetime", providers.Object(None), "'lifetime'"),
        ("http", lambda: httpx.AsyncClient(), "providers.Object"),
        ("http", httpx.AsyncClient, "providers.Object"),
        ("http", None, "providers.Object"),
        ("http", providers.Object(httpx.Client()), "AsyncClient"),
        ("http", providers.Object(httpx.AsyncClient), "instance"),
        ("datasets", providers.Object(FakeDatasetService), "instance"),
    ],
)
async def test_a_part_that_cannot_stand_in_is_refused(name: str, part: Any, told: str) -> None:
    with pytest.raises(FixRequest, match=told):
        async with open_container(Settings(), **({name: part})):
            pass


@pytest.mark.parametrize("settings", [{"root": "/x"}, "settings.toml", 5])
async def test_settings_are_settings(settings: Any) -> None:
    with pytest.raises(FixRequest, match="settings"):
        async with open_container(settings):
            pass


@pytest.mark.parametrize(
    "part",
    [providers.Singleton(httpx.Client), providers.Factory(dict), providers.Callable(lambda: None)],
    ids=["sync", "dict", "None"],
)
async def test_a_client_that_is_none_is_told_at_the_first_request(root: Path, part: Any) -> None:
    async with open_container(Settings(root=root), http=part) as container:
        assert await container.datasets().list_downloaded() == []
        with pytest.raises(FixRequest, match="AsyncClient"):
            await container.datasets().plan(DatasetRequest(REPO))


# ---- one event loop -----------------------------------------------------------------------------------------------------


def test_a_container_on_a_second_event_loop_says_so(root: Path) -> None:
    with asyncio.Runner() as first, asyncio.Runner() as second:
        context = open_container(Settings(root=root, offline=True))
        container = first.run(_enter(context))
        datasets, source = container.datasets(), container.source("acme/notes")
        assert first.run(datasets.list_downloaded()) == []
        for call in (
            datasets.list_downloaded(),
            datasets.is_downloaded("acme/notes"),
            datasets.verify("acme/notes"),
            datasets.download(DatasetRequest("acme/notes")),
            datasets.plan(DatasetRequest("acme/notes")),
            source.count(),
            source.ensure_downloaded(),
        ):
            with pytest.raises(OtherEventLoop):
                second.run(_awaited(call))
        assert first.run(datasets.list_downloaded()) == []
        first.run(_leave(context))


async def _awaited(call: Awaitable[object]) -> object:
    return await call


# ---- aliases ------------------------------------------------------------------------------------------------------------


async def test_an_alias_is_understood_wherever_a_dataset_is_named(local_hub: LocalHub, root: Path) -> None:
    local_hub.write("open-thoughts/OpenThoughts-Agent-v1-SFT", "a.parquet", b"a")
    alias = "openthoughts-sft"
    async with open_container(settings_for(local_hub, root)) as container:
        datasets = container.datasets()
        assert not await datasets.is_downloaded(alias)
        with pytest.raises(NotDownloaded, match="open-thoughts/OpenThoughts-Agent-v1-SFT"):
            await datasets.verify(alias)
        assert (await datasets.plan(DatasetRequest(alias))).repo == "open-thoughts/OpenThoughts-Agent-v1-SFT"
        found = await datasets.download(DatasetRequest(alias))
        assert await datasets.is_downloaded(f" {alias} ")
        assert await datasets.get_download_info(alias) == found
        assert await datasets.get_local_path(alias) == found.local_path
        assert (await datasets.verify(alias)).ok
        await datasets.delete(alias)
        assert await datasets.list_downloaded() == []


async def test_an_alias_of_ones_own_is_understood_too(local_hub: LocalHub, root: Path, tmp_path: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    (tmp_path / "sources.toml").write_text(f'[mine]\nrepo = "{REPO}"\n')
    settings = settings_for(local_hub, root, sources=tmp_path / "sources.toml")
    async with open_container(settings) as container:
        await container.datasets().download(DatasetRequest("mine"))
        assert await container.datasets().is_downloaded("mine")
    async with open_container(msgspec.structs.replace(settings, offline=True)) as container:
        assert (await container.datasets().download(DatasetRequest("mine"))).repo == REPO
