"""The command ``download`` for a part of a dataset, and those that go on with it."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from hfsvc.testing import LocalHub
from tests.remote.worlds import long_rows
from tests.trajectories.tables import parquet

from .command import Command

REPO = "acme/shards"
SHARDS = tuple(f"data/train-{number:05}-of-00003.parquet" for number in range(3))


@pytest.fixture
def parts(hub: LocalHub, hfsvc: Command) -> Command:
    for number, path in enumerate(SHARDS):
        hub.write(REPO, path, bytes([number]) * 1000)
    hub.write(REPO, "data/test-00000-of-00001.parquet", b"t" * 500)
    return hfsvc


def downloaded(command: Command) -> Mapping[str, object]:
    (found,) = json.loads(command.succeeds("list", "--json").out)
    assert isinstance(found, dict)
    return found


def test_a_part_is_brought_told_and_gone_on_with(parts: Command, hub: LocalHub) -> None:
    plan = parts.succeeds("download", REPO, "--split", "train", "--max-bytes", "1.5kB", "--dry-run")
    assert plan.out.splitlines() == [f"{SHARDS[0]}\t1000\tto fetch"]
    assert "left out are 2 files of what was asked for, 2.0 kB" in plan.err
    first = parts.succeeds("download", REPO, "--split", "train", "--max-bytes", "1.5kB")
    assert "left out are 2 files of what was asked for, 2.0 kB" in first.err
    assert f"next is {SHARDS[1]}, 1.0 kB" in first.err
    assert first.err.endswith(f"hfsvc download {REPO} --max-bytes 2000\n")
    assert f"2 files, 2.0 kB; next is {SHARDS[1]}" in parts.succeeds("info", REPO).out
    hub.reset()
    parts.succeeds("download", REPO, "--max-bytes", "2000", "-q")
    assert [each.file for each in hub.find(server="cdn")] == [SHARDS[1]]
    document = json.loads(parts.succeeds("download", REPO, "--max-files", "2", "--json").out)
    assert document["left"] == {"files": 1, "totalBytes": 1000, "nextPath": SHARDS[2], "nextBytes": 1000}
    assert "left out" not in parts.succeeds("download", REPO, "--split", "train").err
    assert downloaded(parts)["files"] == [*SHARDS]


def test_an_update_keeps_to_the_part(parts: Command, hub: LocalHub) -> None:
    parts.succeeds("download", REPO, "--split", "train", "--max-files", "1", "-q")
    hub.write(REPO, SHARDS[0], b"new")
    ended = parts.succeeds("update")
    assert "left out are 2 files" in ended.err
    assert downloaded(parts)["files"] == [SHARDS[0]]


def test_a_lock_of_a_part_brings_the_part(parts: Command, work: Path) -> None:
    parts.succeeds("download", REPO, "--config", "default", "--split", "train", "--max-files", "2", "-q")
    parts.succeeds("lock", "-q")
    brought = parts.succeeds("download", "--locked", "hfsvc.lock", "--root", "elsewhere", "-q")
    assert sorted(path.name for path in Path(brought.out.strip()).rglob("*.parquet")) == [
        path.rpartition("/")[2] for path in SHARDS[:2]
    ]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--max-bytes", "900"], 2, f"{SHARDS[0]}, is of 1.0 kB"),
        (["--max-bytes", "much"], 2, "'much' is no size"),
        (["--max-bytes", "0"], 2, "no size"),
        (["--max-files", "0"], 2, "--max-files"),
        (["--split", "dev"], 3, "no split 'dev'; it has test, train"),
        (["--config", "en"], 3, "no configuration 'en'; it has default"),
        ([SHARDS[0], "--max-files", "1"], 2, "taken whole"),
        (["--rows", "5:10"], 2, f"hfsvc export {REPO} --remote --start 5 --stop 10"),
        (["--rows", "5:"], 2, f"hfsvc export {REPO} --remote --start 5"),
    ],
)
def test_what_cannot_be_brought_is_refused_and_leaves_nothing(
    parts: Command, work: Path, options: list[str], code: int, words: str
) -> None:
    split = [] if "--split" in options or "--config" in options else ["--split", "train"]
    ended = parts("download", REPO, *options, *split)
    assert (ended.code, ended.out) == (code, "")
    assert words in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
    assert not (work / ".openagents").exists()


def test_who_counts_a_part_is_told(hub: LocalHub, hfsvc: Command) -> None:
    for number, path in enumerate(SHARDS):
        hub.write(REPO, path, parquet(long_rows(2, 2 * number)))
    size = len(parquet(long_rows(2, 4)))
    hfsvc.succeeds("download", REPO, "--max-files", "2", "-q")
    for words in (("count", REPO), ("stats", REPO), ("show", "0", REPO)):
        assert f"Only a part of {REPO} is here: limits left out 1 of its files" in hfsvc.succeeds(*words).err
        assert "Only a part" not in hfsvc.succeeds(*words, "-q").err
    for command in ("count", "stats"):
        told = hfsvc.succeeds(command, REPO, "--json").json["left"]
        assert told == {"files": 1, "totalBytes": size, "nextPath": SHARDS[2], "nextBytes": size}
