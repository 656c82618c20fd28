"""``hfsvc serve`` as a process: where it listens, whom it lets in, and how it stops."""

import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import httpx
import pytest
from websockets.sync.client import connect

from .command import ALIAS, ROWS, Command, Ended, finish

WAIT_S = 30
ORIGIN = "https://pages.example"


@contextmanager
def serving(
    hfsvc: Command, *arguments: str, env: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Popen[bytes]]]:
    """A server on a free port, and its address; killed at the end if it still runs."""
    with hfsvc.start("serve", "--port", "0", *arguments, env=env) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().decode().strip(), process
        finally:
            process.kill()


def ask(address: str, path: str = "healthz", **settings: object) -> httpx.Response:
    return httpx.get(address + path, timeout=WAIT_S, trust_env=False, **settings)  # type: ignore[arg-type]


def stop(process: Popen[bytes], number: signal.Signals = signal.SIGTERM) -> Ended:
    process.send_signal(number)
    return finish(process)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_serves_until_it_is_stopped_also_with_open_streams(
    downloaded: Command, number: signal.Signals, code: int
) -> None:
    with serving(downloaded) as (address, process):
        assert address.startswith("http://127.0.0.1:")
        assert ask(address, "api/trajectories").json()["total"] == ROWS
        port = int(address.rstrip("/").rsplit(":", 1)[1])
        with (
            connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as ws,
            socket.create_connection(("127.0.0.1", port)),
            httpx.stream("GET", address + "api/trajectories.jsonl", trust_env=False) as lines,
        ):
            ws.send('{"type": "request:getHFTrajectoryCount", "correlationId": "1"}')
            assert f'"count":{ROWS}' in str(ws.recv())
            next(lines.iter_raw(1))
            ended = stop(process, number)
        assert ended.code == code
        assert "Traceback" not in ended.err
        assert "is not downloaded" not in ended.err


def test_json_tells_the_address(hfsvc: Command) -> None:
    with serving(hfsvc, "--json") as (line, process):
        address = line.removeprefix('{"url":"').removesuffix('"}')
        assert ask(address).status_code == 200
        ended = stop(process)
        assert ended.error["code"] == "terminated"


def test_a_source_is_named_by_option_or_variable(downloaded: Command) -> None:
    for arguments, env in ((["--source", "acme/other"], {}), ([], {"HFSVC_DEFAULT_SOURCE": "acme/other"})):
        with serving(downloaded, *arguments, env=env) as (address, _):
            assert "acme/other is not downloaded" in ask(address, "api/trajectories").text
            assert ask(address, f"api/trajectories?source={ALIAS}").json()["total"] == ROWS


def test_it_says_at_its_start_and_at_the_first_failure_what_the_socket_lacks(downloaded: Command) -> None:
    with serving(downloaded, "acme/other") as (address, process):
        with connect(f"{address.replace('http', 'ws')}ws", proxy=None) as ws:
            for _ in range(2):
                ws.send('{"type": "request:getHFTrajectoryCount", "correlationId": "1"}')
                assert "acme/other is not downloaded" in str(ws.recv())
        ended = stop(process)
    assert "acme/other is not downloaded: run: hfsvc download acme/other. Until then the Effuse UI" in ended.err
    assert ended.err.count("the Effuse socket cannot answer: acme/other is not downloaded") == 1


def test_others_reach_it_only_with_a_token(hfsvc: Command) -> None:
    ended = hfsvc("serve", "--port", "0", "--host", "0.0.0.0")
    assert ended.code == 2
    assert "HFSVC_SERVER_TOKEN" in ended.err


@pytest.mark.parametrize("by_option", [False, True])
def test_a_token_is_asked_for_and_never_shown(downloaded: Command, by_option: bool) -> None:
    arguments = ["--server-token", "geheim"] if by_option else []
    env = {} if by_option else {"HFSVC_SERVER_TOKEN": "geheim"}
    with serving(downloaded, "--host", "0.0.0.0", "-v", *arguments, env=env) as (address, process):
        assert ask(address, "api/trajectories").status_code == 401
        answer = ask(address, "api/trajectories", headers={"Authorization": "Bearer geheim"})
        assert answer.json()["total"] == ROWS
        ended = stop(process)
    assert "geheim" not in address + ended.out + ended.err


def test_the_hubs_token_does_not_open_it_and_does_not_leave(downloaded: Command) -> None:
    with serving(downloaded, env={"HF_TOKEN": "hf_secret"}) as (address, process):
        job = httpx.post(address + "api/jobs", json={"repo": ALIAS}, trust_env=False).json()
        texts = [ask(address, path).text for path in ("api/jobs", f"api/jobs/{job['id']}/events", "metrics", "readyz")]
        ended = stop(process)
    assert "hf_secret" not in "".join([*texts, ended.out, ended.err])


def test_pages_that_were_let_in(hfsvc: Command) -> None:
    with serving(hfsvc, "--allow-origin", ORIGIN) as (address, _):
        answer = ask(address, headers={"Origin": ORIGIN})
        assert answer.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--allow-origin", "*"], "no origin"),
        (["--host", "nowhere.invalid", "--server-token", "x"], "nowhere.invalid"),
        (["--port", "70000"], "70000"),
        (["--host", "192.0.2.1", "--server-token", "x"], "host cannot be used: '192.0.2.1' is no address of this"),
        (["--source", "no-alias"], "no-alias"),
        (["--source", "one/two/three"], "no dataset id"),
        (["--source", "team/data", "--demo"], "leave out --source"),
        (["--server-token", ""], "server-token"),
        (["--server-token", " "], "server-token"),
    ],
)
def test_what_cannot_be_meant(hfsvc: Command, arguments: list[str], said: str) -> None:
    ended = hfsvc("serve", *arguments)
    assert ended.code in {2, 3}
    assert said in ended.err


@pytest.mark.skipif(sys.platform != "linux", reason="browsers are opened in other ways elsewhere")
@pytest.mark.parametrize("token", ["", "gehe!m %41#"])
def test_the_browser_is_opened_where_it_answers(hfsvc: Command, tmp_path: Path, token: str) -> None:
    opened = tmp_path / "opened"
    os.mkfifo(opened)
    browser = tmp_path / "xdg-open"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}"\n')
    browser.chmod(0o755)
    env = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "HFSVC_SERVER_TOKEN": token}
    with serving(hfsvc, "--open", env=env) as (address, _):
        told, _, code = opened.read_text().partition("#code=")
        assert (told, bool(code)) == (address, bool(token))
        if token:
            # Not the token, and good once.
            assert "gehe" not in code
            answers = [httpx.post(f"{address}session", json={"code": code}, trust_env=False) for _ in range(2)]
            assert [each.status_code for each in answers] == [204, 401]


@pytest.mark.skipif(sys.platform != "linux", reason="browsers are opened in other ways elsewhere")
def test_where_there_is_no_browser_only_that_is_said(hfsvc: Command, tmp_path: Path) -> None:
    for name in ("xdg-open", "browser"):
        (tmp_path / name).write_text('#!/bin/sh\necho "cannot open $1" >&2\nexit 3\n')
        (tmp_path / name).chmod(0o755)
    env = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "BROWSER": f"{tmp_path / 'browser'} %s",
        "HFSVC_SERVER_TOKEN": "geheim",
    }
    with serving(hfsvc, "--open", env=env) as (address, process):
        assert process.stderr is not None
        said = [process.stderr.readline().decode() for _ in range(3)]
        assert ask(address).status_code == 200
        ended = stop(process)
    assert said[::2] == ["Serving until Ctrl-C.\n", "No browser could be opened: open the address yourself.\n"]
    assert "geheim" not in ended.err


def test_what_it_needs_is_named(hfsvc: Command, tmp_path: Path) -> None:
    (tmp_path / "litestar.py").write_text("raise ImportError")
    ended = hfsvc.spawn("serve", "--json", env={"PYTHONPATH": str(tmp_path)})
    assert ended.code == 2
    assert ended.error["code"] == "missing_extra"
    assert "pip install 'hfsvc[server]'" in ended.error["message"]


def test_a_port_that_is_taken_is_named(hfsvc: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = hfsvc("serve", "--port", port)
    assert ended.code == 2
    assert f"127.0.0.1:{port}" in ended.sentence
    assert "--port 0" in ended.sentence


def test_the_demo_needs_nothing(hfsvc: Command) -> None:
    with serving(hfsvc, "--demo", "-q", env={"HF_ENDPOINT": "http://127.0.0.1:1"}) as (address, process):
        assert ask(address, "api/trajectories").json()["total"] > 0
        assert ask(address, "api/trajectories/0").json()["schema_version"] == "ATIF-v1.4"
        assert not stop(process).out
