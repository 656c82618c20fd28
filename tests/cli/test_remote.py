"""``--remote``: commands over a dataset that is not on disk, and what they tell of what was moved."""

import json
import re
from pathlib import Path

import httpx
import pytest

from hfsvc.testing import LocalHub

from .command import REPO, ROWS, Command
from .test_serve import ask, serving


@pytest.mark.parametrize(
    "words",
    [
        ("count", REPO),
        ("count", REPO, "--filter", "all", "--where", "agent:terminus"),
        ("sample", "2", REPO, "--seed", "3"),
        ("show", "3", REPO),
        ("stats", REPO),
        ("search", "terminus", "--dataset", REPO),
        ("export", REPO, "-o", "-", "--stop", "3"),
    ],
)
def test_a_command_says_the_same_as_over_what_is_on_disk(
    hfsvc: Command, downloaded: Command, words: tuple[str, ...], tmp_path: Path
) -> None:
    local = downloaded(*words)
    remote = hfsvc(*words, "--remote", "--root", str(tmp_path / "elsewhere"))
    assert (remote.code, remote.out) == (0, local.out)
    assert re.fullmatch(r"read .* of .* in \d+ requests", remote.err.splitlines()[-1])
    assert not (tmp_path / "elsewhere").exists()


def test_json_tells_what_was_moved(hfsvc: Command, hub: LocalHub) -> None:
    for words in (("count", REPO), ("stats", REPO), ("search", "x", "--dataset", REPO)):
        hub.reset()
        found = hfsvc(*words, "--remote", "--json").json
        assert (found["bytesMoved"], found["requests"]) == (hub.bytes_sent(), len(hub.requests))


@pytest.mark.parametrize(
    "words",
    [
        ("count", REPO),
        ("show", "3", REPO),
        ("sample", "2", REPO, "-q"),
        # Of this one more is to be said.
        ("count", REPO, "--filter", "success", "--where", "task:nowhere"),
    ],
)
def test_with_json_the_last_line_for_people_is_json_too(hfsvc: Command, hub: LocalHub, words: tuple[str, ...]) -> None:
    plain = hfsvc(*words, "--remote", "--json")
    told = json.loads(plain.err.splitlines()[-1])
    assert (told["bytesMoved"], told["requests"]) == (hub.bytes_sent(), len(hub.requests))
    assert told["totalBytes"] >= told["bytesMoved"] - 10_000
    assert "requests\n" not in plain.err


def test_what_a_large_row_group_costs_is_said_before(hfsvc: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfsvc.trajectories.files.ranged_parquet.LARGE_GROUP_BYTES", 1 << 10)
    shown = hfsvc("show", "3", REPO, "--remote")
    assert shown.code == 0
    told, moved = shown.err.index("row group 0 holds"), shown.err.index(" requests")
    assert told < moved


def test_what_does_not_go_together_is_refused(hfsvc: Command, tmp_path: Path) -> None:
    assert "one process" in hfsvc("count", REPO, "--remote", "--workers", "2").err
    assert "ray" in hfsvc("export", REPO, "--remote", "--engine", "ray", "-o", str(tmp_path / "a.jsonl")).err
    assert hfsvc("count", REPO, "--keep").code == 2
    (tmp_path / "a.jsonl").write_bytes(b"{}\n")
    assert hfsvc("count", str(tmp_path / "a.jsonl"), "--remote").code == 2


def test_bytes_are_kept_where_that_is_asked_for(hfsvc: Command) -> None:
    assert hfsvc("stats", REPO, "--remote", "--keep").code == 0
    plan = json.loads(hfsvc("download", REPO, "--dry-run", "--json").out)
    assert plan["keptBytes"] == 0 or plan["keptBytes"] <= plan["totalBytes"]


def test_a_server_shows_what_is_not_on_disk(hfsvc: Command) -> None:
    with serving(hfsvc, "--remote", REPO) as (address, _):
        assert ask(address, "api/trajectories").json()["total"] == ROWS
        assert [each["repo"] for each in ask(address, "api/datasets").json()] == [REPO]
        assert ask(address, "api/trajectories/3", params={"style": "structured"}).status_code == 200
        lines = httpx.get(address + "api/trajectories.jsonl", trust_env=False, timeout=30).text.splitlines()
        assert len(lines) == ROWS


def test_an_export_keeps_bytes_by_the_same_word(hfsvc: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    export = ("export", REPO, "-o", "-", "--stop", "1")
    assert hfsvc(*export, "--keep").code == 2
    assert "give --remote" in hfsvc(*export, "--keep").err
    assert hfsvc(*export, "--remote", "--keep").code == 0
    named = hfsvc(*export, "--remote", "--keep", "row,file", "--keep-bytes")
    assert '"row":0' in named.out.replace(" ", "")
