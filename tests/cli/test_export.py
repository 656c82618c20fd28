"""``hfsvc export``: files, shards, stdout, and what goes wrong."""

import importlib.util
import json
import signal
from pathlib import Path

import pytest

from hfsvc import atif
from hfsvc.export import read_parquet
from hfsvc.testing import LocalHub

from ..trajectories.tables import parquet, rows
from .command import ALIAS, FILE, REPO, ROWS, WAIT_S, Command


def documents(path: Path) -> list[atif.Trajectory]:
    return list(map(atif.decode, path.read_bytes().splitlines()))


def test_a_file_of_lines(downloaded: Command, work: Path) -> None:
    ended = downloaded.succeeds("export", ALIAS, "-o", "a.jsonl")
    assert ended.out == "a.jsonl\n"
    assert ended.err.startswith(f"{ROWS} trajectories, ")
    shown = downloaded.succeeds("show", "3", "--json").json
    assert documents(work / "a.jsonl")[3] == atif.decode(json.dumps(shown))
    assert len(documents(work / "a.jsonl")) == ROWS


def test_the_record_as_json(downloaded: Command, work: Path) -> None:
    (done,) = downloaded.succeeds("export", ALIAS, "-o", "a.parquet", "--stop", "7", "--json").json
    assert {name: done[name] for name in ("path", "format", "rows", "skippedRows", "kept")} == {
        "path": "a.parquet",
        "format": "parquet",
        "rows": 7,
        "skippedRows": 0,
        "kept": False,
    }
    downloaded.succeeds("export", ALIAS, "-o", "b.parquet", "--cursor", done["cursor"])
    assert len(list(read_parquet(work / "a.parquet"))) + len(list(read_parquet(work / "b.parquet"))) == ROWS


def test_quiet_prints_the_path_alone(downloaded: Command) -> None:
    ended = downloaded.succeeds("export", ALIAS, "-o", "a", "--format", "sts", "--stop", "2", "-q")
    assert (ended.out, ended.err) == ("a\n", "")


def test_all_shards_and_one_shard_are_the_same(downloaded: Command, work: Path) -> None:
    ended = downloaded.succeeds("export", ALIAS, "-o", "a.jsonl", "--shards", "3", "-q")
    names = [f"a-{index:05d}-of-00003.jsonl" for index in range(3)]
    assert ended.out.split() == names
    before = (work / names[1]).read_bytes()
    (work / names[1]).unlink()
    downloaded.succeeds("export", ALIAS, "-o", "a.jsonl", "--shard", "1/3")
    assert (work / names[1]).read_bytes() == before
    assert sum(len(documents(work / name)) for name in names) == ROWS
    ended = downloaded.succeeds("export", ALIAS, "-o", "a.jsonl", "--shards", "3", "--resume")
    assert ended.err.splitlines() == [
        f"{name} is there already, and stays as it is: what it holds was not compared" for name in names
    ]


def test_stdout_takes_lines_and_tells_the_cursor_beside(downloaded: Command) -> None:
    ended = downloaded.spawn("export", ALIAS, "-o", "-", "--stop", "3")
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 3
    cursor = ended.err.split("--cursor ")[1].split()[0]
    ended = downloaded.spawn("export", ALIAS, "-o", "-", "--cursor", cursor, "--format", "openai", "-q")
    assert len(ended.out.splitlines()) == ROWS - 3
    assert not ended.err


def test_a_reader_that_leaves_ends_it_quietly(downloaded: Command) -> None:
    with downloaded.start("export", ALIAS, "-o", "-") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert not process.stderr.read()
        assert process.wait() == 0


def test_progress_as_json(downloaded: Command) -> None:
    ended = downloaded.succeeds("export", ALIAS, "-o", "a.jsonl", "--progress", "json")
    *events, last = ended.err.splitlines()
    assert json.loads(events[-1])["event"] == "rowsExported"
    assert json.loads(events[-1])["done"] == json.loads(events[-1])["total"] == ROWS
    assert last.startswith(f"{ROWS} trajectories")


@pytest.mark.parametrize(
    "arguments",
    [
        ["-o", "a"],
        ["-o", "a.csv"],
        ["-o", "a.jsonl", "--format", "parquet"],
        ["-o", "-", "--format", "parquet"],
        ["-o", "-", "--json"],
        ["-o", "-", "--shards", "2"],
        ["-o", "a.jsonl", "--shard", "2/2"],
        ["-o", "a.jsonl", "--shard", "x"],
        ["-o", "a.jsonl", "--shard", "0/2", "--shards", "2"],
        ["-o", "a.jsonl", "--engine", "ray", "--shard", "0/2"],
        [],
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_a_usage_error(downloaded: Command, work: Path, arguments: list[str]) -> None:
    before = sorted(work.iterdir())
    assert downloaded("export", ALIAS, *arguments).code == 2
    assert sorted(work.iterdir()) == before


def test_a_dataset_that_is_not_here(hfsvc: Command) -> None:
    assert hfsvc("export", ALIAS, "-o", "a.jsonl").code == 3


def test_a_bad_row_is_named_or_skipped(hfsvc: Command, hub: LocalHub, work: Path) -> None:
    found = rows(5)
    found[3]["conversations"] = None
    hub.write(REPO, FILE, parquet(found))
    hfsvc.succeeds("download", ALIAS)
    ended = hfsvc("export", ALIAS, "-o", "a.jsonl")
    assert ended.code == 6
    assert "Row 3" in ended.sentence
    assert FILE in ended.sentence
    assert not (work / "a.jsonl").exists()
    ended = hfsvc.succeeds("export", ALIAS, "-o", "a.jsonl", "--on-bad-row", "skip")
    assert "1 bad row skipped" in ended.err
    assert len(documents(work / "a.jsonl")) == 4


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_the_way_to_it_is_told(downloaded: Command) -> None:
    ended = downloaded("export", ALIAS, "-o", "a.jsonl", "--engine", "ray")
    assert ended.code == 2
    assert "pip install 'hfsvc[ray]'" in ended.sentence


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_can_be_stopped_while_nobody_reads(downloaded: Command, number: signal.Signals, code: int) -> None:
    with downloaded.start("export", ALIAS, "-o", "-") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.send_signal(number)
        assert process.wait(WAIT_S) == code
        assert process.stderr.read().endswith(b"; what is complete is kept.\n")
