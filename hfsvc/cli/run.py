"""How commands run: settings, logs, a container, an event loop, and SIGTERM."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from hfsvc.cli.errors import Terminated
from hfsvc.cli.options import Options
from hfsvc.containers import Container, open_container
from hfsvc.models import ReadOptions
from hfsvc.protocols import TrajectorySource
from hfsvc.settings import Secret, Settings, load_settings

T = TypeVar("T")


def settings_of(options: Options) -> Settings:
    """Settings from the environment and the options, which win."""
    token = Secret(options.token.strip()) if options.token else None
    return load_settings(os.environ, root=options.root, endpoint=options.endpoint, token=token)


def source_of(options: Options, dataset: str | None) -> str:
    """The dataset that was named, else the settings' default source."""
    return dataset or settings_of(options).default_source


def repo_of(options: Options, dataset: str) -> str:
    """The id of a dataset that was named, by its alias or itself."""
    from hfsvc.trajectories.registry import open_registry

    return open_registry(settings_of(options).sources).repo_of(dataset)


def open_source(
    container: Container, dataset: str, reading: ReadOptions, on_rows: Callable[[int, int], None] | None = None
) -> TrajectorySource:
    """A dataset's trajectories, read as the command's options say.

    Args:
        container: Makes it.
        dataset: Its alias or id.
        reading: How to read it.
        on_rows: Told, while a first look goes over all rows, how many are done of how many.
    """
    from hfsvc.trajectories.source import FileTrajectorySource

    source = container.source(dataset, **msgspec.structs.asdict(reading))
    if on_rows and isinstance(source, FileTrajectorySource):
        source.watch(on_rows)
    return source


def run(options: Options, work: Callable[[Container], Awaitable[T]], settings: Settings | None = None) -> T:
    """Open a container, await `work` with it, and give its result.

    Raises:
        KeyboardInterrupt: Ctrl-C; everything was closed.
        Terminated: SIGTERM came; everything was closed.
    """
    _set_up_logs(verbose=options.verbose)
    chosen = settings or settings_of(options)

    async def main() -> T:
        async with open_container(chosen) as container:
            return await work(container)

    return asyncio.run(_until_terminated(main()))


async def _until_terminated(work: Awaitable[T]) -> T:
    task = asyncio.ensure_future(work)
    terminated = False

    def stop() -> None:
        nonlocal terminated
        terminated = True
        task.cancel()

    if sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if terminated:
            raise Terminated from None
        raise


def _set_up_logs(*, verbose: bool) -> None:
    level = logging.DEBUG if verbose else logging.ERROR
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("hfsvc").setLevel(level)
    # It warns of every piece that is written to a reader that has just left.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    logging.getLogger("httpx").setLevel(logging.INFO if verbose else logging.WARNING)
