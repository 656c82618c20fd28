"""What commands print where all is well: results on stdout, words on stderr, little with ``-q``."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hfsvc import atif
from hfsvc.cli.trajectories import print_trajectory
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Status

from .command import ALIAS, FILE, REPO, ROWS, WAIT_S, Command, tree

# Read here: tests see none of it.
REAL = os.environ.get("HFSVC_TEST_DATA", "")
NOT_FOR_HELP = {"pyarrow", "httpx", "dependency_injector", "rich", "asyncio", "anyio", "h11", "pytest"}


@pytest.fixture
def folder(work: Path) -> Path:
    return work / ".openagents" / "datasets" / REPO


@pytest.mark.parametrize(
    "arguments", [[ALIAS], [REPO], ["--repo", REPO], [f"datasets/{REPO}"], [f"hf://datasets/{REPO}"], [ALIAS, FILE]]
)
def test_download(hfsvc: Command, folder: Path, sample: Path, arguments: list[str]) -> None:
    ended = hfsvc.succeeds("download", *arguments)
    assert ended.out == f"{folder}\n"
    assert ended.err.startswith(f"{REPO}: 1 file, ")
    assert ended.err.endswith("verified\n")
    assert tree(folder) == {FILE: (sample / REPO / FILE).read_bytes()}


def test_download_quietly(hfsvc: Command, folder: Path) -> None:
    ended = hfsvc.succeeds("download", ALIAS, "-q")
    assert ended.out == f"{folder}\n"
    assert not ended.err


def test_retries_are_told_without_a_terminal_too(hfsvc: Command, hub: LocalHub) -> None:
    hub.fault(Status(503), server="hub", times=1)
    ended = hfsvc.succeeds("download", ALIAS)
    assert "it answered 503" in ended.err
    assert "trying again in" in ended.err
    hub.fault(Status(503), server="hub", times=1)
    assert not hfsvc.succeeds("download", ALIAS, "--force", "-q").err


def test_a_download_of_n_files_costs_n_requests_and_two(hfsvc: Command, hub: LocalHub) -> None:
    for number in range(5):
        hub.write("o/five", f"{number}.parquet", bytes([number]) * 100)
    hfsvc.succeeds("download", "o/five")
    assert hub.count(server="hub") == 5 + 2


def test_a_second_download_costs_one_request(downloaded: Command, hub: LocalHub) -> None:
    hub.reset()
    downloaded.succeeds("download", ALIAS)
    assert hub.count() == 1


def test_force_fetches_again(downloaded: Command, hub: LocalHub, folder: Path) -> None:
    hub.reset()
    downloaded.succeeds("download", ALIAS, "--force")
    assert hub.bytes_sent() == (folder / FILE).stat().st_size


def test_include_and_exclude(hfsvc: Command, folder: Path) -> None:
    hfsvc.succeeds("download", ALIAS, "--include", "**", "--exclude", "data/", "--exclude", ".git*")
    assert tree(folder).keys() == {"README.md"}


def test_a_dry_run_writes_nothing(hfsvc: Command, work: Path) -> None:
    ended = hfsvc.succeeds("download", ALIAS, "--dry-run")
    path, size, state = ended.out.rstrip("\n").split("\t")
    assert (path, state) == (FILE, "to fetch")
    assert size.isdecimal()
    assert "to fetch" in ended.err
    assert not list(work.iterdir())


def test_a_dry_run_after_the_download(downloaded: Command) -> None:
    assert downloaded.succeeds("download", ALIAS, "--dry-run", "-q").out.endswith("\there\n")


def test_root_and_its_variable(hfsvc: Command, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hfsvc.succeeds("download", ALIAS, "--root", "elsewhere").out == f"{work / 'elsewhere' / REPO}\n"
    monkeypatch.setenv("HFSVC_ROOT", "elsewhere")
    assert hfsvc.succeeds("list", "-q").out == f"{REPO}\n"
    assert {path.name for path in work.iterdir()} == {"elsewhere"}


def test_list_of_nothing_says_what_to_do(hfsvc: Command) -> None:
    ended = hfsvc.succeeds("list")
    assert not ended.out
    assert f"hfsvc download {ALIAS}" in ended.err
    assert not hfsvc.succeeds("list", "-q").err


def test_info(downloaded: Command, folder: Path) -> None:
    facts = dict(line.split(maxsplit=1) for line in downloaded.succeeds("info", ALIAS).out.splitlines())
    assert facts["dataset"] == REPO
    assert facts["path"] == str(folder)
    assert facts["license"] == "apache-2.0"
    assert facts["split"] == "train: 1 file"
    assert facts["file"] == FILE


def test_path(downloaded: Command, folder: Path) -> None:
    assert downloaded.succeeds("path", ALIAS).out == f"{folder}\n"


def test_verify(downloaded: Command) -> None:
    ended = downloaded.succeeds("verify", ALIAS)
    assert not ended.out
    assert ended.err.startswith(f"{REPO}: 1 file, ")
    assert not downloaded.succeeds("verify", ALIAS, "-q").err


def test_a_repair_fetches_damaged_ranges_only(hfsvc: Command, hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(256)) * (1 << 13)
    chunk = len(content) // 8
    monkeypatch.setenv("HFSVC_CHUNK_BYTES", str(chunk))
    hub.write("o/big", "a.parquet", content)
    path = Path(hfsvc.succeeds("download", "o/big").out.strip()) / "a.parquet"
    path.write_bytes(b"?" + content[1:])
    hub.reset()
    assert hfsvc.succeeds("verify", "o/big", "--repair").out == "repaired\ta.parquet\n"
    assert path.read_bytes() == content
    assert 0 < hub.bytes_sent() <= chunk


def test_what_lies_in_the_cache_of_the_hubs_tools_is_copied(
    hfsvc: Command, hub: LocalHub, sample: Path, folder: Path, tmp_path: Path
) -> None:
    content = (sample / REPO / FILE).read_bytes()
    blobs = tmp_path / "hf-home" / "hub" / f"datasets--{REPO.replace('/', '--')}" / "blobs"
    blobs.mkdir(parents=True)
    blob = blobs / hashlib.sha256(content).hexdigest()
    blob.write_bytes(content)
    assert hfsvc.succeeds("download", ALIAS, "--dry-run").out.endswith(f"\tcopy of {blob}\n")
    hfsvc.succeeds("download", ALIAS)
    assert (folder / FILE).read_bytes() == content
    assert hub.count(server="cdn") == 0


def test_delete_leaves_what_is_not_recorded(downloaded: Command, folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    ended = downloaded.succeeds("delete", ALIAS, "--yes")
    assert not ended.out
    assert ended.err.endswith("freed\n")
    assert tree(folder) == {"notes.txt": b"mine"}
    assert not downloaded.succeeds("list", "-q").out


def test_count(downloaded: Command) -> None:
    assert downloaded.succeeds("count").out == f"{ROWS}\n"
    assert downloaded.succeeds("count", REPO).out == f"{ROWS}\n"


def test_sample_prints_the_first_rows(downloaded: Command) -> None:
    ended = downloaded.succeeds("sample", "2")
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


def test_doctor_says_what_works(hfsvc: Command, hub: LocalHub) -> None:
    ended = hfsvc.succeeds("doctor")
    assert [line.split()[:2] for line in ended.out.splitlines()] == [
        ["ok", name] for name in ("root", "proxy", "token", "endpoint", "cdn")
    ]
    assert hub.bytes_sent() == 1


def test_doctor_says_what_does_not(hfsvc: Command, nowhere: str) -> None:
    ended = hfsvc("doctor", "--endpoint", nowhere)
    assert ended.code == 5
    assert "PROBLEM  endpoint" in ended.out
    assert "ok       root" in ended.out


def test_the_demo_needs_nothing_of_the_user(hfsvc: Command, work: Path, nowhere: str) -> None:
    noise = {"HF_TOKEN": "hf_of_the_user", "HF_HUB_OFFLINE": "1", "HTTP_PROXY": nowhere, "HF_ENDPOINT": nowhere}
    ended = hfsvc.spawn("demo", env=noise)
    assert ended.code == 0
    assert "2000\n" in ended.out
    assert "hfsvc download openthoughts-sft" in ended.err
    assert "hf_of_the_user" not in ended.out + ended.err
    assert not list(work.iterdir())


def test_the_demo_as_json(hfsvc: Command) -> None:
    ended = hfsvc.spawn("demo", "--json")
    assert ended.code == 0
    assert not ended.err
    assert ended.json.keys() == {"dataset", "report", "count", "sample"}


def test_named_files_are_exact(hfsvc: Command, hub: LocalHub) -> None:
    for name in ("a[1].txt", "a1.txt", "*", "{b,c}", "b", "d?"):
        hub.write(REPO, name, name.encode())
    for name in ("a[1].txt", "*", "{b,c}", "d?"):
        assert hfsvc.succeeds("download", ALIAS, name, "--dry-run", "-q").out.split("\t")[0] == name
    assert hfsvc.succeeds("download", ALIAS, "*", "--json").json["files"] == ["*"]


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_load_little(environment: dict[str, str], flag: str) -> None:
    program = (
        "import sys\nfrom hfsvc.cli.main import main\n"
        f"try:\n    main(['{flag}'])\nexcept SystemExit as done:\n    assert not done.code\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, timeout=WAIT_S)
    assert ended.returncode == 0
    loaded = set(ended.stderr.decode().split())
    assert "hfsvc.cli.main" in loaded
    assert not loaded & NOT_FOR_HELP


def test_python_m_is_the_command(environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "hfsvc", "--version"], env=environment, capture_output=True, timeout=WAIT_S
    )
    assert ended.stdout.startswith(b"hfsvc ")


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


def test_a_named_file_that_is_not_there_is_an_error_and_the_others_are_kept(hfsvc: Command, hub: LocalHub) -> None:
    hub.write(REPO, "a.txt", b"a")
    ended = hfsvc("download", ALIAS, "a.txt", "missing.txt")
    assert ended.code == 3
    assert "missing.txt" in ended.err
    assert hfsvc.succeeds("info", ALIAS, "--json").json["files"] == ["a.txt"]


# ---- stats ----------------------------------------------------------------------------------------------------------


def test_stats_are_lines_of_numbers_in_a_pipe(downloaded: Command) -> None:
    lines = [line.split("\t") for line in downloaded.succeeds("stats").out.splitlines()]
    assert lines[:2] == [["rows", str(ROWS)], ["bad rows", "0"]]
    found = downloaded.succeeds("stats", "--json").json
    assert [line[2] for line in lines if line[0] == "role"] == [
        str(each["messages"]) for each in found["roles"].values()
    ]
    assert ["steps", str(found["steps"]["total"])] in lines
    assert sum(int(line[2]) for line in lines if line[0] == "characters" and len(line) == 3) == found["steps"]["total"]
    assert {line[1]: int(line[2]) for line in lines if line[0] == "model"} == found["models"]


def test_stats_take_a_split(downloaded: Command) -> None:
    assert downloaded.succeeds("stats", "--split", "train").out.startswith(f"rows\t{ROWS}\n")
    ended = downloaded("stats", "--split", "test")
    assert ended.code == 3
    assert "it has train" in ended.sentence


def test_layouts_tells_of_each_file_what_was_chosen_and_what_was_ruled_out(hfsvc: Command, hub: LocalHub) -> None:
    talk = b'[{"role": "user", "content": "a"}]'
    hub.write("o/mixed", "a.jsonl", b'{"messages": %b}\n' % talk)
    hub.write("o/mixed", "b.jsonl", b'{"dialog": [{"who": "a", "said": "b"}]}\n')
    hub.write("o/mixed", "c.jsonl", b"")
    hfsvc.succeeds("download", "o/mixed")
    ended = hfsvc.succeeds("layouts", "o/mixed")
    first, second, third = (line.split("\t") for line in ended.out.splitlines())
    assert first == ["a.jsonl", "1", "json", "messages", "its first rows hold messages"]
    named = "--column messages=dialog --column role=who --column content=said"
    assert second == ["b.jsonl", "1", "-", "-", f"no layout fits; try {named}"]
    assert third[:3] == ["c.jsonl", "0", "-"]
    assert "not harbor: it has no column 'conversations'" in ended.err
    assert hfsvc.succeeds("layouts", "o/mixed", "-q").out == "a.jsonl\tjson\nb.jsonl\t-\nc.jsonl\t-\n"
    found = hfsvc.succeeds("layouts", "o/mixed", "--json").json
    assert [each["layout"] for each in found["files"]] == ["json", None, None]
    assert {"layout": "swe-agent", "reason": "its column 'messages' is large_string, not a list of messages"} in found[
        "files"
    ][0]["ruledOut"]
    refused = hfsvc("count", "o/mixed")
    assert refused.code == 6
    assert named in refused.err


@pytest.mark.parametrize("name", ["data/a.jsonl", "a.json.gz", "train.csv", "x/data-00000-of-00001.arrow"])
def test_download_takes_the_next_form_of_rows_where_there_is_no_parquet(
    hfsvc: Command, hub: LocalHub, name: str
) -> None:
    hub.write("o/other", name, b"words")
    hub.write("o/other", "README.md", b"words")
    assert hfsvc.succeeds("download", "o/other", "--dry-run", "-q").out.startswith(name)
    hfsvc.succeeds("download", "o/other")
    assert hfsvc.succeeds("info", "o/other", "--json").json["files"] == [name]
    hub.write("o/other", "README.md", b"more words")
    hfsvc.succeeds("download", "o/other")
