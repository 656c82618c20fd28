"""Ctrl-C, SIGTERM and readers that leave: exit codes, no traceback, and what is complete is kept."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Stall

from .command import REPO, Command, finish

BIG = "o/big"
# Large enough to be gathered on disk, and not in memory.
SIZE = 2 << 20
CHUNK = 1 << 18
# One stream after the other, so that what is done when a stream stalls is known.
ONE_BY_ONE = {"HFSVC_CHUNK_BYTES": str(CHUNK), "HFSVC_MAX_CONNECTIONS": "1"}
DONE = 3


def stall(hub: LocalHub) -> None:
    hub.write(BIG, "a.parquet", bytes(range(256)) * (SIZE // 256))
    hub.fault(Stall(), server="cdn", skip=DONE)


@pytest.mark.parametrize(
    ("number", "code", "sentence", "name"),
    [
        (signal.SIGINT, 130, "Interrupted; what is complete is kept.", "interrupted"),
        (signal.SIGTERM, 143, "Terminated; what is complete is kept.", "terminated"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_download_that_is_stopped_goes_on_next_time(
    hfsvc: Command,
    hub: LocalHub,
    work: Path,
    number: signal.Signals,
    code: int,
    sentence: str,
    name: str,
    as_json: bool,
) -> None:
    stall(hub)
    with hfsvc.start("download", BIG, *["--json"] * as_json, env=ONE_BY_ONE) as process:
        hub.wait_until(lambda: hub.stalled == 1)
        process.send_signal(number)
        ended = finish(process)
    assert ended.code == code
    assert not ended.out
    if as_json:
        assert ended.error["code"] == name
        assert ended.error["message"] == sentence
    else:
        assert ended.err.strip() == sentence
    assert not (work / ".openagents" / "datasets" / BIG).exists()
    assert not hfsvc.succeeds("list", "-q").out

    hub.clear_faults()
    hub.release()
    hub.reset()
    ended = hfsvc.spawn("download", BIG, "--json", env=ONE_BY_ONE)
    assert ended.code == 0
    assert hub.bytes_sent() == SIZE - DONE * CHUNK


def test_a_remote_read_that_is_stopped_promises_nothing(hfsvc: Command, hub: LocalHub, work: Path) -> None:
    hub.fault(Stall(), server="cdn")
    with hfsvc.start("stats", REPO, "--remote") as process:
        hub.wait_until(lambda: hub.stalled == 1)
        process.send_signal(signal.SIGINT)
        ended = finish(process)
    assert ended.code == 130
    assert ended.err.strip() == "Interrupted; nothing is kept of what was read; --keep would keep it."
    assert not (work / ".openagents").exists()


def test_a_dry_run_tells_what_is_kept(hfsvc: Command, hub: LocalHub) -> None:
    stall(hub)
    with hfsvc.start("download", BIG, env=ONE_BY_ONE) as process:
        hub.wait_until(lambda: hub.stalled == 1)
        process.send_signal(signal.SIGTERM)
        finish(process)
    plan = hfsvc.succeeds("download", BIG, "--dry-run", "--json").json
    assert plan["keptBytes"] == DONE * CHUNK
    assert plan["fetchBytes"] == plan["totalBytes"] - plan["keptBytes"]
    assert f"{DONE * CHUNK} bytes here" in hfsvc.succeeds("download", BIG, "--dry-run").out


@pytest.mark.parametrize("arguments", [["sample", "40"], ["sample", "40", "--json"], ["show", "0"]])
def test_a_reader_that_leaves_ends_it_quietly(downloaded: Command, arguments: list[str]) -> None:
    with downloaded.start(*arguments) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert not process.stderr.read()
        assert process.wait() == 0


def test_nobody_reads_at_all(downloaded: Command) -> None:
    with downloaded.start("list", "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert not process.stderr.read()
        assert process.wait() == 0


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_outputs_may_be_closed(downloaded: Command, closed: str) -> None:
    ended = _in_shell(downloaded, f'exec "$@" {closed}', "count")
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["count"], ["sample", "--json"]])
def test_an_output_that_is_full_is_named(downloaded: Command, arguments: list[str]) -> None:
    ended = _in_shell(downloaded, 'exec "$@" >/dev/full', *arguments)
    assert ended.returncode == 7
    assert b"/dev/stdout needs more room" in ended.stderr


def _in_shell(hfsvc: Command, script: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    program = [sys.executable, "-m", "hfsvc.cli.main", *arguments]
    return subprocess.run(["sh", "-c", script, "sh", *program], env=hfsvc.env, capture_output=True)


def test_events_of_a_stopped_download_stay_whole_lines(hfsvc: Command, hub: LocalHub) -> None:
    stall(hub)
    with hfsvc.start("download", BIG, "--progress", "json", env=ONE_BY_ONE) as process:
        hub.wait_until(lambda: hub.stalled == 1)
        process.send_signal(signal.SIGTERM)
        *events, last = finish(process).err.splitlines()
    assert json.loads(events[0])["event"] == "planned"
    assert all(json.loads(line)["event"] for line in events)
    assert last == "Terminated; what is complete is kept."


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(("arguments", "code"), [(["download", "openthoughts-sft"], 0), (["count", "o/none"], 3)])
@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_words_that_nobody_takes_change_no_exit_code(
    downloaded: Command, arguments: list[str], code: int, redirection: str
) -> None:
    assert _in_shell(downloaded, f'exec "$@" {redirection}', *arguments).returncode == code
