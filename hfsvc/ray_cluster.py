"""The Ray cluster that is worked on: the one that is named, else one of this machine alone; and the tasks that run on it.

What Ray has to say goes to its own logs.
"""

import importlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from anyio import CancelScope, to_thread

from hfsvc.errors import EngineUnusable, InvalidArgument, MissingExtra, WorkerLost

ADDRESS = "RAY_ADDRESS"
CONNECT_S = 10
RETRIES = 3
"""So often a task is begun anew whose worker or machine is lost."""
LOOK_EVERY_S = 0.2
JOIN_S = 60
TLS = "RAY_USE_TLS"
_LOCAL = "local"
_JOIN = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False)"
_UNKNOWN = b"Unauthenticated"
logger = logging.getLogger(__name__)
# Of HTTP/2, which gRPC speaks: how a client begins, and the kind of frame that every server begins with.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_HEAD_BYTES, _SETTINGS = 9, b"\x04"


async def join_cluster(address: str | None = None) -> Any:
    """As `joined_cluster`, and SIGTERM does what it did before: Ray has it write where it was, and abort.

    Raises:
        MissingExtra, InvalidArgument: As there.
    """
    ray = await to_thread.run_sync(joined_cluster, address)
    if threading.current_thread() is threading.main_thread() and (handler := signal.getsignal(signal.SIGTERM)):
        signal.signal(signal.SIGTERM, handler)
    return ray


def joined_cluster(address: str | None = None) -> Any:
    """Ray, connected to a cluster: that which it is connected to already, else that of an address, else one of this machine.

    Args:
        address: As ``ray.init`` takes it; None for ``RAY_ADDRESS``. Without both, no cluster is joined, whatever runs here.

    Raises:
        MissingExtra: Ray is not installed.
        InvalidArgument: No cluster answers there.
    """
    try:
        ray = importlib.import_module("ray")
    except ImportError as error:
        raise MissingExtra(wanted="Ray", extra="ray") from error
    if not ray.is_initialized():
        _join(ray, address)
    return ray


def _join(ray: Any, address: str | None) -> None:
    # Ray would join any cluster that it finds traces of on this machine.
    named = address or os.environ.get(ADDRESS) or _LOCAL
    own = {"include_dashboard": False} if named == _LOCAL else {}
    try:
        if named != _LOCAL:
            _check_answers(named)
            _try_elsewhere(named)
        _in_lasting_thread(lambda: ray.init(address=named, log_to_driver=False, logging_level=logging.ERROR, **own))
    except (OSError, ValueError, RuntimeError) as error:
        reason = f"no Ray cluster answers there ({type(error).__name__})"
        hint = "Start one with ray start --head, or name none for one of this machine alone."
        if isinstance(error, PermissionError):
            reason, hint = (
                "the cluster there does not know who asks",
                "Set RAY_AUTH_MODE and RAY_AUTH_TOKEN as it has them.",
            )
        raise InvalidArgument(name="address" if address else ADDRESS, given=named, reason=reason, hint=hint) from None


def _try_elsewhere(address: str) -> None:
    """Join in another process first: what Ray says of a cluster that refuses goes to stderr, for minutes.

    Raises:
        OSError: The cluster refuses, or says nothing in time.
    """
    command = [sys.executable, "-c", _JOIN, address]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=JOIN_S)
    except subprocess.TimeoutExpired as late:
        done = subprocess.CompletedProcess(command, 1, stderr=late.stderr)
    if done.returncode:
        logger.debug("Ray: %s", (done.stderr or b"").decode(errors="replace"))
        raise PermissionError if _UNKNOWN in (done.stderr or b"") else ConnectionRefusedError


def _in_lasting_thread(call: Callable[[], object]) -> None:
    """Call something in a thread that ends with the process: the system kills what Ray starts when the thread ends that started it."""
    done = Future[None]()

    def work() -> None:
        try:
            call()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)
            threading.Event().wait()

    threading.Thread(target=work, name="hfsvc ray", daemon=True).start()
    done.result()


def _check_answers(address: str) -> None:
    """Ray itself tries for minutes, and says so, where nobody listens or somebody else does.

    Raises:
        OSError: No server of gRPC is there; as well where it is silent.
    """
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if not port.isdecimal() or os.environ.get(TLS, "0") not in {"", "0"}:
        return
    with socket.create_connection((host.strip("[]"), int(port)), CONNECT_S) as connection:
        connection.sendall(_PREFACE)
        if connection.recv(_HEAD_BYTES, socket.MSG_WAITALL)[3:4] != _SETTINGS:
            raise ConnectionError("something else listens there")


async def finish_tasks(
    ray: Any, begin: Callable[[], Sequence[Any]], name_of: Callable[[int], str], look: Callable[[], None] = lambda: None
) -> list[Any]:
    """What tasks gave, in their order, when all have ended. Those that run when this is cancelled are cancelled, too.

    Args:
        ray: Connected.
        begin: Begins them, in a worker thread.
        name_of: What a task works on, by its place.
        look: Called in a worker thread five times a second.

    Raises:
        WorkerLost: The workers of a task died again and again.
        EngineUnusable: A task did not run: its worker lacks what it imports.
    """
    tasks = await to_thread.run_sync(begin)
    try:
        pending = tasks
        while pending:
            wait = partial(ray.wait, pending, num_returns=len(pending), timeout=LOOK_EVERY_S)
            _, pending = await to_thread.run_sync(wait)
            await to_thread.run_sync(look)
        return [await to_thread.run_sync(_value, ray, task, name_of(index)) for index, task in enumerate(tasks)]
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(_cancel, ray, tasks)


def _cancel(ray: Any, tasks: Sequence[Any]) -> None:
    # Ray 2.60 aborts the process that cancels a task of which it has the answer already: its value can be had a moment before it has ended.
    _, pending = ray.wait(tasks, num_returns=len(tasks), timeout=0)
    for task in pending:
        ray.cancel(task, force=True)


def _value(ray: Any, task: Any, name: str) -> Any:
    lost = ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError
    try:
        return ray.get(task)
    except lost as error:
        raise WorkerLost(part=name, ended_with=None, tries=RETRIES + 1, hint="Ray's own logs say more.") from error
    except ray.exceptions.RayError as error:
        # The last line is what Python says of the cause.
        reason = str(error).strip().rpartition("\n")[2]
        hint = "hfsvc, and what it needs, must be installed on all machines." if "ModuleNotFound" in reason else None
        raise EngineUnusable(engine="ray", reason=f"a task did not run: {reason}", hint=hint) from error
