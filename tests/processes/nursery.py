"""A process that has loaded everything, and forks for every run that is to be killed: a fresh interpreter each would take minutes.

Processes that tests start import it; who imports it has loaded everything.
"""

import asyncio
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio._backends._asyncio  # noqa: F401 - where every child would load it

import hfsvc
from hfsvc.hub.certificates import make_tls

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree"}
WRITES = os.O_WRONLY | os.O_RDWR


def run_in_child(
    work: Callable[[], Coroutine[Any, Any, int | None]], root: Path, *, die_at: int | None = None, opens: bool = False
) -> int:
    """What a child ends with that does `work`: what that gives, 1 where it fails, or below 0 the signal that killed it.

    Args:
        work: What it does.
        root: The folder whose changes count.
        die_at: Before which change of the disk it is killed, counted from 0.
        opens: Whether a file that is opened to be written counts as a change.
    """
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if die_at is not None:
        sys.addaudithook(_killer(die_at, str(root), opens=opens))
    try:
        code = asyncio.run(work())
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(code or 0)


def _killer(left: int, root: str, *, opens: bool) -> Callable[[str, tuple[Any, ...]], None]:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        counts = event in CHANGES or (opens and event == "open" and arguments[2] & WRITES)
        if counts and str(arguments[0]).startswith(root):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


hfsvc.preload()
# Every child would read all authorities.
make_tls({})
gc.collect()
gc.freeze()
