"""How commands run: settings, logs, a container, an event loop, and SIGTERM."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from hfsvc.cli.errors import Terminated
from hfsvc.cli.options import Options
from hfsvc.cli.remote import remote_reading
from hfsvc.containers import Container, open_container
from hfsvc.errors import NotDownloaded, NotInStore, typed
from hfsvc.hub.urls import parse_repo
from hfsvc.models import DownloadedDataset, ReadOptions
from hfsvc.models.choice import CHOICE_LOGGER
from hfsvc.protocols import TrajectorySource
from hfsvc.secret import Secret
from hfsvc.settings import DEFAULT_ROOT, Settings, load_settings
from hfsvc.store.dataset_store import STORE_LOGGER
from hfsvc.store.gathering import stored_shards
from hfsvc.store.merging import unfinished
from hfsvc.trajectories.local_files import LocalFiles, is_path

if TYPE_CHECKING:
    from hfsvc.trajectories.source import FileTrajectorySource

T = TypeVar("T")
NOTED = (CHOICE_LOGGER, STORE_LOGGER)


def settings_of(options: Options) -> Settings:
    """Settings from the environment and the options, which win."""
    token = Secret(options.token.strip()) if options.token else None
    return load_settings(os.environ, root=options.root, endpoint=options.endpoint, token=token)


def say_why_nothing(options: Options, dataset: str, reading: ReadOptions) -> None:
    """Say what filters have to do with it that no row was found."""
    from hfsvc.cli.output import say

    if reading.result == "all" or options.quiet:
        return
    unfiltered = msgspec.structs.replace(reading, result="all")
    counts = run(
        options._replace(quiet=True),
        lambda container: open_source(container, dataset, unfiltered).count_values("result"),
    )
    if counts.values:
        found = ", ".join(f"{each.value} ({each.rows})" for each in counts.values[:5])
        say(f"No row of {dataset} is a {reading.result}; the results that there are: {found}.")


def root_of(options: Options) -> str:
    """The folder of the store, absolute, or its address."""
    return _root_in(settings_of(options))


def _root_in(settings: Settings) -> str:
    return settings.store_address or str(_absolute(settings.root))


def source_of(options: Options, dataset: str | None) -> str:
    """The dataset to read: as its name or its address tells, else the settings' default source."""
    return source_name(options, dataset) if dataset else settings_of(options).default_source


def repo_of(options: Options, dataset: str) -> str:
    """The id of a dataset that was named, by its alias or itself; a path of files of one's own as it is."""
    from hfsvc.trajectories.registry import open_registry

    registry = open_registry(settings_of(options).sources)
    if registry.means_files(dataset):
        return dataset
    alias, at, revision = dataset.strip().removesuffix("/").partition("@")
    if registry.find_alias(alias) or not (at or "/" in alias):
        return registry.repo_of(alias) + at + revision
    return registry.repo_of(dataset)


def stored_repo_of(options: Options, dataset: str, wanted: str, hint: str | None = None) -> str:
    """The id of a dataset of the store that was named.

    Args:
        options: Of the command.
        dataset: Its alias or id.
        wanted: What cannot be done with files of one's own, such as ``deleted``.
        hint: What can be done instead.

    Raises:
        NotInStore: It is the path of such files.
    """
    repo = repo_of(options, dataset)
    if repo == dataset and is_path(dataset):
        raise NotInStore(path=dataset, wanted=wanted, hint=hint)
    return repo


async def find_dataset(container: Container, dataset: str) -> DownloadedDataset:
    """What is on disk of a dataset, or of files of one's own.

    Raises:
        NotDownloaded: Nothing is.
        PathNotFound: No such files are there.
    """
    registry = container.registry()
    files = LocalFiles(dataset) if registry.means_files(dataset) else None
    repo = files.name if files else parse_repo(registry.repo_of(dataset), container.settings().endpoint).repo
    found = await (files or container.datasets()).get_download_info(repo if files else typed(repo))
    if found is None:
        raise NotDownloaded(repo=repo)
    return found


def source_name(options: Options, dataset: str) -> str:
    """The dataset to read, as its name or its address tells; says where more than that was asked for."""
    from hfsvc.cli.output import say

    given = repo_of(options, dataset)
    if is_path(given) or remote_reading():
        return given
    address = parse_repo(given, settings_of(options).endpoint)
    if address.path or address.revision:
        say(f"{dataset}: all of {address.repo} that is on disk is read, at the commit that was downloaded.")
        return typed(address.repo)
    return dataset.strip().removesuffix("/")


def open_source(
    container: Container,
    dataset: str,
    reading: ReadOptions,
    on_rows: Callable[[int, int], None] | None = None,
    *,
    workers: int = 1,
) -> TrajectorySource:
    """A dataset's trajectories, read as the command's options say.

    Args:
        container: Makes it.
        dataset: Its alias or id.
        reading: How to read it.
        on_rows: Told, while a first look goes over all rows, how many are done of how many.
        workers: How many processes share such a look.
    """
    from hfsvc.trajectories.source import FileTrajectorySource

    remote = remote_reading()
    where: dict[str, Any] = {"remote": True, "keep_bytes": remote.keep_bytes} if remote else {}
    source = container.source(dataset, **msgspec.structs.asdict(reading), **where)
    if remote:
        remote.add(source)
    if isinstance(source, FileTrajectorySource):
        source.use_workers(workers)
        if on_rows:
            source.watch(on_rows)
    return source


def open_files_source(container: Container, dataset: str, reading: ReadOptions) -> "FileTrajectorySource":
    """The same, of a dataset whose files are to be looked at."""
    from hfsvc.trajectories.source import FileTrajectorySource

    source = open_source(container, dataset, reading)
    if not isinstance(source, FileTrajectorySource):
        raise NotInStore(path=dataset, wanted="explained")
    return source


def run(options: Options, work: Callable[[Container], Awaitable[T]], settings: Settings | None = None) -> T:
    """Open a container, await `work` with it, and give its result.

    Raises:
        KeyboardInterrupt: Ctrl-C; everything was closed.
        Terminated: SIGTERM came; everything was closed.
    """
    _set_up_logs(verbose=options.verbose, quiet=options.quiet)
    chosen = settings or settings_of(options)

    async def main() -> T:
        async with open_container(chosen) as container:
            return await work(container)

    try:
        done = asyncio.run(_until_terminated(main()))
        if reading := remote_reading():
            reading.is_done = True
        return done
    except NotDownloaded as found:
        error = found if chosen.store_address else _with_shards(found, _absolute(chosen.root))
        error.looked_in, error.other_root = _root_in(chosen), other_root(chosen)
        if Path(error.repo).exists():
            error.hint = f"There is a folder {error.repo} here: ./{error.repo} names that."
        raise error from found


def _with_shards(error: NotDownloaded, root: Path) -> NotDownloaded:
    """The same error, or, where shards of the dataset are here, the one that says which are not."""
    return error if error.missing else unfinished([each.entry for each in stored_shards(root, error.repo)]) or error


def other_root(settings: Settings) -> str | None:
    """The default store of a folder above this one, where there is one that is not the root."""
    if settings.store_address:
        return None
    try:
        folders = Path.cwd().parents
    except FileNotFoundError:
        return None
    stores = (folder / DEFAULT_ROOT for folder in folders)
    found = (store for store in stores if (store / "index.json").is_file() and store != _absolute(settings.root))
    return next(map(str, found), None)


def _absolute(root: Path) -> Path:
    try:
        return Path.cwd() / root.expanduser()
    except (FileNotFoundError, RuntimeError):
        return root


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


class _Notes(logging.Handler):
    """Gathers what people are to know, of a choice of rows or of a store, and says it once a sentence, when no bar is in its way."""

    def __init__(self) -> None:
        super().__init__()
        self._sentences: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self._sentences[record.getMessage()] = None

    def end(self) -> None:
        """Say what was gathered, and leave the loggers as they were."""
        from hfsvc.cli.output import say

        for name in NOTED:
            logging.getLogger(name).handlers, logging.getLogger(name).propagate = [], True
        for name in (*NOTED, "hfsvc"):
            logging.getLogger(name).setLevel(logging.NOTSET)
        for sentence in self._sentences:
            say(sentence[0].upper() + sentence[1:] + ".")


def _set_up_logs(*, verbose: bool, quiet: bool) -> None:
    level = logging.DEBUG if verbose else logging.ERROR
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("hfsvc").setLevel(level)
    context = click.get_current_context()
    is_first = CHOICE_LOGGER not in context.meta
    notes = context.meta.setdefault(CHOICE_LOGGER, _Notes())
    for name in NOTED:
        logging.getLogger(name).setLevel(logging.ERROR if quiet else logging.WARNING)
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = [notes], False
    if is_first:
        context.call_on_close(notes.end)
    # It warns of every piece that is written to a reader that has just left.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    logging.getLogger("httpx").setLevel(logging.INFO if verbose else logging.WARNING)
