"""The command ``stats``."""

import pytest

from .command import ROWS, Command


def test_stats_are_lines_of_numbers_in_a_pipe(downloaded: Command) -> None:
    lines = [line.split("\t") for line in downloaded.succeeds("stats").out.splitlines()]
    found = downloaded.succeeds("stats", "--json").json
    messages, characters = found["steps"]["total"], found["characters"]["total"]
    assert lines[:4] == [
        ["rows", "", str(ROWS), ""],
        ["bad rows", "", "0", ""],
        ["messages", "", str(messages), ""],
        ["characters", "", str(characters), ""],
    ]
    for title, total in (
        ("rows by number of messages", ROWS),
        ("messages by number of characters", messages),
        ("messages by role", messages),
        ("characters by role", characters),
        ("rows by model", ROWS),
    ):
        parts = [line for line in lines if line[0] == title]
        assert sum(int(number) for _, _, number, _ in parts) == total
        assert sum(float(share.rstrip("%")) for *_, share in parts) == pytest.approx(100, abs=0.5)
    assert {line[1]: int(line[2]) for line in lines if line[0] == "rows by model"} == found["models"]


def test_stats_take_a_split(downloaded: Command) -> None:
    assert downloaded.succeeds("stats", "--split", "train").out.startswith(f"rows\t\t{ROWS}\t\n")
    ended = downloaded("stats", "--split", "test")
    assert ended.code == 3
    assert "it has train" in ended.sentence


def test_several_workers_count_the_same(downloaded: Command) -> None:
    assert downloaded.succeeds("stats", "--workers", "2") == downloaded.succeeds("stats")


def test_several_workers_find_the_same(downloaded: Command) -> None:
    # The first look makes the index, and others read it.
    found = downloaded.succeeds("search", "glm", "--workers", "2", "--json")
    assert found == downloaded.succeeds("search", "glm", "--json")
    assert downloaded.succeeds("count", "--where", "model:glm", "--workers", "0").out == f"{ROWS}\n"
