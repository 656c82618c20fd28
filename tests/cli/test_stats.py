"""The command ``stats``."""

from .command import ROWS, Command


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
