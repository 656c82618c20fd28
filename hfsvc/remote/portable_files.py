"""Files of one commit on the Hub that another process reads by ranges, over connections of its own, with a token of its own."""

import asyncio
import atexit
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import msgspec
from anyio.from_thread import BlockingPortal, start_blocking_portal
from anyio.lowlevel import current_token

from hfsvc.aio.throttle import Throttle
from hfsvc.errors import DatasetNotFound, NoAccess
from hfsvc.hub.client import HubClient
from hfsvc.hub.session import HubSession
from hfsvc.hub.transport import make_client
from hfsvc.metrics import Counters
from hfsvc.models import RemoteDataset, RemoteFile
from hfsvc.remote.hub_files import HubFiles
from hfsvc.remote.range_reader import RangeReader
from hfsvc.settings import Settings, load_settings


class PortableHubFiles:
    """`PortableFiles` of one commit on the Hub. No token is pickled: who unpickles it takes what its own environment has.

    Args:
        remote: The dataset at its commit.
        files: Those that may be read.
        settings: Of the reading.
        travelled: Whether it comes from another process, so that the environment has a say.
    """

    def __init__(
        self, remote: RemoteDataset, files: Sequence[RemoteFile], settings: Settings, *, travelled: bool = False
    ) -> None:
        # A card may name thousands of files.
        self._remote = msgspec.structs.replace(remote, configs=())
        self._files = files
        self._settings = settings
        self._travelled = travelled

    def __reduce__(
        self,
    ) -> tuple[Callable[..., "PortableHubFiles"], tuple[RemoteDataset, Sequence[RemoteFile], Settings]]:
        return _unpickled, (self._remote, self._files, msgspec.structs.replace(self._settings, token=None))

    @contextmanager
    def open(self) -> Iterator[HubFiles]:
        """The files, read on an event loop in a thread of its own, which ends with the context.

        Raises:
            InvalidSettings: The environment holds a value that cannot be used.
        """
        settings = _settings_here(self._settings, os.environ) if self._travelled else self._settings
        with _telling_of_tokens(travelled=self._travelled), _loop_of_its_own() as portal:
            client = portal.call(make_client, settings)
            session = HubSession(
                lambda: client, settings, metrics=Counters(), throttle=Throttle(settings.bandwidth_limit)
            )
            try:
                yield portal.call(self._hub_files, session, settings, portal)
            finally:
                with suppress(RuntimeError):
                    # The loop may have ended before, with the process.
                    portal.call(client.aclose)

    def _hub_files(self, session: HubSession, settings: Settings, portal: BlockingPortal) -> HubFiles:
        source = HubClient(session).content(self._remote, token=settings.token)
        return HubFiles(
            self._remote.repo,
            self._remote.commit,
            {file.path: file for file in self._files},
            RangeReader(source, settings, metrics=Counters()),
            current_token(),
            pack=lambda files: PortableHubFiles(self._remote, files, self._settings, travelled=self._travelled),
            call=portal.call,
        )


def _unpickled(remote: RemoteDataset, files: Sequence[RemoteFile], settings: Settings) -> PortableHubFiles:
    return PortableHubFiles(remote, files, settings, travelled=True)


def _settings_here(given: Settings, env: Mapping[str, str]) -> Settings:
    """Settings that came from elsewhere, with what only this environment can tell: the token, and how the Hub is reached."""
    own = load_settings(env)
    endpoint = own.endpoint if env.get("HF_ENDPOINT") else given.endpoint
    return msgspec.structs.replace(given, token=own.token, offline=own.offline, endpoint=endpoint)


@contextmanager
def _loop_of_its_own() -> Iterator[BlockingPortal]:
    """An event loop in a thread, which ends before the interpreter does: what is left half read would wait for it for ever."""
    with start_blocking_portal() as portal:

        def end() -> None:
            portal.call(_let_go)
            portal.call(portal.stop, True)

        atexit.register(end)
        try:
            yield portal
        finally:
            atexit.unregister(end)


def _let_go() -> None:
    """What the loop still fetches is wanted by nobody: that it is cancelled is no news."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)


@contextmanager
def _telling_of_tokens(*, travelled: bool) -> Iterator[None]:
    try:
        yield
    except (NoAccess, DatasetNotFound) as error:
        if travelled and not error.token_sent:
            error.hint = error.hint or "A task carries no token: HF_TOKEN, or a login, has to be where it is read."
        raise
