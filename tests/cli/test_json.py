"""``--json``: one value on stdout, camelCase, integers for bytes, ISO 8601 for times."""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hfsvc import atif

from .command import ALIAS, FILE, REPO, ROWS, Command


def check_dataset(found: dict[str, Any], folder: Path) -> None:
    names = {
        "repo",
        "localPath",
        "files",
        "totalBytes",
        "downloadedAt",
        "revision",
        "commit",
        "license",
        "configs",
        "checksums",
        "sizes",
        "selection",
        "conversion",
        "left",
        "shard",
    }
    assert found.keys() == names
    assert found["configs"] == []
    assert found["repo"] == REPO
    assert found["localPath"] == str(folder)
    assert found["files"] == [FILE]
    assert found["totalBytes"] == (folder / FILE).stat().st_size
    assert datetime.fromisoformat(found["downloadedAt"]).utcoffset() == timedelta(0)
    assert found["revision"] == "main"
    assert len(found["commit"]) == 40
    assert found["license"] == "apache-2.0"


def test_download(hfsvc: Command, folder: Path) -> None:
    ended = hfsvc.succeeds("download", ALIAS, "--json")
    check_dataset(ended.json, folder)
    assert not ended.err


def test_dry_run(hfsvc: Command, work: Path) -> None:
    ended = hfsvc.succeeds("download", ALIAS, "--dry-run", "--json")
    plan = ended.json
    (file,) = plan["files"]
    assert file["path"] == FILE
    assert file["copyOf"] is None
    assert plan["fetchBytes"] == plan["totalBytes"] == file["size"]
    assert isinstance(plan["freeBytes"], int)
    assert plan["hubRequests"] == 1
    assert not list(work.iterdir())


def test_list(downloaded: Command, folder: Path) -> None:
    (found,) = downloaded.succeeds("list", "--json").json
    check_dataset(found, folder)


def test_list_of_nothing(hfsvc: Command) -> None:
    ended = hfsvc.succeeds("list", "--json")
    assert ended.json == []
    assert not ended.err


def test_info(downloaded: Command, folder: Path) -> None:
    found = downloaded.succeeds("info", ALIAS, "--json").json
    assert found.pop("splits") == {"default": {"train": [FILE]}}
    check_dataset(found, folder)


def test_path(downloaded: Command, folder: Path) -> None:
    assert downloaded.succeeds("path", ALIAS, "--json").json == {"dataset": REPO, "path": str(folder)}


def test_verify(downloaded: Command, folder: Path) -> None:
    report = downloaded.succeeds("verify", ALIAS, "--json").json
    assert report["checkedFiles"] == 1
    assert report["checkedBytes"] == (folder / FILE).stat().st_size
    assert report["damaged"] == report["repaired"] == []


def test_verify_of_damage_prints_the_report_all_the_same(downloaded: Command, folder: Path) -> None:
    (folder / FILE).unlink()
    ended = downloaded("verify", ALIAS, "--json")
    assert ended.code == 6
    (damaged,) = ended.json["damaged"]
    assert damaged["path"] == FILE
    assert damaged["actual"] is None
    assert damaged["expected"].startswith("sha256:")


def test_delete(downloaded: Command, folder: Path) -> None:
    size = (folder / FILE).stat().st_size
    assert downloaded.succeeds("delete", ALIAS, "--yes", "--json").json == {"deleted": REPO, "bytes": size}


def test_count(downloaded: Command) -> None:
    assert downloaded.succeeds("count", "--json").json == {"source": ALIAS, "count": ROWS}


def test_sample(downloaded: Command) -> None:
    found = downloaded.succeeds("sample", "3", "--json").json
    assert [atif.decode(json.dumps(each)).schema_version for each in found] == ["ATIF-v1.4"] * 3


def test_show(downloaded: Command) -> None:
    ended = downloaded.succeeds("show", "0", "--json")
    trajectory = atif.decode(ended.out)
    assert ended.json == json.loads(atif.encode(trajectory))
    assert trajectory.extra is not None
    assert trajectory.extra["source"] == REPO
    assert trajectory.session_id == trajectory.extra["run_id"]
    assert [step.step_id for step in trajectory.steps] == list(range(1, len(trajectory.steps) + 1))


def test_doctor(hfsvc: Command) -> None:
    checks = hfsvc.succeeds("doctor", "--json").json
    assert [check["check"] for check in checks] == ["root", "proxy", "ca", "token", "endpoint", "cdn"]
    assert all(check.keys() == {"check", "ok", "detail"} and check["ok"] for check in checks)


def test_progress_events_are_a_line_each_on_stderr(hfsvc: Command, folder: Path) -> None:
    ended = hfsvc.succeeds("download", ALIAS, "--json", "--progress", "json")
    events = [json.loads(line) for line in ended.err.splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["planned", "finished"]
    assert {"fileStarted", "bytesReceived", "fileVerified"} <= {event["event"] for event in events}
    check_dataset(events[-1]["dataset"], folder)
    check_dataset(ended.json, folder)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show", "999999", "--json"], "trajectory_not_found"),
        (["download", "--json"], "usage"),
        (["list", "--json", "--nonsense"], "usage"),
    ],
)
def test_errors_are_one_json_value_on_stderr(downloaded: Command, arguments: list[str], code: str) -> None:
    ended = downloaded(*arguments)
    assert not ended.out
    assert ended.err.count("\n") == 1
    assert ended.error["code"] == code
    assert ended.error["retryable"] is False


def test_errors_that_may_pass_say_so(hfsvc: Command, nowhere: str) -> None:
    ended = hfsvc("download", ALIAS, "--json", "--endpoint", nowhere)
    assert ended.code == 5
    assert ended.error["code"] == "hub_unavailable"
    assert ended.error["retryable"] is True


def test_names_that_are_no_text_are_json_from_which_they_come_back(hfsvc: Command, work: Path) -> None:
    name = os.fsdecode(b"lat\xe9.jsonl")
    (work / name).write_text('{"messages": [{"role": "user", "content": "hello"}]}\n')
    assert hfsvc.succeeds("count", f"./{name}", "--json").json == {"source": f"./{name}", "count": 1}
    ended = hfsvc("count", f"./no-{name}", "--json")
    assert ended.code == 3
    assert name in ended.error["message"]
