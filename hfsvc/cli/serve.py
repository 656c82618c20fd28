"""The command ``serve``: the server on a socket, over the store or over made-up trajectories."""

import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click
import msgspec

from hfsvc.cli.options import Options, command
from hfsvc.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hfsvc.containers import Container
    from hfsvc.server import ServerAccess
    from hfsvc.settings import Settings

# As xdg-open finds one, which tells whether it did; else as Python does.
OPEN = (
    "import sys, webbrowser, click; sys.exit(click.launch(sys.argv[1], wait=True) and not webbrowser.open(sys.argv[1]))"
)


@command("serve", example="hfsvc serve ./runs --open")
@click.argument("words", nargs=-1, metavar="[DATASET]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 picks a free one.")
@click.option(
    "--server-token",
    metavar="TOKEN",
    envvar="HFSVC_SERVER_TOKEN",
    help="What everyone must show; better set HFSVC_SERVER_TOKEN.",
)
@click.option("--allow-origin", multiple=True, metavar="ORIGIN", help="Let pages of this origin in, may repeat.")
@click.option("--source", metavar="DATASET", help="Instead of the default source (HFSVC_DEFAULT_SOURCE).")
@click.option(
    "--remote",
    multiple=True,
    metavar="DATASET",
    help="Serve a dataset that is read on the Hub, without a download; may repeat.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open it in the browser.")
@click.option("--demo", is_flag=True, help="Serve made-up trajectories from a temporary folder.")
def serve_command(
    options: Options,
    words: tuple[str, ...],
    host: str,
    port: int,
    server_token: str | None,
    allow_origin: tuple[str, ...],
    source: str | None,
    remote: tuple[str, ...],
    *,
    open_browser: bool,
    demo: bool,
) -> None:
    """Serve datasets and trajectories: pages, REST, and the socket of the Effuse UI.

    DATASET is the default source: an alias or an id, or files of your own, which are datasets besides: a file, a folder, a
    glob, or several of them. Prints the address, and answers until it is interrupted.
    """
    _check_extra()
    if demo and (source or words or remote):
        raise click.UsageError("The demo serves rows of its own: leave out --source, --remote and DATASET, or --demo.")
    from hfsvc.cli.run import run, settings_of
    from hfsvc.server.runner.uvicorn import bind, choose_allocator

    choose_allocator()
    access = _access(host, server_token, allow_origin)
    with ExitStack() as stack:
        settings = stack.enter_context(_demo_settings(options)) if demo else settings_of(options)
        named = [*words, *([source] if source else [])]
        settings, files = _sources(settings, named or [*remote[:1]])
        bound = stack.enter_context(bind(host, port))
        run(
            options,
            lambda container: _serve(container, options, access, bound, files, open_browser, demo, remote),
            settings,
        )


def _sources(settings: "Settings", named: list[str]) -> "tuple[Settings, tuple[str, ...]]":
    """The settings with the default source, and the files of the user's own, that were named.

    Raises:
        UsageError: More than one default source was.
        HfsvcError: One is named that no request could read.
    """
    import asyncio

    from hfsvc.hub.urls import parse_repo
    from hfsvc.trajectories.local_files import LocalFiles
    from hfsvc.trajectories.registry import open_registry

    registry = open_registry(settings.sources)
    datasets = [name for name in named or [settings.default_source] if not registry.means_files(name)]
    files = tuple(name for name in named or [settings.default_source] if registry.means_files(name))
    if len(datasets) + bool(files) > 1:
        raise click.UsageError("There is one default source: name one dataset, or files of your own, and no --source.")
    for name in datasets:
        parse_repo(registry.repo_of(name), settings.endpoint)
    for name in files:
        asyncio.run(LocalFiles(name).get_download_info(name))
    return msgspec.structs.replace(settings, default_source=[*datasets, *files][0]), files


def _check_extra() -> None:
    try:
        import litestar
        import uvicorn
        import websockets
    except ImportError:
        raise MissingExtra(wanted="What the server needs", extra="server") from None
    del litestar, uvicorn, websockets


def _access(host: str, token: str | None, origins: tuple[str, ...]) -> "ServerAccess":
    from hfsvc.server.middleware.access import check_token, is_loopback, make_access

    if token is None and not is_loopback(host):
        raise click.UsageError(f"Others reach {host}: set HFSVC_SERVER_TOKEN, which they must then show.")
    secret = None if token is None else check_token(token)
    return make_access(token=secret, allow_origins=origins, allow_hosts=[host])


@contextmanager
def _demo_settings(options: Options) -> "Iterator[Settings]":
    """Settings for a store and a Hub of their own, over made-up rows; nothing of the caller's is used."""
    from hfsvc.cli.output import say
    from hfsvc.disk import temporary_folder
    from hfsvc.settings import Settings
    from hfsvc.testing.localhub import LocalHub
    from hfsvc.testing.samples import write_sample_hub

    with temporary_folder() as folder:
        if not options.quiet:
            say("Making a small dataset in the layout of open-thoughts/OpenThoughts-Agent-v1-SFT …")
        write_sample_hub(folder / "hub")
        with LocalHub(folder / "hub") as hub:
            yield Settings(root=folder / "datasets", endpoint=hub.endpoint, trust_env=False)


async def _serve(
    container: "Container",
    options: Options,
    access: "ServerAccess",
    bound: Any,
    files: tuple[str, ...],
    open_browser: bool,
    demo: bool,
    remote: tuple[str, ...],
) -> None:
    import anyio

    from hfsvc.cli.output import say
    from hfsvc.server import create_app
    from hfsvc.server.runner.uvicorn import address_of, serve

    if demo:
        await container.source(container.settings().default_source).ensure_downloaded()
    address = address_of(bound)
    app = create_app(container, access=access, files=files, remote=remote)
    _tell(options, address)
    if not options.quiet and (missing := await app.find_missing()):
        say(f"{missing.message()}. Until then the Effuse UI shows nothing but that it loads, and / lists what is here.")
    async with anyio.create_task_group() as group:
        if open_browser:
            # Others see the addresses that programs are started with.
            code = f"#code={app.issue_code()}" if access.token else ""
            group.start_soon(_open_browser, address + code)
        await serve(app, bound)


async def _open_browser(address: str) -> None:
    """Open an address that may hold a code, so that nothing else repeats it; a browser outlives the server."""
    import anyio

    from hfsvc.cli.output import say

    command, quiet = [sys.executable, "-c", OPEN, address], subprocess.DEVNULL
    done = await anyio.run_process(command, stdout=quiet, stderr=quiet, check=False, start_new_session=True)
    if done.returncode:
        say("No browser could be opened: open the address yourself.")


def _tell(options: Options, address: str) -> None:
    from hfsvc.cli.output import say, write_json

    if options.as_json:
        write_json({"url": address})
        return
    click.echo(address)
    if not options.quiet:
        say("Serving until Ctrl-C.")
