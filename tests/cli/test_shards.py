"""Downloads in shards, and the command ``merge``."""

from pathlib import Path

import pytest

from hfsvc.testing import LocalHub

from .command import ALIAS, Command, tree


@pytest.fixture(autouse=True)
def _five_files(hub: LocalHub) -> None:
    for number in range(5):
        hub.write("o/five", f"{number}.parquet", bytes([number]) * 100)


def test_shards_of_one_root(hfsvc: Command, work: Path) -> None:
    first = hfsvc.succeeds("download", "o/five", "--shard", "0/2", "--json").json
    assert first["shard"]["missing"] == [1]
    for command in (["path", "o/five"], ["count", "o/five"], ["verify", "o/five"], ["info", "o/five"]):
        assert hfsvc(*command, "--json").error["code"] == "shards_missing"
    words = hfsvc.succeeds("download", "o/five", "--shard", "0/2").err
    assert "shard 0 of 2" in words
    assert "Not here yet: 1." in words
    last = hfsvc.succeeds("download", "o/five", "--shard", "1/2", "--json").json
    assert last["shard"] is None
    assert len(last["files"]) == 5
    assert hfsvc.succeeds("verify", "o/five", "--json").json["checkedFiles"] == 5


@pytest.mark.parametrize("move", [[], ["--move"]], ids=["copied", "moved"])
def test_shards_of_several_roots(hfsvc: Command, work: Path, move: list[str]) -> None:
    for index in range(2):
        hfsvc.succeeds("download", "o/five", "--shard", f"{index}/2", "--root", f"node{index}")
    assert hfsvc("merge", "node0", "--root", "all", "--json").error["code"] == "shards_missing"
    assert hfsvc.succeeds("merge", "node0", "node1", "--root", "all", *move).out == f"{work / 'all/o/five'}\n"
    assert tree(work / "all/o/five").keys() == {f"{number}.parquet" for number in range(5)}
    assert hfsvc("merge", "all", "--root", "all", "--json").error["code"] == "invalid_argument"
    assert hfsvc("merge", "nowhere", "--json").error["code"] == "path_not_found"


def test_what_is_no_shard_is_a_usage_error(hfsvc: Command) -> None:
    ended = hfsvc("download", ALIAS, "--shard", "2/2")
    assert ended.code == 2
    assert "write i/n" in ended.err
