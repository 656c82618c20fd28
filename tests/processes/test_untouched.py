"""Nothing of a process is ours: whoever uses the library finds all as it was, and hears nothing that was not asked for."""

import json
import sys
from pathlib import Path

import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Status

from ..builders import REPO, noise, run_python

USED = """
import asyncio, gc, json, locale, logging, os, signal, sys, threading, warnings

try:
    import stamina
    # A host's own: it must not switch off what is ours.
    stamina.set_active(False)
except ImportError:
    stamina = None
before_import = set(sys.modules)
import hfsvc
from hfsvc.transfer import retry

retry.FIRST_WAIT_S, retry.LONGEST_WAIT_S = 0.002, 0.01

def state():
    loggers = [logging.getLogger(), logging.getLogger("hfsvc"), logging.getLogger("asyncio")]
    return {
        "handlers": [[repr(each) for each in logger.handlers] for logger in loggers],
        "levels": [logger.level for logger in loggers],
        "signals": [repr(signal.getsignal(each)) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
        "warnings": len(warnings.filters),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "umask": [os.umask(0o022), os.umask(0o022)][0],
        "locale": locale.setlocale(locale.LC_ALL),
        "hooks": [repr(sys.excepthook), repr(threading.excepthook), repr(sys.unraisablehook)],
        "policy": repr(type(asyncio.get_event_loop_policy())),
        "recursion": sys.getrecursionlimit(),
        "switch": sys.getswitchinterval(),
        "gc": [gc.isenabled(), gc.get_threshold()],
    }

async def main():
    retried = []

    def listen(event):
        if type(event).__name__ == "Retried":
            retried.append(event)

    found = await hfsvc.download(sys.argv[1], root=sys.argv[2], include="**", on_event=listen)
    return {"files": len(found.files), "retried": len(retried)}

before = state()
done = asyncio.run(main())
after = state()
assert before == after, (before, after)
loaded = {name.partition(".")[0] for name in set(sys.modules) - before_import}
print(json.dumps({**done, "loaded": sorted(loaded & {"stamina", "structlog", "uvloop", "tqdm"})}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it has other signals")
def test_a_process_is_left_as_it_was_and_hears_nothing(local_hub: LocalHub, tmp_path: Path) -> None:
    for number in range(3):
        local_hub.write(REPO, f"{number}.bin", noise(50_000, number))
    local_hub.fault(Status(503), server="hub", times=1)
    local_hub.fault(Status(503), server="cdn", times=2)
    env = {"HF_ENDPOINT": local_hub.endpoint, "HFSVC_TRANSPORT": "httpx", "PYTHONWARNINGS": "error"}
    child = run_python(USED, REPO, str(tmp_path / "data"), env=env)
    out, err = child.communicate(timeout=50)
    assert (child.returncode, err) == (0, ""), err
    # Nothing but what the script itself prints: no line about a retry comes before it.
    (line,) = out.splitlines()
    found = json.loads(line)
    assert (found["files"], found["loaded"]) == (3, [])
    assert found["retried"] >= 2
