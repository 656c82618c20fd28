"""The options that say how rows are stored and read, and the list of datasets that are known."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from hfsvc.testing import LocalHub
from hfsvc.trajectories.known_datasets import KNOWN
from tests.cli.command import ALIAS, REPO, Command, Ended
from tests.trajectories.tables import MESSAGES, parquet, talk

MINE = "acme/runs"
ROWS = {
    "history": pa.array([talk("kept"), None, talk("last")], MESSAGES),
    "messages": pa.array([talk("other")] * 3, MESSAGES),
    "problem": ["p1", "p2", "p3"],
}


@pytest.fixture
def mine(hfsvc: Command, hub: LocalHub) -> Command:
    """The command, and a dataset on disk whose messages are in a column of another name."""
    hub.write(MINE, "train.parquet", parquet(pa.table(ROWS)))
    hfsvc.succeeds("download", MINE)
    return hfsvc


def refused(ended: Ended, code: int, said: str) -> None:
    assert ended.code == code
    assert said in ended.sentence


def sampled(ended: Ended) -> list[tuple[str, str | None]]:
    return [(each["steps"][0]["message"], each["extra"].get("task")) for each in ended.json]


def test_columns_are_read_by_the_names_that_are_given(mine: Command) -> None:
    assert sampled(mine.succeeds("sample", "--first", "--dataset", MINE, "--json")) == [("other", None)]
    named = ["--column", "messages=history", "--column", "task=problem"]
    assert sampled(mine.succeeds("sample", "--first", "--dataset", MINE, "--json", *named)) == [("kept", "p1")]
    assert mine.succeeds("show", "p3", "--dataset", MINE, *named).out.startswith("row 2: p3, ")
    assert mine.succeeds("count", MINE, *named).out == "3\n"


def test_bad_rows_are_left_out_where_that_is_asked_for(mine: Command) -> None:
    sample = ["sample", "9", "--first", "--dataset", MINE, "--column", "messages=history"]
    refused(mine(*sample), 6, "Row 1 in train.parquet cannot be read, column history: it is null")
    ended = mine.succeeds(*sample, "--on-bad-row", "skip")
    assert [line[:5] for line in ended.out.splitlines() if line.startswith("row")] == ["row 0", "row 2"]


@pytest.mark.parametrize("command", ["count", "sample", "show"])
@pytest.mark.parametrize("column", ["messages", "messages=", "=history", ""])
def test_a_column_has_a_name_and_a_column(hfsvc: Command, command: str, column: str) -> None:
    assert hfsvc(command, "0", "--column", column).code == 2


def test_a_layout_that_does_not_fit_is_refused(mine: Command) -> None:
    refused(mine("count", MINE, "--layout", "sharegpt"), 6, "no field from and value")
    refused(mine("count", MINE, "--column", "messages=talk"), 6, "no column 'talk' (given for messages)")


def test_structured_rows_show_what_was_done(downloaded: Command) -> None:
    shown = downloaded.succeeds("show", "0", "--style", "structured").out
    assert '\n> bash_command {"keystrokes": "' in shown
    assert "\n< New Terminal Output:" in shown
    assert downloaded.succeeds("show", "0", "--style", "structured", "--json").json["schema_version"] == "ATIF-v1.7"
    assert "\n> bash_command" not in downloaded.succeeds("show", "0").out


# ---- sources --------------------------------------------------------------------------------------------------------


def test_sources_are_listed_with_what_is_on_disk(downloaded: Command) -> None:
    lines = [line.split("\t") for line in downloaded.succeeds("sources").out.splitlines()]
    assert [line[:4] for line in lines[:2]] == [
        [ALIAS, REPO, "harbor", "here"],
        [KNOWN[1].alias, KNOWN[1].repo, "harbor", "-"],
    ]
    assert len(lines) == len(KNOWN)
    assert downloaded.succeeds("sources", "-q").out.split() == [each.alias for each in KNOWN]


def test_sources_as_json(hfsvc: Command) -> None:
    found = hfsvc.succeeds("sources", "--json").json
    assert [each["alias"] for each in found] == [each.alias for each in KNOWN]
    known = next(each for each in found if each["alias"] == "swe-rebench-openhands")
    assert known == {
        "alias": "swe-rebench-openhands",
        "repo": "nebius/SWE-rebench-openhands-trajectories",
        "about": "67,074 OpenHands runs with tool calls (CC-BY-4.0)",
        "layout": "openai",
        "key": "trajectory_id",
        "splits": [],
        "fenced": False,
        "columns": {},
        "onDisk": False,
    }


@pytest.fixture
def file(work: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with one's own datasets, known to commands; not there yet."""
    monkeypatch.setenv("HFSVC_SOURCES", "mine.toml")
    return work / "mine.toml"


def test_ones_own_datasets_are_known_to_every_command(mine: Command, file: Path) -> None:
    columns = {"messages": "history", "task": "problem"}
    written = "".join(f"{name} = {json.dumps(column)}\n" for name, column in columns.items())
    file.write_text(f'[runs]\nrepo = "{MINE}"\n[runs.columns]\n{written}', encoding="utf-8")
    assert mine.succeeds("sources").out.splitlines()[0] == f"runs\t{MINE}\tfound out\there\t"
    for name in ("runs", MINE):
        assert sampled(mine.succeeds("sample", "--first", "--dataset", name, "--json")) == [("kept", "p1")]
    assert mine.succeeds("path", "runs").out == mine.succeeds("path", MINE).out
    assert mine.succeeds("download", "runs", "-q").code == 0
    assert mine.succeeds("verify", "runs").code == 0


@pytest.mark.parametrize("command", [["sources"], ["count"], ["path", "x"], ["download", "x"]])
def test_a_wrong_file_of_datasets_is_named(hfsvc: Command, file: Path, command: list[str]) -> None:
    refused(hfsvc(*command), 2, "mine.toml: No such file or directory")
    file.write_text("[runs]\n", encoding="utf-8")
    refused(hfsvc(*command), 2, "mine.toml: [runs]: Object missing required field `repo`")


def test_plugins_are_listed_and_a_broken_one_is_named(hfsvc: Command, tmp_path: Path) -> None:
    metadata = tmp_path / "acme-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: acme\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[hfsvc.sources]\nbad = acme_gone:x\ngood = acme_runs:known\n")
    (tmp_path / "acme_runs.py").write_text(
        "from hfsvc.trajectories.known_datasets import KnownDataset\n"
        "def known():\n    return [KnownDataset(alias='acme', repo='acme/runs')]\n"
    )
    ended = hfsvc.spawn("sources", "-q", env={"PYTHONPATH": str(tmp_path)})
    assert ended.out.split() == [*(each.alias for each in KNOWN), "acme"]
    assert "source plugin bad (acme_gone:x) is left out: ModuleNotFoundError" in ended.err
    assert "Traceback" not in ended.err
