"""The commands ``count``, ``sample`` and ``show``."""

import os
from pathlib import Path

import pytest

from hfsvc import atif
from hfsvc.cli.trajectories import print_trajectory
from hfsvc.testing import LocalHub

from .command import ALIAS, FILE, REPO, ROWS, Command

# Read here: tests see none of it.
REAL = os.environ.get("HFSVC_TEST_DATA", "")


def test_count(downloaded: Command) -> None:
    assert downloaded.succeeds("count").out == f"{ROWS}\n"
    assert downloaded.succeeds("count", REPO).out == f"{ROWS}\n"


def test_sample_prints_the_first_rows(downloaded: Command) -> None:
    ended = downloaded.succeeds("sample", "2", "--first")
    heads = [line for line in ended.out.splitlines() if line.startswith("row ")]
    assert [head.split(":")[0] for head in heads] == ["row 0", "row 1"]
    assert not ended.err


def test_show_finds_rows_by_number_and_by_text(downloaded: Command) -> None:
    found = downloaded.succeeds("show", "3", "--json").json
    names = found["extra"]
    for key in (names["trial_name"], names["task"]):
        assert downloaded.succeeds("show", key, "--json").json == found
    assert downloaded.succeeds("show", names["trial_name"], "--by", "trial_name", "--json").json == found
    assert downloaded.succeeds("show", "3").out.startswith(f"row 3: {names['task']}, ")


def test_show_writes_a_page(downloaded: Command, work: Path) -> None:
    file = work / "pages" / "one.html"
    assert downloaded.succeeds("show", "3", "--html", str(file)).out == f"{file}\n"
    page = file.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert '"row":3' in page
    assert '"schema_version":"ATIF-v1.7"' in page
    assert downloaded.succeeds("show", "3", "--html", str(file), "--style", "messages", "--json").json == {
        "path": str(file)
    }
    assert '"schema_version":"ATIF-v1.4"' in file.read_text(encoding="utf-8")
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_page_on_stdout_is_all_that_is_there(downloaded: Command, work: Path) -> None:
    file = work / "one.html"
    downloaded.succeeds("show", "3", "--html", str(file))
    assert downloaded.succeeds("show", "3", "--html", "-").out == file.read_text(encoding="utf-8")
    assert downloaded("show", "3", "--html", "-", "--json").code == 2
    assert [each.name for each in work.glob("*.html")] == [file.name]
    assert not (work / "-").exists()


def test_a_page_whose_name_no_disk_takes(downloaded: Command, work: Path) -> None:
    ended = downloaded("show", "3", "--html", str(work / f"{'x' * 300}.html"))
    assert ended.code == 7
    assert "cannot be written: File name too long" in ended.sentence


def test_a_page_that_cannot_be_made_changes_nothing(downloaded: Command, work: Path) -> None:
    file = work / "one.html"
    file.write_text("before")
    assert downloaded("show", "9999", "--html", str(file)).code == 3
    assert file.read_text() == "before"
    assert downloaded("show", "0", "--html", str(work)).code == 2


def test_show_says_how_many_rows_answer(downloaded: Command) -> None:
    run_id = downloaded.succeeds("show", "0", "--json").json["session_id"]
    ended = downloaded.succeeds("show", run_id, "--by", "run_id")
    assert f"rows answer to {run_id}" in ended.err
    assert ended.out.startswith("row 0: ")


def test_show_does_not_cut_messages(downloaded: Command) -> None:
    longest = max((step["message"] for step in downloaded.succeeds("show", "0", "--json").json["steps"]), key=len)
    assert len(longest) > 400
    assert longest.rstrip() in downloaded.succeeds("show", "0").out


def test_messages_of_several_parts_are_shown_part_by_part(capsys: pytest.CaptureFixture[str]) -> None:
    image = atif.ImagePart(source=atif.ImageSource(media_type="image/png", path="images/1.png"))
    step = atif.Step(step_id=1, source="user", message=[atif.TextPart(text="Look:"), image])
    agent = atif.Agent(name="a", version="1")
    print_trajectory(0, atif.Trajectory(schema_version="ATIF-v1.8", agent=agent, steps=[step]))
    assert capsys.readouterr().out.endswith("--- 1 user\nLook:\n[images/1.png]\n")


def test_what_an_agent_thinks_calls_and_sees_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    call = atif.ToolCall(tool_call_id="c", function_name="f", arguments={"a": "é"})
    seen = atif.Observation(results=[atif.ObservationResult(content="x" * 500), atif.ObservationResult()])
    step = atif.Step(
        step_id=1, source="agent", message="", reasoning_content="hm\n", tool_calls=[call], observation=seen
    )
    agent = atif.Agent(name="a", version="1")
    print_trajectory(0, atif.Trajectory(schema_version="ATIF-v1.7", agent=agent, steps=[step]))
    shown = ["--- 1 agent", "(thinks) hm", '> f {"a": "é"}', f"< {'x' * 398} …", "<"]
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()[1:]] == shown


def test_a_trajectory_is_shown_in_either_style(downloaded: Command) -> None:
    versions = {"messages": "ATIF-v1.4", "structured": "ATIF-v1.7"}
    for style, version in versions.items():
        assert downloaded.succeeds("show", "0", "--style", style, "--json").json["schema_version"] == version
        (first,) = downloaded.succeeds("sample", "1", "--style", style, "--json").json
        assert first["schema_version"] == version
    assert "\n> bash_command " in downloaded.succeeds("show", "0", "--style", "structured").out


@pytest.mark.skipif(not REAL, reason="HFSVC_TEST_DATA names no folder with real rows")
def test_real_rows(hfsvc: Command, hub: LocalHub, work: Path) -> None:
    (rows,) = Path(REAL).glob("sft_rows/*.parquet")
    hub.write(REPO, FILE, rows.read_bytes())
    hfsvc.succeeds("download", ALIAS)
    assert (work / ".openagents" / "datasets" / REPO / FILE).read_bytes() == rows.read_bytes()
    assert hfsvc.succeeds("count").out == "2\n"
    trajectory = atif.decode(hfsvc.succeeds("show", "0", "--json").out)
    assert trajectory.schema_version == "ATIF-v1.4"
    assert trajectory.agent.version == "1.0"
    assert trajectory.extra is not None
    assert trajectory.session_id == trajectory.extra["run_id"]
    assert {"source", "task", "episode", "trial_name", "model_provider"} <= trajectory.extra.keys()
    assert trajectory.extra["source"] == REPO
    assert {step.source for step in trajectory.steps} <= {"user", "agent"}
    assert all(step.timestamp == trajectory.extra["date"] for step in trajectory.steps)
