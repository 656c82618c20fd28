import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import anyio
import httpx
import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.__main__ import make_hub, parse_arguments
from hfsvc.testing.localhub import Stall, WithHeader
from hfsvc.testing.localhub.card import read_card
from hfsvc.testing.localhub.rate_limit import FixedWindow

from .notes import PARQUET, REPO, HubFactory, resolve, signed


async def test_runs_beside_an_event_loop(tmp_path: Path) -> None:
    async with LocalHub(tmp_path) as hub, httpx.AsyncClient(base_url=hub.endpoint) as client:
        hub.write(REPO, "a.txt", b"a")
        assert (await client.get(resolve("a.txt"), follow_redirects=True)).content == b"a"
        assert hub.count() == 2


def test_runs_under_plain_asyncio(tmp_path: Path) -> None:
    async def main() -> int:
        async with LocalHub(tmp_path) as hub, httpx.AsyncClient() as client:
            return (await client.get(f"{hub.endpoint}/api/datasets/acme/x")).status_code

    assert asyncio.run(main()) == 401


async def test_waiting_does_not_block_the_loop(hub: LocalHub) -> None:
    hub.fault(Stall())
    async with httpx.AsyncClient(base_url=hub.endpoint) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, "/api/whoami-v2")
        await hub.until(lambda: hub.stalled == 1)
        hub.release()
    assert hub.count() == 1


def test_waiting_in_vain_tells_what_was_seen(hub: LocalHub, client: httpx.Client) -> None:
    client.get("/api/whoami-v2")
    with pytest.raises(TimeoutError, match="hub GET /api/whoami-v2 → 401"):
        hub.wait_until(lambda: hub.count(server="cdn") > 0, timeout_s=0)


def test_leaving_ends_stalled_answers(tmp_path: Path) -> None:
    with LocalHub(tmp_path) as hub:
        hub.fault(Stall())
        with socket.create_connection(("127.0.0.1", int(hub.endpoint.rsplit(":", 1)[1]))) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            hub.wait_until(lambda: hub.stalled == 1)
            hub.__exit__()
            assert sock.recv(1) == b""


def test_an_error_that_ends_the_servers_is_raised(tmp_path: Path) -> None:
    hub = LocalHub(tmp_path).__enter__()
    hub.fault(WithHeader("bad header", "x"))
    with pytest.raises(httpx.TransportError):
        httpx.get(hub.endpoint)
    hub.wait_until(lambda: is_refused(hub.endpoint))
    with pytest.raises(BaseExceptionGroup):
        hub.__exit__()


def is_refused(endpoint: str) -> bool:
    """Whether nobody listens any more."""
    try:
        socket.create_connection(("127.0.0.1", int(endpoint.rsplit(":", 1)[1]))).close()
    except ConnectionError:
        return True
    return False


def test_a_port_in_use_is_an_error(hub: LocalHub, tmp_path: Path) -> None:
    port = int(hub.endpoint.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="in use"), LocalHub(tmp_path, port=port):
        pass


def test_no_request_is_no_http(hub: LocalHub) -> None:
    with socket.create_connection(("127.0.0.1", int(hub.endpoint.rsplit(":", 1)[1]))) as sock:
        sock.sendall(b"nonsense\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 400")


def test_connections_are_kept_alive(hub: LocalHub, client: httpx.Client) -> None:
    for _ in range(3):
        client.get("/api/whoami-v2")
    assert hub.connections("hub") == 1


def test_records_tell_what_was_asked(hub: LocalHub, client: httpx.Client) -> None:
    url = signed(client, Authorization="Bearer hf_secret")
    client.get(url, headers={"Range": "bytes=10-19"})
    asked, fetched = hub.requests
    assert (asked.server, asked.bucket, asked.method, asked.status) == ("hub", "resolvers", "GET", 302)
    assert (asked.path, asked.repo, asked.file) == (resolve("en/train.parquet"), REPO, "en/train.parquet")
    assert asked.headers["authorization"] == "Bearer hf_secret"
    assert (fetched.server, fetched.bucket, fetched.range, fetched.bytes_sent) == ("cdn", None, (10, 20), 10)
    assert "authorization" not in fetched.headers
    assert "?" in fetched.raw_target
    assert hub.find(path="*.parquet", status=206) == [fetched]
    assert hub.count(server="hub", bucket="resolvers", method="GET") == 1
    hub.reset()
    assert hub.requests == ()


def test_unknown_repositories_cannot_be_configured(hub: LocalHub) -> None:
    with pytest.raises(LookupError, match="acme/none"):
        hub.configure("acme/none", private=True)
    with pytest.raises(LookupError, match="v9"):
        hub.refresh(REPO, "v9")


def test_slow_bodies_arrive_whole(local_hub_factory: HubFactory, hub: LocalHub, client: httpx.Client) -> None:
    slow = local_hub_factory(bytes_per_s=200_000, latency_s=0.001)
    location = client.get(slow.endpoint + resolve("en/train.parquet")).headers["Location"]
    assert client.get(location).content == PARQUET


def test_window_begins_again() -> None:
    now = 100.0
    window = FixedWindow("api", 1, 10, clock=lambda: now)
    assert [window.take(), window.take()] == [True, False]
    assert window.headers()["RateLimit"] == '"api";r=0;t=10'
    now = 110.0
    assert window.take()


def test_card_reader_takes_plain_values() -> None:
    card = read_card(
        '\ufeff---\r\nlicense: mit\r\npretty: "A: b"\ngated: false\ntags:\n- a\n- b\nconfigs:\n- x: y\n---\nz: 1'
    )
    assert card == {"license": "mit", "pretty": "A: b", "gated": False, "tags": ["a", "b"]}
    assert read_card("# No front matter") == {}


def test_serves_a_folder_as_a_process(hub: LocalHub) -> None:
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "hfsvc.testing",
        str(hub.folder),
        "--token",
        "hf_a",
        "--gated",
        REPO,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        info = httpx.get(f"{ready['endpoint']}/api/datasets/{REPO}", headers={"Authorization": "Bearer hf_a"})
        assert info.json()["gated"] == "auto"
        assert httpx.get(ready["cdn"]).status_code == 403
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0


def test_command_line_describes_the_hub(hub: LocalHub) -> None:
    declared = f"{REPO}/en/train.parquet={'ab' * 32}"
    described = make_hub(
        parse_arguments([str(hub.folder), "--private", REPO, "--sha256", declared, "--page-size", "1"])
    )
    with described, httpx.Client(base_url=described.endpoint) as client:
        url = f"/api/datasets/{REPO}/tree/main/en?cursor=eyJvZmZzZXQiOjF9"
        assert client.get(url).status_code == 401
        (entry,) = client.get(url, headers={"Authorization": "Bearer any"}).json()
        assert entry["lfs"]["oid"] == "ab" * 32


def test_importing_the_plugin_is_cheap() -> None:
    code = "import sys, hfsvc.testing.plugin; print({'anyio', 'h11', 'httpx', 'pyarrow', 'msgspec'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
