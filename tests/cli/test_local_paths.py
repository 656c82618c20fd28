"""Commands over files of the user's own: what reads them, and what says why it does not. Real processes, and no Hub."""

import json
from pathlib import Path
from urllib.parse import quote

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from websockets.sync.client import connect

from hfsvc.testing.samples import sample_row

from .command import Command
from .test_serve import serving, stop

ODD = "r ün#s?&%2F;+"
RUNS = 6


@pytest.fixture
def alone(hfsvc: Command, work: Path) -> Command:
    """Commands beside files of every kind, with a Hub that is not there."""
    hfsvc.env |= {"HF_ENDPOINT": "http://127.0.0.1:9", "HFSVC_ROOT": str(work / "store")}
    rows = [sample_row(number) for number in range(RUNS)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    for folder in ("runs", ODD):
        (work / folder).mkdir()
        (work / folder / "a b#1.jsonl").write_text(lines)
    pq.write_table(pa.Table.from_pylist(rows), work / "runs.parquet")
    write_job(work / "jobs")
    return hfsvc


def write_job(folder: Path) -> None:
    for number in range(RUNS):
        trial = folder / "2026-01-01" / f"task__{number}"
        (trial / "agent").mkdir(parents=True)
        (trial / "result.json").write_text(json.dumps({"verifier_result": {"rewards": {"reward": number % 2}}}))
        document = {
            "schema_version": "ATIF-v1.5",
            "session_id": f"s{number}",
            "agent": {"name": "me", "version": "1"},
            "steps": [{"step_id": 1, "source": "user", "message": f"task {number}"}],
        }
        (trial / "agent" / "trajectory.json").write_text(json.dumps(document))


def ask(address: str, path: str, **query: str | int) -> httpx.Response:
    return httpx.get(address + path, params=query, timeout=30, trust_env=False)


PATHS = ["./runs", "runs.parquet", "./jobs", f"./{ODD}", "runs/*.jsonl"]


def test_files_are_served_as_datasets_of_their_own(alone: Command, work: Path) -> None:
    names = [f"local:{path.rpartition('/')[2]}" for path in PATHS]
    with serving(alone, *PATHS) as (address, process):
        listed = [(each["repo"], each["local"], each["revision"]) for each in ask(address, "api/datasets").json()]
        assert sorted(listed) == sorted((name, True, "local") for name in names)
        assert ask(address, "api/trajectories").json()["source"] == names[0]
        for name in names:
            check_served(address, name)
        with connect(address.replace("http", "ws") + "ws", proxy=None) as ws:
            ws.send('{"type": "request:getHFTrajectoryCount", "correlationId": "1"}')
            assert f'"count":{RUNS}' in str(ws.recv())
        ended = stop(process)
    assert "Traceback" not in ended.err
    assert not (work / "store" / "index.json").exists()


def check_served(address: str, name: str) -> None:
    own = f"api/datasets/{quote(name, safe='')}"
    assert ask(address, own).json()["files"]
    page = ask(address, "api/trajectories", source=name, limit=2).json()
    assert (page["source"], page["total"]) == (name, RUNS)
    assert ask(address, "api/trajectories", source=name, cursor=page["next"]).json()["items"][0]["row"] == 2
    assert ask(address, "api/trajectories/3", source=name).json()["steps"]
    assert len(ask(address, "api/trajectories.jsonl", source=name).text.splitlines()) == RUNS
    for refused in (
        httpx.delete(address + own, trust_env=False),
        httpx.post(address + own + "/verify", trust_env=False),
        httpx.post(address + "api/jobs", json={"repo": name}, trust_env=False),
    ):
        assert refused.status_code == 400
        assert refused.json()["error"]["code"] == "not_in_store"


def test_no_request_reads_files_that_are_not_served_and_none_tells_where_they_lie(alone: Command, work: Path) -> None:
    with serving(alone, "./runs") as (address, process):
        for path in ("runs.parquet", "./jobs", str(work / "jobs"), "runs/a b#1.jsonl", "runs/*", "file:///etc"):
            answer = ask(address, "api/trajectories", source=path)
            assert answer.status_code in {400, 404}, path
        (work / "runs" / "a b#1.jsonl").unlink()
        gone = ask(address, "api/trajectories", source="local:runs", query="x")
        while gone.status_code == 200:  # It is looked at again after a while.
            gone = ask(address, "api/trajectories", source="local:runs", query="x")
        assert gone.status_code == 404
        assert str(work) not in gone.text
        assert ask(address, "api/datasets").json() == []
        stop(process)


def test_two_of_one_name_are_told_apart_and_the_first_is_the_default(alone: Command, work: Path) -> None:
    (work / "more").mkdir()
    (work / "runs").rename(work / "more" / "jobs")
    with serving(alone, "./more/jobs", "./jobs", "runs.parquet") as (address, process):
        names = [each["repo"] for each in ask(address, "api/datasets").json()]
        assert [name.partition("~")[0] for name in names] == ["local:jobs", "local:jobs", "local:runs.parquet"]
        assert len(set(names)) == 3
        assert ask(address, "api/trajectories").json()["source"] == names[0]
        assert [each["default"] for each in ask(address, "api/sources").json()[:3]] == [True, False, False]
        stop(process)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["./nothing"], 3, "no file or folder"),
        (["nothing.jsonl"], 3, "no file or folder"),
        (["./runs", "openthoughts-sft"], 2, "one default source"),
        (["./runs", "--source", "openthoughts-sft"], 2, "one default source"),
        (["./runs", "--demo"], 2, "rows of its own"),
    ],
)
def test_what_cannot_be_served_is_said_before_anything_is(
    alone: Command, arguments: list[str], code: int, said: str
) -> None:
    ended = alone("serve", "--port", "0", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.sentence


def test_the_default_source_of_the_settings_may_be_files(alone: Command) -> None:
    with serving(alone, env={"HFSVC_DEFAULT_SOURCE": "./jobs"}) as (address, process):
        assert ask(address, "api/trajectories").json()["source"] == "local:jobs"
        stop(process)


@pytest.mark.parametrize("path", ["./runs", "runs.parquet", "./jobs", "runs/*.jsonl"])
@pytest.mark.parametrize(
    "command",
    [
        ["count", "{}"],
        ["stats", "{}"],
        ["sample", "1", "{}", "--seed", "1"],
        ["show", "0", "{}"],
        ["search", "--dataset", "{}", "1", "--json"],
        ["layouts", "{}"],
        ["info", "{}"],
        ["path", "{}"],
        ["export", "{}", "-o", "-", "--format", "jsonl"],
        ["export", "{}", "-o", "out.parquet"],
    ],
    ids=lambda command: command[0],
)
def test_commands_that_read_take_files(alone: Command, path: str, command: list[str]) -> None:
    ended = alone(*(word.format(path) for word in command))
    assert ended.code == 0, ended.err
    assert ended.out


@pytest.mark.parametrize("path", ["./runs", "runs.parquet", "./jobs", "runs/*.jsonl"])
@pytest.mark.parametrize(
    "command", [["download"], ["files"], ["verify"], ["prune"], ["delete", "--yes"]], ids=lambda command: command[0]
)
def test_commands_of_the_store_say_that_files_are_not_in_it(alone: Command, path: str, command: list[str]) -> None:
    ended = alone(*command, path, "--json")
    assert (ended.code, ended.error["code"]) == (2, "not_in_store")
    assert path in ended.error["message"]


def test_a_folder_with_the_name_of_a_dataset_is_pointed_to(alone: Command, work: Path) -> None:
    (work / "data" / "runs").mkdir(parents=True)
    ended = alone("count", "data/runs")
    assert ended.code == 3
    assert "./data/runs names that" in ended.sentence


def test_validate_takes_globs_and_says_which_files_hold_no_documents(alone: Command) -> None:
    assert alone.succeeds("validate", "jobs/*/*/agent/*.json", "--json").json["valid"] == RUNS
    ended = alone("validate", "runs.parquet")
    assert ended.code == 2
    assert "holds rows and no documents" in ended.sentence
