"""Commands that choose rows: queries, duplicates, samples, splits, reports, mixes."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.cli.command import ALIAS, ROWS, Command


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_are_chosen_and_what_was_left_out_is_told(downloaded: Command, work: Path) -> None:
    matching = int(downloaded.succeeds("count", "--where", "task:bug").out)
    assert 0 < matching < ROWS
    ended = downloaded.succeeds(
        "export", ALIAS, "-o", "a.jsonl", "--where", "task:bug", "--limit", "2", "--keep", "task,row", "--format", "openai",
        "--report", "report.json",
    )  # fmt: skip
    assert f"left out: query {ROWS - matching}" in ended.err
    assert all("bug" in str(each["task"]) and isinstance(each["row"], int) for each in lines(work / "a.jsonl"))
    report = json.loads((work / "report.json").read_text())
    assert (report["read"], report["written"]) == (ROWS, 2)
    assert report["leftOut"] == {"query": ROWS - matching, "limit": matching - 2}
    assert downloaded.succeeds("stats", "--where", "task:bug", "--json").json["rows"] == matching


def test_rows_are_named_by_a_file(downloaded: Command, work: Path) -> None:
    (work / "rows.txt").write_text("3\n1\n\n")
    downloaded.succeeds("export", ALIAS, "-o", "a.jsonl", "--rows", "rows.txt", "--keep", "row")
    assert [each["extra"]["row"] for each in lines(work / "a.jsonl")] == [1, 3]  # type: ignore[index]


def test_splits_are_files_of_their_own(downloaded: Command, work: Path) -> None:
    split = ("--split-by", "task", "--splits", "train=0.7,test=0.3", "--seed", "0")
    done = downloaded.succeeds("export", ALIAS, "-o", "runs.jsonl", *split, "--json").json
    assert [each["path"] for each in done] == ["runs-train.jsonl", "runs-test.jsonl"]
    assert sum(each["rows"] for each in done) == ROWS


def test_values_in_no_split_are_told(downloaded: Command, work: Path) -> None:
    split = ("--split-by", "task", "--seed", "0", "--splits")
    ended = downloaded.succeeds("export", ALIAS, "-o", "runs.jsonl", *split, "train=0.7,test=0.1")
    assert "20.00% of the values of task are in no split" in ended.err
    ended = downloaded.succeeds("export", ALIAS, "-o", "runs.jsonl", *split, "train=0.7,validation=0.2,test=0.1")
    assert "in no split" not in ended.err


def test_a_report_may_lie_in_the_folder_that_is_made(downloaded: Command, work: Path) -> None:
    downloaded.succeeds("export", ALIAS, "-o", "new/a.jsonl", "--stop", "2", "--report", "new/report.json")
    assert json.loads((work / "new" / "report.json").read_text())["written"] == 2


def test_cursors_of_all_shards_are_joined(downloaded: Command, work: Path) -> None:
    cursors: list[str] = []
    for index in range(2):
        done = downloaded.succeeds(
            "export", ALIAS, "-o", "a.jsonl", "--shard", f"{index}/2", "--limit", "3", "--json"
        ).json
        cursors += ["--cursor", done[0]["cursor"]]
    rest = downloaded.succeeds("export", ALIAS, "-o", "rest.jsonl", *cursors, "--json").json
    assert rest[0]["rows"] == ROWS - 6


def test_a_sample_is_the_same_for_the_same_seed(downloaded: Command, work: Path) -> None:
    for name in ("a", "b"):
        downloaded.succeeds("export", ALIAS, "-o", f"{name}.jsonl", "--sample", "5", "--seed", "0", "--shuffle")
    assert (work / "a.jsonl").read_bytes() == (work / "b.jsonl").read_bytes()
    assert len(lines(work / "a.jsonl")) == 5


def test_several_datasets_are_mixed(downloaded: Command, work: Path) -> None:
    downloaded.succeeds("export", ALIAS, "-o", "mine.jsonl", "--stop", "3")
    spec = [
        "seed = 7",
        'format = "openai"',
        "[[dataset]]",
        f'name = "{ALIAS}"',
        "weight = 2",
        'keep = ["dataset", "row"]',
    ]
    (work / "spec.toml").write_text(
        "\n".join([*spec, "[[dataset]]", 'name = "mine.jsonl"', 'keep = ["dataset", "row"]'])
    )
    downloaded.succeeds("mix", "spec.toml", "-o", "mixed")
    found = lines(work / "mixed" / "mix-00000-of-00001.jsonl")
    assert len(found) == ROWS + 3
    assert sum(each["dataset"] == "mine.jsonl" for each in found) == 3


def test_files_of_ones_own_are_read(downloaded: Command, work: Path) -> None:
    downloaded.succeeds("export", ALIAS, "-o", "mine.jsonl", "--stop", "4")
    assert downloaded.succeeds("count", "mine.jsonl").out == "4\n"
    assert downloaded.succeeds("stats", "./mine.jsonl", "--json").json["rows"] == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("count", "--dedupe", "nofield"), "nofield"),
        (("export", ALIAS, "-o", "a.jsonl", "--keep", "nofield"), "nofield"),
        (("export", ALIAS, "-o", "a.jsonl", "--sample", "3"), "seed"),
        (("export", ALIAS, "-o", "a.jsonl", "--split-by", "task"), "--splits"),
        (("export", ALIAS, "-o", "a.jsonl", "--split-by", "task", "--splits", "a=0.5"), "--seed"),
        (("export", ALIAS, "-o", "a.jsonl", "--split-by", "task", "--splits", "a=2", "--seed", "1"), "fractions"),
        (("export", ALIAS, "-o", "a.jsonl", "--split-by", "task", "--splits", "a"), "no split"),
        (("export", ALIAS, "-o", "a.jsonl", "--split-by", "task", "--splits", "a=0.5,a=0.5", "--seed", "1"), "twice"),
        (("mix", "bad.toml", "-o", "mixed"), "name"),
        (("export", ALIAS, "-o", "a.jsonl", "--report", "a.jsonl"), "would replace"),
        (("export", ALIAS, "-o", "a.jsonl", "--report", "nowhere/report.json"), "no folder nowhere"),
        (("export", ALIAS, "-o", "a.jsonl", "--stripe"), "--shards"),
        (("export", ALIAS, "-o", "a.jsonl", "--prefer", "best"), "--dedupe"),
        (("count", "--prefer", "best"), "--dedupe"),
        (("export", ALIAS, "-o", "a.jsonl", "--seed", "1"), "--shuffle"),
    ],
)
def test_what_cannot_be_chosen_is_one_sentence_and_writes_nothing(
    downloaded: Command, work: Path, arguments: tuple[str, ...], said: str
) -> None:
    (work / "bad.toml").write_text("seed = 1\n[[dataset]]\nweight = 1\n")
    ended = downloaded(*arguments)
    assert (ended.code, said in ended.err) == (2, True), ended.err
    assert not (work / "a.jsonl").exists()
    assert not (work / "mixed").exists()


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_rows_of_a_mix_say_where_they_come_from_and_hold_what_is_kept_of_any(
    downloaded: Command, work: Path, ending: str
) -> None:
    downloaded.succeeds("export", ALIAS, "-o", "own.jsonl", "--format", "openai", "--stop", "5", "--keep", "episode")
    spec = f'seed = 1\nformat = "openai"\nending = "{ending}"\n[[dataset]]\nname = "{ALIAS}"\nkeep = ["task"]\n'
    (work / "two.toml").write_text(spec + '[[dataset]]\nname = "own.jsonl"\nkeep = "episode"\n')
    downloaded.succeeds("mix", "two.toml", "-o", "two")
    file = work / "two" / f"mix-00000-of-00001{ending}"
    found: list[Any] = pq.read_table(file).to_pylist() if ending == ".parquet" else lines(file)
    assert len(found) == ROWS + 5
    own = [each for each in found if each["dataset"] == "own.jsonl"]
    assert sorted(each["row"] for each in own) == [*range(5)]
    assert all(each["episode"] and not each.get("task") for each in own)
    assert all(each["task"] for each in found if each["dataset"] != "own.jsonl")
