"""The ASGI app over a container: its routes, its error handlers, its guard, its lifespan."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
from litestar import Litestar
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig

from hfsvc import __version__
from hfsvc.arguments import check_value
from hfsvc.containers import Container
from hfsvc.errors import NotDownloaded
from hfsvc.server.codes import OneTimeCodes
from hfsvc.server.effuse.trial_names import TrialNames
from hfsvc.server.errors import ErrorRenderer, ToldFailures, http_exception_response
from hfsvc.server.jobs import Jobs
from hfsvc.server.limits import ByteBudget, ServerLimits, Slots
from hfsvc.server.measures import MeasuredRows
from hfsvc.server.metrics import ServerCounters
from hfsvc.server.middleware.access import ServerAccess
from hfsvc.server.middleware.compression import Compression
from hfsvc.server.middleware.conditional import AnswerTags, Conditional
from hfsvc.server.middleware.guard import Guard
from hfsvc.server.open_sources import OpenSources
from hfsvc.server.responses import Receive, Scope, Send
from hfsvc.server.routes import datasets, effuse, system, trajectories
from hfsvc.server.routes import jobs as downloads
from hfsvc.server.routes.openapi import OpenApiPlugin, operation_id
from hfsvc.server.routes.parameters import read_source
from hfsvc.server.routes.query_names import QueryNames
from hfsvc.server.row_order import OrderedLists
from hfsvc.server.state import AppState

ROUTES = (
    datasets.list_datasets,
    datasets.get_dataset,
    datasets.verify_dataset,
    datasets.delete_dataset,
    datasets.list_sources,
    downloads.start_job,
    downloads.list_jobs,
    downloads.get_job,
    downloads.cancel_job,
    downloads.watch_job,
    trajectories.list_trajectories,
    trajectories.get_trajectory,
    trajectories.list_steps,
    trajectories.stream_trajectories,
    trajectories.list_facets,
    trajectories.search_messages,
    trajectories.list_totals,
    system.get_index,
    system.get_static,
    system.open_session,
    system.is_alive,
    system.is_ready,
    system.get_metrics,
    effuse.serve_effuse,
)


class ServerApp:
    """An ASGI app: serve it, or mount it in another one.

    Downloads live as long as its lifespan, which servers open by themselves. A host that mounts the app and keeps
    lifespan events to itself opens `lifespan` instead.
    """

    def __init__(self, state: AppState) -> None:
        self._sources = state.sources
        self._datasets = state.datasets
        self._jobs = state.jobs
        self._codes = state.codes
        tags = AnswerTags(state.sources)
        app = Compression(Conditional(_make_litestar(state), tags.tag_of))
        self._app = Guard(app, access=state.access, limits=state.limits, counters=state.counters)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Downloads can be started while it is open; at its end those that run are cancelled, what they have is kept."""
        async with self._jobs.open():
            yield

    async def find_missing(self) -> NotDownloaded | None:
        """That the default source is not on disk, for whoever starts a server: the socket reads nothing else."""
        repo = self._sources.repo(None)
        readable = self._sources.is_local(repo) or self._sources.is_remote(repo)
        return None if readable or await self._datasets.is_downloaded(repo) else NotDownloaded(repo=repo)

    def issue_code(self) -> str:
        """A code that opens one session, once, within five minutes: for an address, in place of the token."""
        return self._codes.issue()

    def close_streams(self) -> None:
        """End streams that would otherwise last until their watchers leave."""
        self._jobs.close()


def create_app(
    container: Container,
    *,
    access: ServerAccess | None = None,
    limits: ServerLimits | None = None,
    files: Sequence[str | os.PathLike[str]] = (),
    remote: Sequence[str] = (),
) -> ServerApp:
    """The server over a container, which the caller opens before and closes after it.

    Args:
        container: Its parts are used, and its settings' default source, where no `files` are given.
        access: Who may come in: everyone who reaches it by ``localhost`` or an IP address, unless given.
        limits: How much it takes on at once.
        files: Paths of files of your own, folders or globs: each is a dataset besides, called ``local:`` and the last part of
            its path, and the first one is the default source.
        remote: Datasets that are read on the Hub, without a download, by alias, id or address.

    Raises:
        InvalidArgument: One of them is something else.
    """
    check_value("access", access, ServerAccess | None)
    check_value("limits", limits, ServerLimits | None)
    sources = OpenSources(container, files, remote)
    return ServerApp(_make_state(container, sources, access or ServerAccess(), limits or ServerLimits()))


def _make_state(container: Container, sources: OpenSources, access: ServerAccess, limits: ServerLimits) -> AppState:
    errors = ErrorRenderer(container.settings(), sources.folders)
    return AppState(
        container=container,
        datasets=container.datasets(),
        sources=sources,
        jobs=Jobs(container.datasets(), sources, limits=limits, errors=errors, settings=container.settings()),
        budget=ByteBudget(limits.held_bytes, wait_s=limits.held_wait_s),
        lists=anyio.CapacityLimiter(limits.lists),
        exports=Slots(limits.exports, "streams of trajectories"),
        watchers=Slots(limits.watchers, "streams of events"),
        access=access,
        codes=OneTimeCodes(),
        limits=limits,
        errors=errors,
        counters=ServerCounters(),
        trial_names=TrialNames(),
        socket_failures=ToldFailures(),
        measured_rows=MeasuredRows(),
        ordered_lists=OrderedLists(),
    )


def _make_litestar(state: AppState) -> Litestar:
    def give_state() -> AppState:
        return state

    names = QueryNames()
    app = Litestar(
        before_request=names.check,
        route_handlers=ROUTES,
        dependencies={
            "app": Provide(give_state, sync_to_thread=False),
            "wanted": Provide(read_source, sync_to_thread=False),
        },
        exception_handlers={HTTPException: http_exception_response, Exception: state.errors.response},
        lifespan=[lambda _: state.jobs.open()],
        # What lies below this path and is not there is answered with a page of Litestar's: so nothing lies below it.
        openapi_config=OpenAPIConfig(
            title="hfsvc",
            version=__version__,
            path="/api/openapi.json",
            render_plugins=[OpenApiPlugin(path="/")],
            use_handler_docstrings=True,
            operation_id_creator=operation_id,
        ),
        request_max_body_size=state.limits.body_bytes,
        logging_config=None,
        debug=False,
    )
    names.learn(app)
    return app
