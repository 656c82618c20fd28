"""What a process that serves is set to: threads, memory, and no more connections than it may have open files."""

import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from anyio import to_thread

from hfsvc.server import ServerLimits
from hfsvc.server.runner.uvicorn import SPARE, connections_within
from tests.builders import run_python
from tests.server.worlds import open_served_world

ALLOWED = 256
WAIT_S = 30
SERVE = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({ALLOWED}, {ALLOWED}))
from hfsvc.cli.main import main
main()
"""


async def test_only_so_many_threads_read(root: Path) -> None:
    async with open_served_world(root, limits=ServerLimits(threads=3)) as world:
        await world.client.get("/healthz")
        assert to_thread.current_default_thread_limiter().total_tokens == 3


def test_arrow_gives_memory_back() -> None:
    code = "import pyarrow as pa; from hfsvc.server.runner.uvicorn import choose_allocator as choose; choose(); "
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print(pa.default_memory_pool().backend_name)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() in {"jemalloc", "system"}


@pytest.mark.parametrize(
    ("allowed", "connections"), [(10_000, 2048), (2048 + SPARE, 2048), (1024, 1024 - SPARE), (256, 128), (64, 32)]
)
def test_some_files_are_left_for_the_data(allowed: int, connections: int) -> None:
    assert connections_within(allowed, 2048) == connections


def is_answered(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return connection.recv(1) == b"H"
    except ConnectionError:
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_more_connections_than_open_files_are_turned_away_quietly() -> None:
    with run_python(SERVE, "serve", "--port", "0", "-q") as process, ExitStack() as opened:
        opened.callback(process.kill)
        assert process.stdout is not None
        port = int(process.stdout.readline().strip().rstrip("/").rsplit(":", 1)[1])
        connections = [
            opened.enter_context(socket.create_connection(("127.0.0.1", port), WAIT_S)) for _ in range(2 * ALLOWED)
        ]
        assert not is_answered(connections[-1])
        assert is_answered(connections[0])
        process.terminate()
        _, err = process.communicate()
    assert "Too many open files" not in err
