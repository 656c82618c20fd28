"""As many connections as the process may have open files, and some left for the data."""

import socket
import sys
from contextlib import ExitStack

import pytest

from hfsvc.server.runner.descriptors import SPARE, connections_within
from tests.builders import run_python

ALLOWED = 256
WAIT_S = 30
SERVE = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({ALLOWED}, {ALLOWED}))
from hfsvc.cli.main import main
main()
"""


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
