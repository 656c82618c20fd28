"""On a terminal: a bar, columns, questions; and nothing that strangers wrote steers it."""

import os
import re
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.samples import rows_table

from .command import ALIAS, FILE, REPO, ROWS, WAIT_S, Command, Ended
from .terminal import open_terminal

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202e"
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]m")


def show(hfsvc: Command, *arguments: str, env: Mapping[str, str] | None = None, answer: str = "") -> Ended:
    """Run a command on a terminal; what it shows is `out`."""
    with open_terminal() as terminal, hfsvc.start_on_terminal(terminal.child, *arguments, env=env) as process:
        os.close(terminal.child)
        if answer:
            terminal.type(answer)
        shown = terminal.read_all()
        return Ended(process.wait(WAIT_S), shown, "")


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


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        (["-q"], {}),
        (["--json"], {}),
        (["--progress", "none"], {}),
        ([], {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}),
    ],
)
def test_a_bar_can_be_done_without(hfsvc: Command, arguments: list[str], env: dict[str, str]) -> None:
    ended = show(hfsvc, "download", ALIAS, *arguments, env=env)
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "asking the Hub" not in ended.out


def test_colours_are_left_out_where_the_environment_says_so(hfsvc: Command) -> None:
    assert COLOUR.search(show(hfsvc, "download", ALIAS).out)
    plain = show(hfsvc, "download", ALIAS, "--force", env={"NO_COLOR": "1"})
    assert plain.code == 0
    assert f"verified {FILE}" in plain.out
    assert not COLOUR.search(plain.out)


def test_lists_are_columns_on_a_terminal_and_fields_in_a_pipe(downloaded: Command) -> None:
    header, row, *_ = show(downloaded, "list").out.splitlines()
    assert header.split() == ["DATASET", "FILES", "SIZE", "COMMIT", "DOWNLOADED"]
    assert row.startswith(f"{REPO}  1 ")
    (line,) = downloaded.succeeds("list").out.splitlines()
    assert line.split("\t")[:2] == [REPO, "1"]


def test_json_is_indented_for_a_person(downloaded: Command) -> None:
    assert '  "count": ' in show(downloaded, "count", "--json").out


def test_rows_cannot_steer_the_terminal(hfsvc: Command, hub: LocalHub) -> None:
    write_rows(hub, "o/evil", f"before {EVIL} after")
    hfsvc.succeeds("download", "o/evil")
    for arguments in (["sample"], ["show", "0"], ["show", "0", "--json"]):
        ended = show(hfsvc, *arguments, "--dataset", "o/evil")
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

    gone = show(downloaded, "delete", ALIAS, answer="y\n")
    assert gone.code == 0
    assert not downloaded.succeeds("list", "-q").out


def test_stats_are_drawn(downloaded: Command) -> None:
    ended = show(downloaded, "stats")
    assert ended.code == 0
    assert f"{ROWS} rows" in ended.out
    assert "characters of a message" in ended.out
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
