from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.errors import SplitNotFound
from hfsvc.models import DatasetConfig
from hfsvc.models.file_names import data_files, infer_splits
from hfsvc.models.splits import (
    choose_files,
    default_config,
    make_matcher,
    splits_of,
)
from tests.builders import REPO
from tests.trajectories.tables import numbers, open_source, parquet, rows


def config(name: str, folder: str = "", *, default: bool = False, **patterns: Sequence[str]) -> DatasetConfig:
    return DatasetConfig(name=name, default=default, folder=folder, patterns={k: tuple(v) for k, v in patterns.items()})


# ---- which files hold rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "held"),
    [
        (["train.parquet", "b.jsonl", "c.json"], ["train.parquet"]),
        (["data/x-00000-of-00001.parquet", "b.jsonl"], ["data/x-00000-of-00001.parquet"]),
        (["index.parquet", "b.jsonl", "c.json"], ["index.parquet", "b.jsonl", "c.json"]),
        (["data/metadata.parquet", "runs.csv", "train.jsonl"], ["data/metadata.parquet", "train.jsonl"]),
        (["index-00000-of-00001.parquet", "a/trajectory.json", "b.json"], ["index-00000-of-00001.parquet", "a/trajectory.json"]),
        (["README.md", "b.jsonl", "d.ndjson", "e.jsonl.gz", "f.ndjson.zst"], ["b.jsonl", "d.ndjson", "e.jsonl.gz", "f.ndjson.zst"]),
        (["README.md", "c.json", "d.json.gz", "e.json.zst", "f.json.bz2"], ["c.json", "d.json.gz", "e.json.zst", "f.json.bz2"]),
        (["a.arrow", "b.jsonl"], ["a.arrow", "b.jsonl"]),
        (["data/A.JSONL", "b.json.xz"], ["data/A.JSONL"]),
        (["a.csv", "b.tsv.gz", "README.md"], ["a.csv", "b.tsv.gz"]),
        (["a.csv", "b.traj"], ["b.traj", "a.csv"]),
        (["job/t/agent/log.jsonl", "job/t/agent/trajectory.json"], ["job/t/agent/trajectory.json"]),
        (["job/log.jsonl", "log.jsonl", "job/t/agent/trajectory.json.gz"], ["job/t/agent/trajectory.json.gz"]),
        (["log.jsonl", "trajectory.json"], ["trajectory.json"]),
        (["data/a.jsonl", "examples/t/trajectory.json"], ["data/a.jsonl"]),
        (["train.jsonl", "job/t/agent/trajectory.json"], ["train.jsonl"]),
        (["job/train-0.jsonl", "job/t/agent/trajectory.json"], ["job/train-0.jsonl"]),

        (["run/config.json", "run/result.json", "run/agent/trajectory.json"], ["run/agent/trajectory.json"]),
        (["a/x.trajectory.json", "a/trajectory.cont-1.json", "a/y_atif.json", "a/z.json"], ["a/x.trajectory.json", "a/trajectory.cont-1.json", "a/y_atif.json"]),
        (["config.json", "dataset_infos.json", ".cache/a.json", "x/.b.json", "__MACOSX/c.json"], []),
        (["README.md", "parquet", "jsonl", "x.parquet.crc", "x.jsonl.bak"], []),
        (["trajectoryless.json", "b.json"], ["trajectoryless.json", "b.json"]),
        ([".hidden/a.parquet"], [".hidden/a.parquet"]),
    ],
)  # fmt: skip
def test_kinds_are_looked_for_until_names_say_that_they_are_the_data(files: list[str], held: list[str]) -> None:
    assert data_files(files) == tuple(held)


# ---- what file names tell -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (["data/train-00000-of-00001.parquet"], ["train"]),
        (["data/SWE_smith.v2-00000-of-00002.parquet", "data/ticks-00001-of-00002-abc.parquet"], ["SWE_smith.v2", "ticks"]),
        (["data/a-b-00000-of-00001.parquet", "test.parquet"], ["a-b"]),
        (["x/data/a-00000-of-00001.parquet"], ["train"]),
        (["data/a-0-of-1.parquet"], ["train"]),
        (["train/x.csv", "my-test-set/y.csv"], ["train", "test"]),
        (["train/test.csv"], ["train"]),
        (["train.csv", "x_test.csv", "dev-1.json", "deep/eval.json"], ["train", "test", "validation"]),
        (["train2.csv", "my validation.csv"], ["train", "validation"]),
        (["trainer.csv", "latest.csv", "developer/x.csv"], ["train"]),
        (["Test.csv"], ["train"]),
        (["a.csv", "b/c.csv"], ["train"]),
        ([], []),
    ],
)  # fmt: skip
def test_the_first_kind_of_name_decides(files: list[str], splits: list[str]) -> None:
    assert sorted(infer_splits(files)) == sorted(splits)


def test_files_that_name_no_split_are_of_none_where_others_do() -> None:
    found = infer_splits(["train.csv", "extra.csv", "test/y.csv"])
    assert found == {"test": ("test/y.csv",)}


def test_a_file_may_be_of_several_splits() -> None:
    assert infer_splits(["train-test.csv"]) == {"train": ("train-test.csv",), "test": ("train-test.csv",)}


@given(st.lists(st.text("ab/-._ 0train", min_size=1, max_size=20), unique=True))
def test_every_file_is_of_the_split_train_where_no_name_tells(files: list[str]) -> None:
    found = infer_splits(files)
    assert {path for paths in found.values() for path in paths} <= set(files)
    assert bool(found) == bool(files)


# ---- what the card tells --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("en/*.parquet", "en/a.parquet", True),
        ("en/*.parquet", "en/deep/a.parquet", False),
        ("**/*.parquet", "a.parquet", True),
        ("**/*.parquet", "en/deep/a.parquet", True),
        ("en/**", "en/deep/a.parquet", True),
        ("EN/*", "en/a", False),
        ("*/a", ".en/a", False),
        (".en/a", ".en/a", True),
        ("a-[0-9].parquet", "a-7.parquet", True),
        ("a[1].parquet", "a[1].parquet", True),
        ("{a,b}.parquet", "a.parquet", False),
        ("{a,b}.parquet", "{a,b}.parquet", True),
    ],
)
def test_patterns_are_those_of_the_hub(pattern: str, path: str, *, matches: bool) -> None:
    assert make_matcher([pattern])(path) is matches


def test_a_card_may_list_thousands_of_files() -> None:
    files = [f"data/{number}.parquet" for number in range(3000)]
    listed = [*files[:2000], *(f"data/{number}-*.parquet" for number in range(2000))]
    assert splits_of(files, [config("en", train=listed)]) == {"en": {"train": tuple(files[:2000])}}


def test_configurations_and_splits_without_files_are_left_out() -> None:
    configs = [config("en", train=["en/*"], test=["en-test/*"]), config("de", train=["de/*"])]
    assert splits_of(["en/a.parquet", "README.md"], configs) == {"en": {"train": ("en/a.parquet",)}}


def test_a_configuration_of_a_folder_goes_by_the_names_in_it() -> None:
    files = ["de/data/x-00000-of-00001.parquet", "en/train.jsonl", "en/test.jsonl", "train.parquet"]
    found = splits_of(files, [config("de", "de/"), config("en", "en/")])
    assert found == {
        "de": {"x": ("de/data/x-00000-of-00001.parquet",)},
        "en": {"train": ("en/train.jsonl",), "test": ("en/test.jsonl",)},
    }


def test_without_a_card_there_is_one_configuration() -> None:
    assert splits_of(["a.parquet", "b.md"], []) == {"default": {"train": ("a.parquet",)}}
    assert splits_of(["b.md"], []) == {}


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ([], "default"),
        ([config("en")], "en"),
        ([config("en"), config("de")], None),
        ([config("en"), config("de", default=True)], "de"),
        ([config("en"), config("default")], "default"),
        ([config("default"), config("de", default=True)], None),
    ],
)
def test_the_default_configuration(configs: list[DatasetConfig], expected: str | None) -> None:
    assert default_config(configs) == expected


# ---- choosing -------------------------------------------------------------------------------------------------------

FILES = ["de/train.raw.parquet", "en/1.jsonl", "en/2.parquet", "lines/a.jsonl", "other.parquet", "other/b.jsonl"]
CONFIGS = [
    config("en", train=["en/*"]),
    DatasetConfig(name="de", patterns={"train.raw": ("de/*",)}),
    DatasetConfig(name="lines", patterns={"train": ("lines/*.jsonl",), "a-b": ("lines/a.jsonl",)}),
]


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ({}, ["de/train.raw.parquet", "en/1.jsonl", "en/2.parquet", "lines/a.jsonl", "other.parquet"]),
        ({"config": "en"}, ["en/1.jsonl", "en/2.parquet"]),
        ({"config": "lines", "split": "a-b"}, ["lines/a.jsonl"]),
        ({"split": "train"}, ["en/1.jsonl", "en/2.parquet", "lines/a.jsonl"]),
        ({"split": "train.raw"}, ["de/train.raw.parquet"]),
    ],
)
def test_files_are_chosen_by_configuration_and_split(wanted: dict[str, str], chosen: list[str]) -> None:
    assert choose_files(REPO, FILES, CONFIGS, **wanted) == tuple(chosen)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"config": "fr"}, f"{REPO} has no configuration 'fr' on disk; it has en, de, lines."),
        ({"split": "test"}, f"{REPO} has no split 'test' on disk; it has train, train.raw, a-b."),
        (
            {"config": "de", "split": "train"},
            f"The configuration 'de' of {REPO} has no split 'train' on disk; it has train.raw.",
        ),
    ],
)
def test_what_is_not_there_is_told_with_what_is(wanted: dict[str, str], message: str) -> None:
    with pytest.raises(SplitNotFound) as raised:
        choose_files(REPO, FILES, CONFIGS, **wanted)
    assert str(raised.value) == message
    assert raised.value.exit_code == 3


# ---- reading --------------------------------------------------------------------------------------------------------


async def test_a_source_reads_one_split_and_numbers_its_rows(root: Path) -> None:
    files = {"train.parquet": parquet(rows(5)), "test.parquet": parquet(rows(2, 5)), "x/test.parquet": parquet(rows(1))}
    test = await open_source(root, files, split="test")
    assert await test.count() == 3
    assert await numbers(test) == [0, 1, 2]
    assert [each.file async for each in test.stream_rows()] == ["test.parquet", "test.parquet", "x/test.parquet"]
    assert await (await open_source(root, files)).count() == 8


async def test_a_source_refuses_a_split_that_is_not_there(root: Path) -> None:
    source = await open_source(root, {"data/a.b-00000-of-00001.parquet": parquet(rows(1))}, split="train")
    with pytest.raises(SplitNotFound, match=r"it has a\.b\."):
        await source.count()
