"""The command ``doctor``: what works on the way to the Hub, and what does not."""

import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

import click

from hfsvc.cli.options import Options, command

if TYPE_CHECKING:
    from hfsvc.containers import Container
    from hfsvc.hub.client import HubClient
    from hfsvc.hub.content import HubContent
    from hfsvc.models import Location, RemoteDataset, RemoteFile
    from hfsvc.settings import Settings


class Check(NamedTuple):
    """The result of one check. `exit_code` is 0 where all is well."""

    check: str
    ok: bool
    detail: str
    exit_code: int = 0


@command("doctor", example="hfsvc doctor --repo open-thoughts/OpenThoughts-Agent-v1-SFT")
@click.option("--repo", metavar="OWNER/NAME", help="The dataset to try, instead of the default source's.")
def doctor_command(options: Options, repo: str | None) -> None:
    """Check endpoint, token, proxies, certificates, CDN and root: what works and what does not.

    Downloads one byte. Ends with the exit code of the worst finding.
    """
    from hfsvc.cli.output import printable, write_json
    from hfsvc.cli.run import repo_of, run, source_of
    from hfsvc.settings import DEFAULT_SOURCE
    from hfsvc.trajectories.local_files import is_path

    default = repo_of(options, source_of(options, None))
    wanted = repo or (repo_of(options, DEFAULT_SOURCE) if is_path(default) else default)

    async def work(container: "Container") -> list[Check]:
        return [check async for check in examine(container, wanted)]

    checks = run(options, work)
    if options.as_json:
        write_json([{"check": each.check, "ok": each.ok, "detail": each.detail} for each in checks])
    else:
        for each in checks:
            click.echo(printable(f"{'ok     ' if each.ok else 'PROBLEM'}  {each.check:<9} {each.detail}"))
    sys.exit(max(each.exit_code for each in checks))


async def examine(container: "Container", repo: str) -> AsyncIterator[Check]:
    """All checks, one after the other; none of them raises. Of locks only what does not work is told."""
    yield await _try("root", lambda: _check_root(container))
    locks = await _try("locks", lambda: _check_locks(container))
    if not locks.ok:
        yield locks
    yield await _try("proxy", lambda: _check_proxy(container))
    yield await _try("ca", lambda: _check_ca(container))
    yield await _try("token", lambda: _check_token(container))
    yield await _try("endpoint", lambda: _check_endpoint(container, repo))
    yield await _try("cdn", lambda: _check_cdn(container, repo))


async def _try(name: str, check: Callable[[], Awaitable[str]]) -> Check:
    from hfsvc.errors import HfsvcError

    try:
        return Check(name, True, await check())
    except HfsvcError as error:
        return Check(name, False, str(error), error.exit_code)
    except OSError as error:
        return Check(name, False, f"{error.strerror}: {error.filename}", 1)


async def _check_root(container: "Container") -> str:
    from anyio import to_thread

    from hfsvc.disk import make_folder
    from hfsvc.files.atomic import free_bytes
    from hfsvc.store.directories import leftover_parts, make_root
    from hfsvc.store.safe_paths import STATE_FOLDER, is_case_sensitive
    from hfsvc.units import format_bytes, format_free

    if container.settings().store_address is not None:
        return await _check_bucket(container)
    root = container.settings().root
    await to_thread.run_sync(make_root, root)
    state = await to_thread.run_sync(make_folder, root / STATE_FOLDER)
    await to_thread.run_sync(is_case_sensitive, state)
    recorded = len(await container.store().entries())
    leftovers = sum((await to_thread.run_sync(leftover_parts, root)).values())
    unfinished = f", {format_bytes(leftovers)} of unfinished downloads" if leftovers else ""
    free = format_free(await to_thread.run_sync(free_bytes, root))
    return f"{root}: writable, {free} free, {recorded} dataset{'s' * (recorded != 1)}{unfinished}"


async def _check_bucket(container: "Container") -> str:
    from hfsvc.store.objects.object_store import ObjectDatasetStore

    store = container.store()
    if isinstance(store, ObjectDatasetStore):
        await store.check_writable()
    recorded = len(await store.entries())
    return f"{store.address}: writable, conditions of writes hold, {recorded} dataset{'s' * (recorded != 1)}"


async def _check_locks(container: "Container") -> str:
    from anyio import to_thread

    from hfsvc.disk import make_folder
    from hfsvc.errors import StoreNotWritable
    from hfsvc.store.directories import locks_folder
    from hfsvc.store.process_locks import exclude_each_other

    root = container.settings().root
    if container.settings().store_address is not None:
        return "lease"
    if container.settings().locks != "flock":
        return container.settings().locks
    if await to_thread.run_sync(exclude_each_other, await to_thread.run_sync(make_folder, locks_folder(root))):
        return "flock"
    reason = "locks of two processes do not exclude each other on its disk: set HFSVC_LOCKS=lease for all who share it"
    raise StoreNotWritable(path=str(root), reason=reason, verb="shared")


async def _check_proxy(container: "Container") -> str:
    settings = container.settings()
    return f"to {settings.endpoint}: {_route(settings, settings.endpoint)}"


def _route(settings: "Settings", url: str) -> str:
    """Which proxy holds for an address, and by which variable; never with a password."""
    from hfsvc.hub.transport import read_proxies

    if not settings.trust_env:
        return "none (trust_env is off)"
    proxies = read_proxies(settings)
    if proxy := proxies.holding_for(url):
        return proxy.shown
    entry = proxies.exempting(url) if proxies.names_any else None
    return f"none, by {entry!r} of NO_PROXY" if entry else "none"


async def _check_ca(container: "Container") -> str:
    from hfsvc.hub.certificates import make_tls, shown_source

    env = os.environ if container.settings().trust_env else {}
    make_tls(env)
    return f"of the Hub and its CDN: {shown_source(env)}"


async def _check_token(container: "Container") -> str:
    token = container.settings().token
    if token is None:
        return "none set: public datasets only, and the smaller quota"
    return f"belongs to {await container.hub().whoami(token=token)}"


async def _check_endpoint(container: "Container", repo: str) -> str:
    started = time.monotonic()
    token = container.settings().token
    dataset = await container.hub().resolve(repo, "main", token=token)
    spent_ms = (time.monotonic() - started) * 1000
    return f"{container.hub().endpoint} answers in {spent_ms:.0f} ms: {dataset.repo} is at {dataset.commit[:12]}"


async def _check_cdn(container: "Container", repo: str) -> str:
    from hfsvc.errors import HfsvcError
    from hfsvc.hub.urls import without_query

    hub, settings = container.hub(), container.settings()
    dataset = await hub.resolve(repo, "main", token=settings.token)
    content = hub.content(dataset, token=settings.token)
    file = await _find_large(hub, dataset, settings)
    if file is None:
        return f"not tried: {repo} has no large file"
    location = await content.locate(file)
    route = f"proxy: {_route(settings, location.url)}"
    try:
        received = await _receive_byte(content, location, file)
    except HfsvcError as error:
        error.hint = f"{error.hint or ''} Tried with {route}.".strip()
        raise
    return f"{without_query(location.url).rsplit('/', 1)[0]} sent {received} byte of {file.path}; {route}"


async def _find_large(hub: "HubClient", dataset: "RemoteDataset", settings: "Settings") -> "RemoteFile | None":
    async with aclosing(hub.list_files(dataset, token=settings.token)) as files:
        async for file in files:
            if file.size and (file.checksum or "").startswith("sha256:"):
                return file
    return None


async def _receive_byte(content: "HubContent", location: "Location", file: "RemoteFile") -> int:
    from hfsvc.models import ByteRange

    async with content.open(location, file, ByteRange(start=0, stop=1)) as chunks:
        return sum([len(chunk) async for chunk in chunks])
