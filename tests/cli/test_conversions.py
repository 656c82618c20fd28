"""The commands over the Hub's parquet copy of a dataset."""

import json
from pathlib import Path

import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.samples import sample_row

from ..builders import noise
from .command import Command

REPO = "acme/talks"


@pytest.fixture
def copied(hub: LocalHub, tmp_path: Path, sample: Path) -> Path:
    """A dataset of JSON Lines, and a folder with its rows as parquet."""
    hub.write(REPO, "train.jsonl", json.dumps(sample_row(0), default=str).encode())
    folder = tmp_path / "copy"
    parquet = next(sample.rglob("*.parquet"))
    for split in ("train", "test"):
        target = folder / "default" / split / "0000.parquet"
        target.parent.mkdir(parents=True)
        target.write_bytes(parquet.read_bytes())
    return folder


def test_a_copy_is_told_wherever_it_is_met(hub: LocalHub, hfsvc: Command, copied: Path) -> None:
    copy = hub.convert(REPO, copied)
    source = hub.refresh(REPO)
    told = f"the Hub's parquet copy of commit {source[:12]}"
    planned = hfsvc.succeeds("download", REPO, "--converted", "--dry-run")
    assert f"{told} is taken, at commit {copy[:12]}" in planned.err
    done = hfsvc.succeeds("download", REPO, "--converted")
    assert done.err.splitlines()[0] == f"{REPO}: {told} is taken, at commit {copy[:12]}"
    assert f"commit {copy[:12]} ({told}), verified" in done.err
    assert f"{told}, refs/convert/parquet\n" in hfsvc.succeeds("info", REPO).out
    (listed,) = json.loads(hfsvc.succeeds("list", "--json").out)
    assert listed["conversion"] == {"revision": "refs/convert/parquet", "sourceCommit": source, "confirmed": True}
    assert hfsvc.succeeds("update", "--check").out.split("\t")[1] == "current"
    hfsvc.succeeds("verify", REPO)
    # Its splits are those of its paths.
    both, one = (hfsvc.succeeds("count", REPO, *more, "-q").out for more in ([], ["--split", "test"]))
    assert int(both) == 2 * int(one) > 0


def test_own_files_come_back_when_asked_for(hub: LocalHub, hfsvc: Command, copied: Path) -> None:
    hub.convert(REPO, copied)
    hfsvc.succeeds("download", REPO)
    assert "in place of 1 file recorded here" in hfsvc.succeeds("download", REPO, "--converted").err
    assert [each["path"] for each in json.loads(hfsvc.succeeds("files", REPO, "--json").out)["files"]] == [
        "default/test/0000.parquet",
        "default/train/0000.parquet",
    ]
    back = json.loads(hfsvc.succeeds("download", REPO, "--no-converted", "--json").out)
    assert (back["files"], back["conversion"]) == (["train.jsonl"], None)


def test_why_there_is_no_copy_is_said(hub: LocalHub, hfsvc: Command, copied: Path) -> None:
    ended = hfsvc("download", REPO, "--converted")
    assert (ended.code, ended.out) == (3, "")
    assert "no parquet copy" in ended.err
    hub.convert(REPO, copied)
    hub.write(REPO, "more.jsonl", noise(10))
    ended = hfsvc("download", REPO, "--converted")
    assert ended.code == 5
    assert hub.refresh(REPO)[:12] in ended.err
    assert "Traceback" not in ended.err
