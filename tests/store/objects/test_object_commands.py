"""The command line with a root in an object store."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.samples import sample_row
from tests.builders import REPO
from tests.store.objects.conftest import Bucket
from tests.trajectories.tables import parquet

Ended = subprocess.CompletedProcess[str]


@pytest.fixture
def command(local_hub: LocalHub, bucket: Bucket, tmp_path: Path) -> Callable[..., Ended]:
    local_hub.write(REPO, "rows.parquet", parquet([sample_row(number) for number in range(12)]))
    env = {**os.environ, "HF_ENDPOINT": local_hub.endpoint, "HFSVC_ROOT": bucket.root, "HFSVC_LEASE_S": "0.5"}

    def call(*arguments: str) -> Ended:
        called = [sys.executable, "-m", "hfsvc", *arguments]
        return subprocess.run(called, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)

    return call


def test_commands_work_on_a_root_that_is_no_folder(
    command: Callable[..., Ended], bucket: Bucket, tmp_path: Path
) -> None:
    assert command("download", REPO).stdout == f"{bucket.root}/{REPO}\n"
    assert command("list", "-q").stdout == f"{REPO}\n"
    assert json.loads(command("info", REPO, "--json").stdout)["localPath"] == f"{bucket.root}/{REPO}"
    assert command("count", REPO).stdout == "12\n"
    assert command("layouts", REPO, "-q").stdout.startswith("rows.parquet\t")
    assert command("verify", REPO).returncode == 0
    assert json.loads(command("du", "--json").stdout)["root"] == bucket.root
    exported = command("export", REPO, "-o", f"{bucket.root}/runs.jsonl")
    assert exported.stdout == f"{bucket.root}/runs.jsonl\n"
    assert command("delete", REPO, "--yes").returncode == 0
    assert [key for key in bucket.server.keys(bucket.name) if REPO in key] == []
    assert [*tmp_path.glob(".openagents")] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("path", REPO), "is in an object store, where there is no such thing as a path."),
        (("merge", "."), "is in an object store, where there is no such thing as a merge of folders."),
        (("stats", REPO, "--workers", "2"), "workers cannot be more than 1"),
    ],
)
def test_what_needs_a_folder_says_so_in_one_sentence(
    command: Callable[..., Ended], arguments: tuple[str, ...], said: str
) -> None:
    command("download", REPO)
    ended = command(*arguments)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_doctor_tries_what_writers_rely_on(command: Callable[..., Ended], bucket: Bucket) -> None:
    def root_line() -> str:
        return command("doctor", "--repo", REPO).stdout.partition("\n")[0]

    assert root_line() == f"ok       root      {bucket.root}: writable, conditions of writes hold, 0 datasets"
    bucket.server.ignores_conditions = True
    try:
        assert "does not keep to the conditions of a write" in root_line()
    finally:
        bucket.server.ignores_conditions = False
    assert bucket.server.keys(bucket.name) == []


def test_no_secret_is_printed(command: Callable[..., Ended], bucket: Bucket) -> None:
    bucket.server.spoil = lambda _: ("403 Forbidden", b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
    ended = command("list", "-v")
    assert ended.returncode == 7
    assert "it refuses access" in ended.stderr
    assert "secret" not in ended.stderr
    assert "Signature=" not in ended.stderr


def test_people_are_told_of_a_run_that_was_killed(command: Callable[..., Ended], bucket: Bucket) -> None:
    lease = json.dumps({"owner": "killed", "host": "far-away", "turn": 3, "lastsS": 0.2})
    key = "some/where/.hfsvc/locks/acme--notes.json"
    bucket.server.client.put_object(Bucket=bucket.name, Key=key, Body=lease.encode())
    ended = command("download", REPO)
    assert ended.returncode == 0
    assert f"A run on far-away that worked on {REPO} was killed" in ended.stderr


def test_commands_that_end_right_after_an_answer_end_well(command: Callable[..., Ended]) -> None:
    # One of six was aborted where obstore's own threads came back to an interpreter that had ended.
    assert [command("list").returncode for _ in range(16)] == [0] * 16
