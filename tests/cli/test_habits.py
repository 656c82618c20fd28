"""What people do who know other tools, or type too quickly: they are understood, or told what to type."""

import json
import os
import signal
from pathlib import Path

import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Stall

from .command import ALIAS, FILE, REPO, ROWS, WAIT_S, Command, finish
from .terminal import open_terminal

BIG = "o/big"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ls", "list"),
        ("rm", "delete"),
        ("donwload", "download"),
        ("get", "download"),
        ("grep", "search"),
        ("LIST", "list"),
    ],
)
def test_commands_that_do_not_exist_get_a_suggestion(hfsvc: Command, typed: str, meant: str) -> None:
    ended = hfsvc(typed)
    assert ended.code == 2
    assert ended.sentence.endswith(f"Try: hfsvc {meant}")


def test_names_get_a_suggestion(hfsvc: Command) -> None:
    assert f"did you mean {ALIAS}?" in hfsvc("download", "openthougts-sft").sentence
    assert "Did you mean README.md?" in hfsvc("download", ALIAS, "READMEE.md").sentence
    assert f"Did you mean {FILE}?" in hfsvc("download", ALIAS, FILE, "data/train-00000-of-00002.parquet").sentence


@pytest.mark.parametrize("name", ["list", "download", "count", "export"])
def test_help_shows_own_options_first_and_an_example(hfsvc: Command, name: str) -> None:
    shown = hfsvc.succeeds(name, "--help").out
    assert f"Example:\n    hfsvc {name}" in shown
    own = {"download": "--include", "count": "--filter", "export": "--output"}.get(name, "--root")
    assert shown.index(own) <= shown.index("--root")


@pytest.mark.parametrize(
    "options",
    [
        ["--local-dir", "x"],
        ["--cache-dir", "x"],
        ["--max-workers", "4"],
        ["--resume-download"],
        ["--local-dir-use-symlinks", "False"],
    ],
)
def test_options_of_hf_are_a_hint_and_no_failure(hfsvc: Command, options: list[str]) -> None:
    ended = hfsvc.succeeds("download", ALIAS, *options)
    assert f"{options[0]} is not used" in ended.err
    assert Path(ended.out.strip()).is_dir()
    assert not Path("x").exists()


def test_options_of_hf_that_mean_something_here_are_taken(hfsvc: Command, hub: LocalHub) -> None:
    hfsvc.succeeds("download", ALIAS, "--repo-type", "dataset")
    hub.reset()
    hfsvc.succeeds("download", ALIAS, "--force-download")
    assert hub.bytes_sent() > 0
    assert "--repo-type says model" in hfsvc("download", ALIAS, "--repo-type", "model").sentence
    assert "hfsvc keeps datasets under --root" in hfsvc("verify", ALIAS, "--local-dir", "x").sentence


def test_what_is_not_there_is_told_with_the_place_and_the_store_above(downloaded: Command, work: Path) -> None:
    below = work / "below"
    below.mkdir()
    os.chdir(below)
    for ended in (downloaded("count"), downloaded("list")):
        assert str(below / ".openagents" / "datasets") in ended.err
        assert f"{work / '.openagents' / 'datasets'}" in ended.err.replace(str(below), "")
    assert downloaded.succeeds("count", "--root", str(work / ".openagents" / "datasets")).out == f"{ROWS}\n"


class TestSample:
    def test_rows_are_drawn_and_drawn_again_by_the_seed(self, downloaded: Command) -> None:
        drawn = downloaded.succeeds("sample", "5", ALIAS, "--seed", "7")
        assert drawn.out == downloaded.succeeds("sample", ALIAS, "5", "--seed", "7").out
        others = [downloaded.succeeds("sample", "5", "--seed", str(seed)).out for seed in range(3)]
        assert len(set(others)) == 3
        again = downloaded.succeeds("sample", "3")
        seed = again.err.split()[-1].rstrip(".")
        assert downloaded.succeeds("sample", "3", "--seed", seed).out == again.out

    def test_each_row_is_drawn_once(self, downloaded: Command) -> None:
        rows = [line for line in downloaded.succeeds("sample", "999").out.splitlines() if line.startswith("row ")]
        assert len(rows) == len(set(rows)) == ROWS

    def test_first(self, downloaded: Command) -> None:
        first = downloaded.succeeds("sample", "2", "--first", "--json").json
        assert [each["session_id"] for each in first] == [
            downloaded.succeeds("show", str(row), "--json").json["session_id"] for row in (0, 1)
        ]
        assert downloaded("sample", "--first", "--seed", "1").code == 2

    def test_filters_hold(self, downloaded: Command) -> None:
        ended = downloaded.succeeds("sample", "3", "--filter", "success")
        assert not ended.out
        assert "says how its run ended, so that none is read for the result success" in ended.err


def test_a_dataset_where_a_row_was_wanted_says_what_to_type(downloaded: Command) -> None:
    assert downloaded("show", ALIAS).sentence.endswith(f"hfsvc show 0 {ALIAS}")
    assert downloaded.succeeds("show", "0", ALIAS).out == downloaded.succeeds("show", "0", "--dataset", ALIAS).out


def test_search_finds_what_the_pages_find(downloaded: Command) -> None:
    everything = downloaded.succeeds("search", "model:glm", "--json").json["page"]
    assert everything["total"] == ROWS
    task = everything["items"][3]["task"]
    (line,) = downloaded.succeeds("search", f"task:{task}", "model:GLM").out.splitlines()
    assert line.split("\t")[:2] == [str(everything["items"][3]["row"]), task]
    assert len(downloaded.succeeds("search", "terminus", "--limit", "2", "-q").out.split()) == 2
    assert "0 rows" in downloaded.succeeds("search", "nothing-like-it").err


def test_files_lists_what_a_repository_holds_without_downloading(hfsvc: Command, hub: LocalHub, work: Path) -> None:
    found = hfsvc.succeeds("files", ALIAS, "--json").json
    listed = {each["path"]: each for each in found["files"]}
    assert listed.keys() == {".gitattributes", "README.md", FILE}
    assert listed[FILE]["checksum"].startswith("sha256:")
    assert not any(each["here"] for each in found["files"])
    assert not hub.bytes_sent()
    assert not list(work.iterdir())
    hfsvc.succeeds("download", ALIAS)
    lines = [line.split("\t") for line in hfsvc.succeeds("files", ALIAS).out.splitlines()]
    assert [line[0] for line in lines if line[3] == "yes"] == [FILE]
    assert hfsvc.succeeds("files", ALIAS, "--include", "data/*", "-q").out == f"{FILE}\n"


def test_files_lists_what_cannot_be_brought_too(hfsvc: Command, hub: LocalHub) -> None:
    hub.write("o/odd", "good.jsonl", b"{}\n")
    hub.inject_entries("o/odd", ["../x.jsonl"])
    hub.inject_entries("o/odd", [{"type": "file", "path": "torn.jsonl", "oid": "a" * 40}])
    for arguments in (["files", "o/odd"], ["download", "o/odd", "--dry-run"]):
        ended = hfsvc(*arguments)
        states = {line.split("\t")[0]: line.split("\t")[-1] for line in ended.out.splitlines()}
        assert states.keys() == {"../x.jsonl", "good.jsonl", "torn.jsonl"}
        assert states["../x.jsonl"] == states["torn.jsonl"] == "cannot be fetched" != states["good.jsonl"]
        assert ended.code == 7
        assert "--exclude ../x.jsonl" in ended.sentence
    assert hfsvc("files", "o/odd", "--exclude", "../x.jsonl").code == 6
    assert hfsvc("files", "o/odd", "--include", "good.jsonl").code == 0


def stop_in_the_middle(hfsvc: Command, hub: LocalHub) -> None:
    hub.write(BIG, "a.parquet", bytes(range(256)) * (1 << 13))
    hub.fault(Stall(), server="cdn", skip=3)
    with hfsvc.start("download", BIG, env={"HFSVC_CHUNK_BYTES": str(1 << 18), "HFSVC_MAX_CONNECTIONS": "1"}) as process:
        hub.wait_until(lambda: hub.stalled == 1)
        process.send_signal(signal.SIGINT)
        assert finish(process).code == 130
    hub.reset()


@pytest.mark.parametrize("remove", [["prune"], ["prune", BIG], ["delete", BIG, "--yes"]])
def test_unfinished_downloads_are_listed_and_removed(
    downloaded: Command, hub: LocalHub, work: Path, remove: list[str]
) -> None:
    stop_in_the_middle(downloaded, hub)
    said = downloaded.succeeds("list").err
    assert f"Unfinished: {BIG}" in said
    assert "the options that it began with" in said
    usage = {each["repo"]: each for each in downloaded.succeeds("du", "--json").json["datasets"]}
    assert usage[BIG]["unfinishedBytes"] > 0
    assert not usage[BIG]["recorded"]
    assert usage[REPO]["files"] == 1
    downloaded.succeeds(*remove)
    assert "Unfinished" not in downloaded.succeeds("list").err
    assert not list((work / ".openagents" / "datasets" / ".hfsvc" / "parts").glob("o--big/*"))
    downloaded.succeeds("verify", ALIAS)
    assert downloaded(*remove).code == (3 if remove[0] == "delete" else 0)


def test_a_download_under_way_is_left_alone(hfsvc: Command, hub: LocalHub, work: Path) -> None:
    hub.write(BIG, "a.parquet", bytes(range(256)) * (1 << 13))
    hub.fault(Stall(), server="cdn", skip=3)
    with hfsvc.start("download", BIG, env={"HFSVC_CHUNK_BYTES": str(1 << 18), "HFSVC_MAX_CONNECTIONS": "1"}) as process:
        hub.wait_until(lambda: hub.stalled == 1)
        assert not hfsvc.succeeds("prune").out
        assert list((work / ".openagents" / "datasets" / ".hfsvc" / "parts").glob("o--big/*"))
        process.send_signal(signal.SIGINT)
        finish(process)


class TestExport:
    def test_past_the_end_nothing_is_replaced(self, downloaded: Command) -> None:
        downloaded.succeeds("export", ALIAS, "-o", "a.jsonl", "--stop", "1")
        before = Path("a.jsonl").read_bytes()
        for options in (["--start", str(ROWS)], ["--start", "5", "--stop", "5"], ["--filter", "success"]):
            ended = downloaded("export", ALIAS, "-o", "a.jsonl", *options)
            assert ended.code == 2
            assert Path("a.jsonl").read_bytes() == before
        assert (
            f"row {ROWS} is past the end" in downloaded("export", ALIAS, "-o", "b.jsonl", "--start", str(ROWS)).sentence
        )
        assert not Path("b.jsonl").exists()

    def test_a_filter_that_keeps_nothing_says_why(self, downloaded: Command) -> None:
        assert "says how its run ended" in downloaded.succeeds("count", "--filter", "failure").err
        ended = downloaded.succeeds("export", ALIAS, "-o", "c.jsonl", "--filter", "success")
        assert ended.err.count("says how its run ended") == 1

    def test_when_it_is_stopped_it_says_what_is_kept(self, hfsvc: Command, hub: LocalHub) -> None:
        row = json.dumps({"messages": [{"role": "user", "content": "x" * 100_000}]})
        hub.write("o/long", "a.jsonl", f"{row}\n".encode() * 3000)
        hfsvc.succeeds("download", "o/long")
        with open_terminal(80) as terminal:
            command = ["export", "o/long", "-o", "a.jsonl", "--progress", "json"]
            with hfsvc.start_on_terminal(terminal.child, *command) as process:
                os.close(terminal.child)
                terminal.read_until('"cursor":"')
                process.send_signal(signal.SIGINT)
                shown = " ".join(terminal.read_all().split())
                assert process.wait(WAIT_S) == 130
        assert "nothing is kept of a.jsonl" in shown
        cursor = shown.rpartition("--cursor ")[2].split()[0]
        hfsvc.succeeds("export", "o/long", "-o", "rest.jsonl", "--cursor", cursor)
        assert not Path("a.jsonl").exists()
