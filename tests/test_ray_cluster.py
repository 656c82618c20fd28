"""Which Ray cluster is joined: one that is named and answers, and no other."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from hfsvc import ray_cluster
from hfsvc.errors import InvalidArgument, MissingExtra
from hfsvc.ray_cluster import joined_cluster

from .ray_nodes import WITH_RAY, Nodes, needs_ray, two_nodes

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.skipif(WITH_RAY, reason="Ray is installed")
def test_without_ray_the_extra_is_named() -> None:
    with pytest.raises(MissingExtra, match=r"hfsvc\[ray\]"):
        joined_cluster()


@contextmanager
def server_saying(said: bytes) -> Iterator[str]:
    """A server that says something to whoever comes, and waits for them to leave."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, said), daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(listening: socket.socket, said: bytes) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(said)
                while connection.recv(1024):
                    pass


@needs_ray
@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["silent", "another protocol"])
def test_who_is_no_cluster_is_refused_in_a_sentence(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "CONNECT_S", 0.5)
    with server_saying(said) as address:
        with pytest.raises(InvalidArgument, match=f"address cannot be {address}: no Ray cluster answers there"):
            joined_cluster(address)
        monkeypatch.setenv("RAY_ADDRESS", f"ray://{address}")
        with pytest.raises(InvalidArgument, match=f"RAY_ADDRESS cannot be ray://{address}"):
            joined_cluster()


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "nobody.invalid:6379", "ray://127.0.0.1:1", "nonsense"])
def test_where_nobody_is_it_is_told_at_once(address: str) -> None:
    with pytest.raises(InvalidArgument, match="no Ray cluster answers there"):
        joined_cluster(address)


@needs_ray
def test_a_cluster_that_asks_for_a_token_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "JOIN_S", 40)
    unknown = pytest.raises(InvalidArgument, match="the cluster there does not know who asks")
    with head_with_token("of-these-tests-and-of-nothing-else") as address, unknown:
        joined_cluster(address)


@contextmanager
def head_with_token(token: str) -> Iterator[str]:
    """A cluster of one node that asks for a token."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--head", "--port", str(port), "--num-cpus", "1", "--include-dashboard=false", "--block"]
    head = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", *options],
        env={**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with head:
        assert head.stdout
        assert any(b"Ray runtime started" in line for line in head.stdout)
        try:
            yield f"127.0.0.1:{port}"
        finally:
            head.terminate()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    pytest.importorskip("ray", reason="Ray is not installed")
    with two_nodes() as nodes:
        yield nodes


# What a thread has started must not end with it.
JOIN = """
from concurrent.futures import ThreadPoolExecutor
from hfsvc.ray_cluster import joined_cluster
with ThreadPoolExecutor(1) as pool:
    ray = pool.submit(joined_cluster, {}).result()
print(ray.get(ray.remote(lambda: len(ray.nodes())).remote(), timeout=60))
"""


@needs_ray
@pytest.mark.parametrize(("given", "told", "nodes"), [("", None, "1"), ("address", None, "3"), ("", "address", "3")])
def test_a_cluster_of_this_machine_is_joined_where_it_is_named(
    cluster: Nodes, tmp_path: Path, given: str, told: str | None, nodes: str
) -> None:
    code = JOIN.format(repr(cluster.address) if given else None)
    environment = {**os.environ, **({"RAY_ADDRESS": cluster.address} if told else {})}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=100)
    assert (done.stdout.split(), done.stderr) == ([nodes], "")
