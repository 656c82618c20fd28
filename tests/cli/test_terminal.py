"""On a terminal: a bar, columns, questions; and nothing that strangers wrote steers it."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.samples import rows_table

from .command import ALIAS, FILE, REPO, ROWS, WAIT_S, Command, Ended, parts_of
from .terminal import lines_of, open_terminal

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202e"
# Words for a person are no table: the terminal wraps them.
SENTENCE = re.compile(r"(in all, .* free|are here$|answers?$|^See one: |fetch, .* free|^not |documents? in )")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]m")


def show(
    hfsvc: Command,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    answer: str = "",
    columns: int = 0,
    encoding: str = "utf-8",
) -> Ended:
    """Run a command on a terminal; what it shows is `out`."""
    with open_terminal(columns) as terminal, hfsvc.start_on_terminal(terminal.child, *arguments, env=env) as process:
        os.close(terminal.child)
        if answer:
            terminal.type(answer)
        shown = terminal.read_all(encoding)
        return Ended(process.wait(WAIT_S), shown, "")


def show_all(
    hfsvc: Command,
    commands: Sequence[Sequence[str]],
    *,
    env: Mapping[str, str] | None = None,
    columns: int = 0,
    encoding: str = "utf-8",
) -> list[Ended]:
    """Run several commands on one terminal, one after the other."""
    with (
        open_terminal(columns) as terminal,
        hfsvc.start_all(commands, terminal=terminal.child, env=env) as process,
    ):
        os.close(terminal.child)
        parts = parts_of(terminal.read_all(encoding))
        assert process.wait(WAIT_S) == 0
        assert len(parts) == len(commands), parts[-1]
        return parts


def write_rows(hub: LocalHub, repo: str, text: str) -> None:
    row = {"conversations": [{"role": "user", "content": text}], "agent": text, "model": text, "task": text}
    sink = pa.BufferOutputStream()
    pq.write_table(rows_table([row]), sink)
    hub.write(repo, "a.parquet", sink.getvalue().to_pybytes())


def test_a_download_shows_a_bar(hfsvc: Command) -> None:
    ended = show(hfsvc, "download", ALIAS)
    assert ended.code == 0
    assert "asking the Hub" in ended.out
    assert f"verified {FILE}" in ended.out
    assert "\x1b[2K" in ended.out


def test_a_bar_can_be_done_without(hfsvc: Command) -> None:
    brought = ["download", ALIAS, "--force"]
    options = show_all(hfsvc, [[*brought, *each] for each in (["-q"], ["--json"], ["--progress", "none"])])
    for ended in [*options, show(hfsvc, *brought, env={"HF_HUB_DISABLE_PROGRESS_BARS": "1"})]:
        assert ended.code == 0
        assert "\x1b" not in ended.out
        assert "asking the Hub" not in ended.out


def test_colours_are_left_out_where_the_environment_says_so(hfsvc: Command) -> None:
    assert COLOUR.search(show(hfsvc, "download", ALIAS).out)
    plain = show(hfsvc, "download", ALIAS, "--force", env={"NO_COLOR": "1"})
    assert plain.code == 0
    assert f"verified {FILE}" in plain.out
    assert not COLOUR.search(plain.out)


def test_lists_are_tables_on_a_terminal_and_fields_in_a_pipe(downloaded: Command) -> None:
    header, row, *_ = filter(None, lines_of(show(downloaded, "list", columns=80).out))
    assert header.split() == ["DATASET", "FILES", "SIZE", "COMMIT", "DOWNLOADED"]
    assert row.split()[:2] == [REPO, "1"]
    (line,) = downloaded.succeeds("list").out.splitlines()
    assert line.split("\t")[:2] == [REPO, "1"]


TABLES: list[tuple[list[str], set[str]]] = [
    (["list"], {"DATASET", "FILES", "SIZE"}),
    (["sources"], {"ALIAS", "HERE"}),
    (["info", ALIAS], {"FILE", "SIZE", "STATE"}),
    (["download", ALIAS, "--dry-run", "--include", "**"], {"FILE", "SIZE", "STATE"}),
    (["stats"], {"NUMBER", "SHARE", "ROWS", "MESSAGES"}),
    (["layouts"], {"FILE", "ROWS", "LAYOUT"}),
    (["du"], {"DATASET", "FILES", "UNFINISHED", "INDEX"}),
    (["files", ALIAS], {"FILE", "SIZE", "HASH", "HERE"}),
    (["search", "inferredbugs"], {"TASK", "AGENT", "STEPS", "RESULT"}),
]


@pytest.mark.parametrize("columns", [80, 40])
def test_tables_fit_the_terminal(downloaded: Command, columns: int) -> None:
    shown = show_all(downloaded, [arguments for arguments, _ in TABLES], env={"NO_COLOR": "1"}, columns=columns)
    for (arguments, headings), ended in zip(TABLES, shown, strict=True):
        assert ended.code == 0, arguments
        table = [line.rstrip() for line in lines_of(ended.out) if not SENTENCE.search(line)]
        assert max(map(len, table)) <= columns, arguments
        words = {word.upper().strip(",") for line in table for word in line.split()}
        # Where there is no room for a table, a row is a block, whose first line has no heading.
        assert headings - ({"DATASET", "ALIAS", "FILE"} if columns == 40 else set()) <= words, arguments


def test_long_names_are_broken_and_not_cut(hfsvc: Command, hub: LocalHub) -> None:
    repo = f"{'o' * 60}/{'n' * 60}"
    write_rows(hub, repo, "x")
    hfsvc.succeeds("download", repo)
    for columns in (40, 20):
        lines = [line.strip() for line in lines_of(show(hfsvc, "list", columns=columns).out) if line.strip()]
        assert max(map(len, lines)) <= columns
        files = next(number for number, line in enumerate(lines) if line.startswith("files"))
        assert "".join(lines[:files]) == repo


BARS = [
    (["download", ALIAS, "--force"], "MB"),
    (["verify", ALIAS], "MB"),
    (["stats"], f"/{ROWS}"),
    (["count", "--filter", "success"], f"/{ROWS}"),
    (["export", ALIAS, "-o", "a.jsonl"], f"/{ROWS}"),
]


@pytest.mark.parametrize("columns", [80, 40])
def test_bars_fit_the_terminal(downloaded: Command, columns: int) -> None:
    env = {"NO_COLOR": "1", "HFSVC_BANDWIDTH_LIMIT": "300000"}
    shown = show_all(downloaded, [arguments for arguments, _ in BARS], env=env, columns=columns)
    for (arguments, unit), ended in zip(BARS, shown, strict=True):
        bars = [line for line in lines_of(ended.out) if "%" in line and unit in line.replace("kB", "MB")]
        assert bars, arguments
        assert max(map(len, bars)) <= columns, arguments
        assert any("━" in bar for bar in bars), arguments


def test_many_small_files_are_one_line(hfsvc: Command, hub: LocalHub) -> None:
    for number in range(30):
        hub.write("o/many", f"data/{number:03}.parquet", bytes([number]))
    commands = [["download", "o/many", "--dry-run"], ["download", "o/many"], ["info", "o/many"]]
    planned, brought, known = show_all(hfsvc, commands, columns=80)
    assert "30 files" in planned.out
    assert "30 files" in brought.out
    assert "data/" not in planned.out + brought.out + known.out
    assert hfsvc.succeeds("info", "o/many").out.count("data/") == 30


@pytest.mark.parametrize("columns", [80, 40])
def test_findings_are_a_table(downloaded: Command, work: Path, columns: int) -> None:
    (work / "a.jsonl").write_text('{"schema_version": "ATIF-v1.4", "steps": []}\n')
    ended = show(downloaded, "validate", "a.jsonl", env={"NO_COLOR": "1"}, columns=columns)
    assert ended.code == 6
    table = [line for line in ended.out.splitlines() if not SENTENCE.search(line)]
    assert table[0].split() == ["SEVERITY", "FINDING"]
    assert "a.jsonl:1" in ended.out
    assert max(len(line.rstrip()) for line in table) <= columns


LATIN = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
SHOWING = [
    ["list"],
    ["sources"],
    ["info", ALIAS],
    ["path", ALIAS],
    ["verify", ALIAS],
    ["layouts"],
    ["count"],
    ["sample", "2"],
    ["show", "0"],
    ["show", "0", "--json"],
    ["show", "0", "--html", "-"],
    ["stats"],
    ["doctor"],
    ["demo"],
    ["export", ALIAS, "-o", "a.jsonl"],
    ["validate", "a.jsonl"],
    ["download", ALIAS, "--force"],
    ["download", ALIAS, "--dry-run"],
    ["download", "o/\N{GREEK SMALL LETTER ALPHA}"],
    ["--help"],
]


def test_no_character_is_too_much_for_an_encoding(hfsvc: Command, hub: LocalHub) -> None:
    write_rows(hub, REPO, "\N{GREEK SMALL LETTER ALPHA} \N{PILE OF POO} \N{HORIZONTAL ELLIPSIS} " + "x" * 500)
    hfsvc.succeeds("download", ALIAS, "--include", "*.parquet")
    with hfsvc.start_all(SHOWING, env=LATIN) as process:
        piped = parts_of(process.communicate(timeout=WAIT_S)[0].decode("latin-1"))
    shown = show_all(hfsvc, SHOWING, env=LATIN, encoding="latin-1", columns=80)
    for arguments, *ends in zip(SHOWING, piped, shown, strict=True):
        # The last but one is no name of a dataset.
        assert {ended.code for ended in ends} <= {0, 2}, arguments
        said = "".join(ended.out for ended in ends)
        assert "failed in a way" not in said, arguments
        assert "Traceback" not in said, arguments
        if arguments[-1] == "--json":
            message = json.loads(ends[1].out)["steps"][0]["message"]
            assert message.startswith("\N{GREEK SMALL LETTER ALPHA} \N{PILE OF POO}")


def test_json_is_indented_for_a_person(downloaded: Command) -> None:
    assert '  "count": ' in show(downloaded, "count", "--json").out


def test_rows_cannot_steer_the_terminal(hfsvc: Command, hub: LocalHub) -> None:
    write_rows(hub, "o/evil", f"before {EVIL} after")
    hfsvc.succeeds("download", "o/evil")
    commands = [[*each, "--dataset", "o/evil"] for each in (["sample"], ["show", "0"], ["show", "0", "--json"])]
    for ended in show_all(hfsvc, commands):
        assert ended.code == 0
        assert not set(EVIL.replace("]0;owned", "").replace("[2J", "").replace("31m", "")) & set(ended.out)
        assert "before" in ended.out
        assert "after" in ended.out


def test_line_ends_of_terminals_are_line_ends(hfsvc: Command, hub: LocalHub) -> None:
    write_rows(hub, "o/lines", "one\r\ntwo\rthree")
    hfsvc.succeeds("download", "o/lines")
    assert "one\ntwo\N{REPLACEMENT CHARACTER}three\n" in hfsvc.succeeds("show", "0", "--dataset", "o/lines").out


def test_names_from_the_hub_cannot_steer_the_terminal(hfsvc: Command, hub: LocalHub) -> None:
    hub.write("o/evil", "README.md", b"# evil\n")
    hub.inject_entries("o/evil", [f"{EVIL}.txt"])
    ended = show(hfsvc, "download", "o/evil")
    assert ended.code == 3
    assert "It holds" in ended.out
    assert "\x1b]0" not in ended.out
    assert "\x9b" not in ended.out


def test_deleting_asks_on_a_terminal(downloaded: Command) -> None:
    kept = show(downloaded, "delete", ALIAS, answer="n\n")
    assert kept.code == 1
    assert "Delete 1 file, " in kept.out
    assert "Nothing was deleted." in kept.out
    assert downloaded.succeeds("list", "-q").out == f"{REPO}\n"

    left = show(downloaded, "delete", ALIAS, answer="\x04")
    assert left.code == 130
    assert "nothing was deleted" in left.out
    assert downloaded.succeeds("list", "-q").out == f"{REPO}\n"

    gone = show(downloaded, "delete", ALIAS, answer="y\n")
    assert gone.code == 0
    assert not downloaded.succeeds("list", "-q").out


def test_stats_are_drawn(downloaded: Command) -> None:
    ended = show(downloaded, "stats")
    assert ended.code == 0
    assert f"rows {ROWS}" in " ".join(ended.out.split())
    assert "MESSAGES BY NUMBER OF CHARACTERS" in ended.out
    assert "█" in ended.out


def test_stats_of_strangers_steer_nothing(hfsvc: Command, hub: LocalHub) -> None:
    write_rows(hub, "acme/evil", EVIL + "[red]x[/red][/]")
    hfsvc.succeeds("download", "acme/evil")
    shown = show(hfsvc, "stats", "acme/evil", env={"NO_COLOR": "1"})
    assert shown.code == 0
    assert "[red]x[/red][/]" in shown.out
    assert "\x07" not in shown.out
    assert "\u202e" not in shown.out
    assert "\x1b]0" not in shown.out
