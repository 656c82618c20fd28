"""The container: the one module that knows which class stands behind which protocol."""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, cast

import httpx
import msgspec
from dependency_injector import containers, providers

from hfsvc.aio.per_process import PerProcess
from hfsvc.aio.throttle import Throttle
from hfsvc.arguments import check_name, check_value
from hfsvc.datasets.request import parse_request
from hfsvc.datasets.service import HubDatasetService
from hfsvc.datasets.transfer import TransferServices
from hfsvc.errors import ContainerEnded, InvalidArgument, typed
from hfsvc.hub.client import HubClient
from hfsvc.hub.session import HubSession
from hfsvc.hub.transport import make_client
from hfsvc.hub.urls import parse_repo
from hfsvc.metrics import Counters, MetricsRecorder
from hfsvc.models import (
    DatasetRequest,
    EpisodeFilter,
    LayoutName,
    OnBadRow,
    Preference,
    ReadOptions,
    ResultFilter,
    SplitShare,
    Style,
    TraceFilter,
)
from hfsvc.protocols import BatchSource, DatasetService
from hfsvc.settings import Settings, load_settings, make_absolute
from hfsvc.store.dataset_store import DatasetStore
from hfsvc.store.folder_store import FolderStore
from hfsvc.store.index import StoreIndex
from hfsvc.store.locks import DatasetLocks
from hfsvc.store.process_locks import ProcessLocks
from hfsvc.trajectories.local_files import LocalFiles
from hfsvc.trajectories.registry import Registry, open_registry

if TYPE_CHECKING:
    from hfsvc.remote.bucket_dataset import BucketDataset
    from hfsvc.remote.pinned_dataset import PinnedDataset
    from hfsvc.store.objects.object_store import ObjectDatasetStore
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


def _make_clients(settings: Settings, lifetime: Lifetime) -> PerProcess[httpx.AsyncClient]:
    def open_client() -> httpx.AsyncClient:
        lifetime.check()
        client = make_client(settings)
        lifetime.push_async_callback(client.aclose)
        return client

    return PerProcess(open_client)


def _client_of(clients: PerProcess[httpx.AsyncClient]) -> httpx.AsyncClient:
    return clients()


def _make_store(settings: Settings) -> DatasetStore:
    if settings.store_address is not None:
        return _make_object_store(settings, settings.store_address)
    kinds = ProcessLocks(settings.locks, settings.lease_s)
    locks = DatasetLocks(settings.root, timeout_s=settings.lock_timeout_s, locks=kinds)
    cache = settings.hf_cache if settings.reuse_hf_cache else None
    return FolderStore(settings.root, index=StoreIndex(settings.root, locks=kinds), locks=locks, hf_cache=cache)


def _make_object_store(settings: Settings, address: str) -> "ObjectDatasetStore":
    # Late: obstore is an extra.
    from hfsvc.store.objects.object_bucket import open_bucket
    from hfsvc.store.objects.object_locks import ObjectLocks
    from hfsvc.store.objects.object_store import ObjectDatasetStore

    bucket = open_bucket(address)
    locks = ObjectLocks(bucket, lease_s=settings.lease_s, timeout_s=settings.lock_timeout_s)
    return ObjectDatasetStore(bucket, locks=locks, stall_s=settings.stall_timeout_s)


def _make_datasets(
    services: TransferServices, store: DatasetStore, registry: Callable[[], Registry], lifetime: Lifetime
) -> HubDatasetService:
    return HubDatasetService(
        services=services,
        store=store,
        check_open=lifetime.check,
        full_name=lambda name: registry().expand(name),
    )


def _make_pinned(
    name: str,
    services: TransferServices,
    *,
    session: HubSession,
    datasets: DatasetService,
    registry: Registry,
    store: DatasetStore,
    lifetime: Lifetime,
    keep_bytes: bool,
) -> "PinnedDataset":
    from hfsvc.remote.pinned_dataset import PinnedDataset
    from hfsvc.remote.range_keeper import RangeKeeper

    request = parse_request(DatasetRequest(repo=name), services.settings, full_name=registry.expand)
    counters = Counters()
    return PinnedDataset(
        request,
        HubClient(session.counting_in(counters)),
        services.settings,
        counters=counters,
        service=datasets,
        check_open=lifetime.check,
        open_keeper=partial(RangeKeeper, store) if keep_bytes else None,
    )


def _make_source(
    name: str | os.PathLike[str],
    *,
    datasets: DatasetService,
    registry: Registry,
    settings: Settings,
    pin: "Callable[..., PinnedDataset]",
    store: Callable[[], DatasetStore],
    metrics: MetricsRecorder,
    remote: bool = False,
    keep_bytes: bool = False,
    **options: Any,
) -> "FileTrajectorySource":
    # Late: a process that only downloads needs no pyarrow.
    from hfsvc.trajectories.source import FileTrajectorySource

    for option in options:
        check_name("source() option", option, (*ReadOptions.__struct_fields__, "remote", "keep_bytes"))
    if not isinstance(name, os.PathLike):
        check_value("repo", name, str)
    check_value("remote", remote, bool)
    check_value("keep_bytes", keep_bytes, bool)
    if keep_bytes and settings.store_address is not None:
        raise InvalidArgument(
            name="keep_bytes", given="True", reason=f"{settings.store_address} keeps no parts of files"
        )
    if registry.means_files(name):
        if remote:
            raise InvalidArgument(name="remote", given="True", reason=f"{name} lies on this disk already")
        files = LocalFiles(name)
        cache = files.sidecars(settings.root)
        return FileTrajectorySource(files.name, datasets=files, options=ReadOptions(**options), sidecars=cache)
    name, endpoint = str(name), settings.endpoint
    repo = parse_repo(registry.repo_of(name), endpoint).repo
    read_as = registry.read_options(repo, ReadOptions(**options))
    if remote:
        registry.repo_of(name)
        pinned = pin(name, keep_bytes=keep_bytes)
        return FileTrajectorySource(
            typed(repo), datasets=pinned, options=read_as, files_of=pinned.files_of, traffic=lambda: pinned.traffic
        )
    if keep_bytes:
        raise InvalidArgument(name="keep_bytes", given="True", reason="only what is read remotely is kept: give remote")
    if settings.store_address is not None:
        in_bucket = _make_bucket_dataset(datasets, store(), settings, metrics)
        return FileTrajectorySource(typed(repo), datasets=in_bucket, options=read_as, files_of=in_bucket.files_of)
    return FileTrajectorySource(typed(repo), datasets=datasets, options=read_as)


def _make_bucket_dataset(
    datasets: DatasetService, store: DatasetStore, settings: Settings, metrics: MetricsRecorder
) -> "BucketDataset":
    from hfsvc.remote.bucket_dataset import BucketDataset
    from hfsvc.store.objects.object_store import ObjectDatasetStore

    if not isinstance(store, ObjectDatasetStore):
        raise InvalidArgument(
            name="store", given=_kind_of(store), reason="the root is in an object store, and it is not"
        )
    return BucketDataset(datasets, store.content, settings, metrics=metrics)


class OpenSource(Protocol):
    """`Container.source`: opens the trajectories of an alias or a dataset id, read as `ReadOptions` say."""

    def __call__(
        self,
        name: str | os.PathLike[str],
        *,
        style: Style = "messages",
        on_bad_row: OnBadRow = "raise",
        layout: LayoutName | None = None,
        columns: Mapping[str, str] = ...,
        config: str | None = None,
        split: str | None = None,
        episodes: EpisodeFilter = "all",
        fenced: bool = False,
        keep: Sequence[str] | str = (),
        rows: Sequence[int | str] | None = None,
        result: ResultFilter = "all",
        traces: TraceFilter = "all",
        where: str | None = None,
        dedupe: str | None = None,
        prefer: Preference = "first",
        share: SplitShare | None = None,
        sample: int | None = None,
        shuffle: bool = False,
        seed: int | None = None,
        remote: bool = False,
        keep_bytes: bool = False,
    ) -> BatchSource:
        """A new source each time.

        With `remote`, rows are read where they lie on the Hub, at the commit that it has when the source is first used; with
        `keep_bytes`, what was read is left for a later download to reuse.

        Raises:
            UnknownSource: A bare word that is no alias.
            InvalidArgument: There is no such option, or no such value of it.
        """
        ...


class Container(containers.DeclarativeContainer):
    """What a process needs, built on first use. Open one with `open_container`.

    Attributes:
        settings: As given, the root made absolute.
        lifetime: Closes what was opened, when the container ends.
        clients: Makes a client at the first request, and a forked child another one.
        http: The client for Hub and CDN.
        hub: The Hub's API.
        metrics: Counts bytes, requests, retries and waits; a `Counters` unless overridden.
        store: What is kept of datasets: in a folder, or at `Settings.store_address`.
        datasets: `DatasetService`.
        registry: The datasets that are known by name.
        source: ``source(name, style="messages", on_bad_row="raise", …)`` gives the `TrajectorySource` of an alias, a
            dataset id, or files of one's own (a path, a folder, a glob), read with `hfsvc.models.ReadOptions`; what is not given is as the registry knows the dataset.
    """

    settings: providers.Provider[Settings] = providers.Dependency(instance_of=Settings)
    lifetime: providers.Provider[Lifetime] = providers.Dependency(instance_of=Lifetime)
    clients: providers.Provider[PerProcess[httpx.AsyncClient]] = providers.Singleton(_make_clients, settings, lifetime)
    http: providers.Provider[httpx.AsyncClient] = providers.Callable(_client_of, clients)
    metrics: providers.Provider[MetricsRecorder] = providers.Singleton(Counters)
    throttle: providers.Provider[Throttle] = providers.Singleton(Throttle, settings.provided.bandwidth_limit)
    session: providers.Provider[HubSession] = providers.Singleton(
        HubSession, http.provider, settings, metrics=metrics, throttle=throttle, check_open=lifetime.provided.check
    )
    hub: providers.Provider[HubClient] = providers.Singleton(HubClient, session)
    store: providers.Provider[DatasetStore] = providers.Singleton(_make_store, settings)
    services: providers.Provider[TransferServices] = providers.Singleton(
        TransferServices, hub=hub, settings=settings, metrics=metrics
    )
    registry: providers.Provider[Registry] = providers.Singleton(open_registry, settings.provided.sources)
    datasets: providers.Provider[DatasetService] = providers.Singleton(
        _make_datasets, services=services, store=store, registry=registry.provider, lifetime=lifetime
    )
    # What a provider takes no type checker sees.
    source: OpenSource = cast(
        "OpenSource",
        providers.Callable(
            _make_source,
            datasets=datasets,
            registry=registry,
            settings=settings,
            store=store.provider,
            metrics=metrics,
            pin=providers.Factory(
                _make_pinned,
                services=services,
                session=session,
                datasets=datasets,
                registry=registry,
                store=store,
                lifetime=lifetime,
            ).provider,
        ),
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
        InvalidArgument: There is no such part, or it cannot be replaced by that.
    """
    check_value("settings", settings, Settings | None)
    for name, provider in overrides.items():
        _check_override(name, provider)
    given = settings or load_settings(os.environ)
    absolute = msgspec.structs.replace(
        given, root=make_absolute(given.root, setting="root", hint="Name a whole path (HFSVC_ROOT).")
    )
    if absolute.store_address is not None:
        # Nothing of a file can be copied there, neither of its last version nor from this disk.
        absolute = msgspec.structs.replace(absolute, deltas=False, reuse_hf_cache=False)
    async with Lifetime() as lifetime:
        yield Container(settings=providers.Object(absolute), lifetime=providers.Object(lifetime), **overrides)


def _check_override(name: str, provider: Any) -> None:
    check_name("open_container() part", name, sorted(Container.providers.keys() - {"settings", "lifetime"}))
    if not isinstance(provider, providers.Provider):
        reason = "a part is replaced by a provider, such as dependency_injector.providers.Object(part)"
        raise InvalidArgument(name=name, given=_kind_of(provider), reason=reason)
    if isinstance(provider, providers.Object):
        check_part(name, provider())


def check_part(name: str, part: Any) -> None:
    """Refuse what cannot stand in for a part of a container: a class, or a client that is not asynchronous.

    Raises:
        InvalidArgument: It cannot.
    """
    if isinstance(part, type):
        raise InvalidArgument(name=name, given=f"the class {part.__name__}", reason="it must be an instance of one")
    if name == "http" and not isinstance(part, httpx.AsyncClient):
        raise InvalidArgument(name=name, given=_kind_of(part), reason="it must be an httpx.AsyncClient")


def _kind_of(value: Any) -> str:
    # Not its repr: that of a client, or of a closure, may hold anything.
    return f"a {type(value).__module__}.{type(value).__qualname__}"
