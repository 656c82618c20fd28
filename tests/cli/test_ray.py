"""``hfsvc export --engine ray``: the files of the local engine, its own bar or events, and nothing of Ray's on the terminal."""

import json
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..ray_nodes import Nodes, is_alive, needs_ray, open_pipe, processes_below, told, two_nodes
from ..trajectories.tables import parquet, row, talk
from .command import ALIAS, ROWS, WAIT_S, Command, finish

RAY = ("--engine", "ray")


@pytest.mark.parametrize("command", [("export", ALIAS, "-o", "a.jsonl"), ("download", ALIAS)])
def test_an_address_is_that_of_a_cluster(hfsvc: Command, command: tuple[str, ...]) -> None:
    ended = hfsvc(*command, "--address", "10.0.0.1:6379")
    assert ended.code == 2
    assert "--address names the cluster of --engine ray" in ended.err


@needs_ray
@pytest.mark.parametrize("command", [("export", ALIAS, "-o", "a.jsonl"), ("download", ALIAS)])
def test_a_cluster_that_refuses_is_one_sentence(downloaded: Command, command: tuple[str, ...]) -> None:
    ended = downloaded.spawn(*command, *RAY, "--address", "127.0.0.1:1")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.sentence.startswith("address cannot be 127.0.0.1:1: no Ray cluster answers there")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    pytest.importorskip("ray", reason="Ray is not installed")
    with two_nodes() as nodes:
        yield nodes


@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_shards_are_those_of_the_local_engine_and_nothing_else_is_said(
    downloaded: Command, cluster: Nodes, work: Path
) -> None:
    named = [f"a-{index:05d}-of-00003.jsonl" for index in range(3)]
    local = downloaded.succeeds("export", ALIAS, "-o", "local/a.jsonl", "--shards", "3")
    asked = ("export", ALIAS, "-o", "ray/a.jsonl", "--shards", "3", *RAY, "--address", cluster.address)
    ended = downloaded.spawn(*asked)
    assert ended.code == 0
    assert (ended.out, ended.err) == (local.out.replace("local/", "ray/"), local.err.replace("local/", "ray/"))
    for name in named:
        assert (work / "ray" / name).read_bytes() == (work / "local" / name).read_bytes()
    kept = downloaded.spawn(*asked, "--resume")
    assert kept.err.count("is there already") == 3


@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_events_are_those_of_exports(downloaded: Command, cluster: Nodes) -> None:
    asked = ("export", ALIAS, "-o", "a.jsonl", "--shards", "2", *RAY, "--progress", "json", "--json")
    ended = downloaded.spawn(*asked, env={"RAY_ADDRESS": cluster.address})
    events = [json.loads(line) for line in ended.err.splitlines()]
    assert {each["event"] for each in events} == {"rowsExported"}
    assert (events[-1]["done"], events[-1]["total"]) == (ROWS, ROWS)
    assert sum(each["rows"] for each in ended.json) == ROWS


@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_a_bad_row_is_named_or_left_out(hfsvc: Command, cluster: Nodes, work: Path) -> None:
    bad = [row(n, **({"conversations": None} if n == 13 else {})) for n in range(20)]
    (work / "bad.parquet").write_bytes(parquet(bad, row_group_size=3))
    asked = ("export", "./bad.parquet", "-o", "a.jsonl", "--shards", "2", *RAY, "--address", cluster.address)
    ended = hfsvc.spawn(*asked)
    assert (ended.code, ended.err.count("\n")) == (6, 1)
    assert ended.sentence.startswith("Row 13 in bad.parquet cannot be read")
    assert (work / "a-00000-of-00002.jsonl").exists()
    ended = hfsvc.spawn(*asked, "--on-bad-row", "skip", "--resume")
    assert ended.code == 0
    assert "9 trajectories" in ended.err
    assert "1 bad row skipped" in ended.err


@needs_ray
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="this system does not tell which processes there are"
)
@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_export_that_is_stopped_says_so_and_leaves_no_process(
    hfsvc: Command, work: Path, stop: signal.Signals, code: int
) -> None:
    held = [row(n, conversations=talk("say " * 500)) for n in range(80)]
    (work / "runs.parquet").write_bytes(parquet(held))
    pipe = work / "a-00001-of-00002.jsonl"
    os.mkfifo(pipe)
    with (
        open_pipe(pipe) as end,
        hfsvc.start("export", "./runs.parquet", "-o", "a.jsonl", "--shards", "2", *RAY) as process,
    ):
        # A pipe takes less than a shard: whoever has filled it is in the middle of its work.
        select.select([end], [], [], WAIT_S)
        started = processes_below(process.pid)
        process.send_signal(stop)
        ended = finish(process)
    assert (ended.code, ended.out, ended.err.strip().count("\n")) == (code, "", 0)
    assert "whole parts are kept" in ended.err
    assert started
    assert not [each for each in started if is_alive(each) and "raylet" in told(each, "cmdline")]
