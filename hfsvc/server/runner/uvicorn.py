"""The app on uvicorn, from a bound socket to a stop that keeps nobody waiting."""

import asyncio
import errno
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
import pyarrow as pa
import uvicorn
from anyio import to_thread

from hfsvc.errors import InvalidSettings
from hfsvc.server.app import ServerApp
from hfsvc.server.limits import ServerLimits
from hfsvc.server.runner.connections import limited_protocols

BACKLOG = 1024
# Each turn of the loop, which must be able to turn away what is too much before it takes in more.
ACCEPTED_AT_ONCE = 16
# A socket's peer may be busy reading, but must answer a ping within so many seconds.
PING_S = 20.0
PONG_S = 40.0
HEAD_BYTES = 32 << 10
# Open files for data, for the process itself, and for connections that are about to be turned away.
SPARE = 256


class Server(uvicorn.Server):
    """uvicorn's server, stopped by whoever awaits it: signals are theirs."""

    def __init__(self, app: ServerApp, limits: ServerLimits) -> None:
        self._app = app
        http, ws = limited_protocols(limits)
        super().__init__(
            uvicorn.Config(
                app,
                http=http,
                ws=ws,
                ws_max_size=limits.frame_bytes,
                ws_per_message_deflate=False,
                ws_ping_interval=PING_S,
                ws_ping_timeout=PONG_S,
                h11_max_incomplete_event_size=HEAD_BYTES,
                backlog=ACCEPTED_AT_ONCE,
                timeout_keep_alive=limits.keep_alive_s,
                timeout_graceful_shutdown=limits.stop_s,
                lifespan="on",
                loop="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for bound in sockets or ():
            # How many wait to be accepted is another matter than how many are accepted at once.
            bound.listen(BACKLOG)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.close_streams()
        await super().shutdown(sockets)


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens at an address; port 0 is any that is free.

    Raises:
        InvalidSettings: The address is none of this machine's, or somebody else listens there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InvalidSettings(setting="host", reason=f"{host!r}: {error.strerror}") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        bound.close()
        raise _bind_error(host, port, error) from None
    bound.setblocking(False)
    return bound


def _bind_error(host: str, port: int, error: OSError | OverflowError) -> InvalidSettings:
    if isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL:
        return InvalidSettings(setting="host", reason=f"{host!r} is no address of this machine")
    reason = f"{host}:{port} cannot be listened at ({error}); --port 0 picks a free port"
    return InvalidSettings(setting="port", reason=reason)


def address_of(bound: socket.socket) -> str:
    """The address of a listening socket, as a browser opens it."""
    host, port = bound.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, str(host))
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def choose_allocator() -> None:
    """Have Arrow give back what threads have freed, in all of this process.

    Its usual one keeps that for its threads: a server took a quarter more memory, and was no quicker.
    """
    try:
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    except NotImplementedError:
        pa.set_memory_pool(pa.system_memory_pool())


async def serve(app: ServerApp, bound: socket.socket, *, limits: ServerLimits | None = None) -> None:
    """Serve until cancelled; then answers under way are given a moment, streams and sockets are closed.

    Args:
        app: Its lifespan is opened and closed here.
        bound: From `bind`; closed at the end.
        limits: As the app's.
    """
    # What it logs at this level are broken connections, and errors that the app has logged already.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    limits = _fit_open_files(limits or ServerLimits())
    to_thread.current_default_thread_limiter().total_tokens = limits.threads
    server = Server(app, limits)
    running = asyncio.ensure_future(server.serve(sockets=[bound]))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        server.should_exit = True
        await running
        raise


def _fit_open_files(limits: ServerLimits) -> ServerLimits:
    allowed = _allow_open_files(limits.connections + SPARE)
    return msgspec.structs.replace(limits, connections=connections_within(allowed, limits.connections))


def connections_within(allowed: int, wanted: int) -> int:
    """How many connections there may be, where a process may have so many files open. Pure."""
    return min(wanted, max(allowed // 2, allowed - SPARE))


def _allow_open_files(wanted: int) -> int:
    """Have the process allowed so many open files, or as many as the system gives; how many there may be now."""
    if sys.platform == "win32":
        return wanted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _is_enough(soft, wanted):
        return wanted
    more = wanted if _is_enough(hard, wanted) else hard
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
        return more
    return soft


def _is_enough(limit: int, wanted: int) -> bool:
    # Below 0 there is no limit.
    return limit < 0 or limit >= wanted
