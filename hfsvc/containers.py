"""The container: the one module that knows which class stands behind which protocol."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from dependency_injector import containers, providers

from hfsvc.aio.throttle import Throttle
from hfsvc.datasets.service import HubDatasetService
from hfsvc.datasets.transfer import TransferServices
from hfsvc.errors import ContainerEnded
from hfsvc.hub.client import HubClient
from hfsvc.hub.session import HubSession
from hfsvc.hub.transport import make_client
from hfsvc.hub.urls import parse_repo
from hfsvc.metrics import Counters, MetricsRecorder
from hfsvc.models import ReadOptions
from hfsvc.protocols import DatasetService, TrajectorySource
from hfsvc.settings import Settings, load_settings
from hfsvc.store.dataset_store import DatasetStore
from hfsvc.store.folder_store import FolderStore
from hfsvc.store.index import StoreIndex
from hfsvc.store.locks import DatasetLocks
from hfsvc.trajectories.registry import Registry, open_registry

if TYPE_CHECKING:
    from hfsvc.trajectories.source import FileTrajectorySource


class Lifetime(AsyncExitStack):
    """What a container opened and closes at its end, and whether that has come."""

    _ended = False

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        # Before anything is closed: whoever is still at work is to hear of the end, not of its effects.
        self._ended = True
        return bool(await super().__aexit__(kind, error, trace))

    def check(self) -> None:
        """Let nobody use what is closed.

        Raises:
            ContainerEnded: The container has ended.
        """
        if self._ended:
            raise ContainerEnded


def _open_client(settings: Settings, lifetime: Lifetime) -> httpx.AsyncClient:
    lifetime.check()
    client = make_client(settings)
    lifetime.push_async_callback(client.aclose)
    return client


def _make_store(settings: Settings) -> FolderStore:
    locks = DatasetLocks(settings.root, timeout_s=settings.lock_timeout_s)
    cache = settings.hf_cache if settings.reuse_hf_cache else None
    return FolderStore(settings.root, index=StoreIndex(settings.root), locks=locks, hf_cache=cache)


def _make_source(
    name: str, *, datasets: DatasetService, registry: Registry, endpoint: str, **options: Any
) -> "FileTrajectorySource":
    # Late: a process that only downloads needs no pyarrow.
    from hfsvc.trajectories.source import FileTrajectorySource

    repo = registry.repo_of(name)
    read_as = registry.read_options(parse_repo(repo, endpoint).repo, ReadOptions(**options))
    return FileTrajectorySource(repo, datasets=datasets, options=read_as)


class Container(containers.DeclarativeContainer):
    """What a process needs, built on first use. Open one with `open_container`.

    Attributes:
        settings: As given, the root made absolute.
        lifetime: Closes what was opened, when the container ends.
        http: The client for Hub and CDN.
        hub: The Hub's API.
        metrics: Counts bytes, requests, retries and waits; a `Counters` unless overridden.
        store: What lies on disk of datasets; a folder unless overridden.
        datasets: `DatasetService`.
        registry: The datasets that are known by name.
        source: ``source(name, style="messages", on_bad_row="raise", …)`` gives the `TrajectorySource` of an alias or a
            dataset id, read with `hfsvc.models.ReadOptions`; what is not given is as the registry knows the dataset.
    """

    settings: providers.Provider[Settings] = providers.Dependency(instance_of=Settings)
    lifetime: providers.Provider[Lifetime] = providers.Dependency(instance_of=Lifetime)
    http: providers.Provider[httpx.AsyncClient] = providers.Singleton(_open_client, settings, lifetime)
    metrics: providers.Provider[MetricsRecorder] = providers.Singleton(Counters)
    throttle: providers.Provider[Throttle] = providers.Singleton(Throttle, settings.provided.bandwidth_limit)
    session: providers.Provider[HubSession] = providers.Singleton(
        HubSession, http, settings, metrics=metrics, throttle=throttle, check_open=lifetime.provided.check
    )
    hub: providers.Provider[HubClient] = providers.Singleton(HubClient, session)
    store: providers.Provider[DatasetStore] = providers.Singleton(_make_store, settings)
    services: providers.Provider[TransferServices] = providers.Singleton(
        TransferServices, hub=hub, settings=settings, metrics=metrics
    )
    datasets: providers.Provider[DatasetService] = providers.Singleton(
        HubDatasetService, services=services, store=store, check_open=lifetime.provided.check
    )
    registry: providers.Provider[Registry] = providers.Singleton(open_registry, settings.provided.sources)
    source: providers.Provider[TrajectorySource] = providers.Callable(
        _make_source, datasets=datasets, registry=registry, endpoint=settings.provided.endpoint
    )


@asynccontextmanager
async def open_container(
    settings: Settings | None = None, **overrides: providers.Provider[Any]
) -> AsyncIterator[Container]:
    """A fresh container for as long as the context lasts.

    Args:
        settings: From the environment, unless given.
        overrides: Providers to use instead of the container's own, by name, for example
            ``http=providers.Object(client)``. What was passed in is never closed here.

    Raises:
        InvalidSettings: The environment holds a value that cannot be used.
    """
    given = settings or load_settings(os.environ)
    absolute = msgspec.structs.replace(given, root=_absolute(given.root))
    async with Lifetime() as lifetime:
        yield Container(settings=providers.Object(absolute), lifetime=providers.Object(lifetime), **overrides)


def _absolute(root: Path) -> Path:
    # Not `resolve`: a root that is a link may be moved by moving the link.
    return root if root.is_absolute() else Path.cwd() / root.expanduser()
