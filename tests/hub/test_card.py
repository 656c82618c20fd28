from typing import Any

import pytest

from hfsvc.hub.card import read_configs
from hfsvc.models import DatasetConfig


def config(**named: Any) -> DatasetConfig:
    (found,) = read_configs({"configs": [{"config_name": "en", **named}]})
    return found


def test_configurations_come_in_the_order_of_the_card() -> None:
    card = {"configs": [{"config_name": "b", "default": True}, {"config_name": "a", "default": False}]}
    assert [(each.name, each.default) for each in read_configs(card)] == [("b", True), ("a", False)]


@pytest.mark.parametrize("data_files", ["en/*.parquet", ["en/*.parquet"], ["./en/*.parquet"]])
def test_files_without_a_split_are_of_the_split_train(data_files: object) -> None:
    assert config(data_files=data_files).patterns == {"train": ("en/*.parquet",)}


def test_splits_name_one_pattern_or_several_in_any_number_of_entries() -> None:
    files = [
        {"split": "train.raw", "path": "a.parquet"},
        {"split": "test-1", "path": ["b", "c"]},
        {"split": "train.raw", "path": "d"},
    ]
    assert config(data_files=files).patterns == {"train.raw": ("a.parquet", "d"), "test-1": ("b", "c")}


@pytest.mark.parametrize("folder", ["german", "german/", "./german", "/german/"])
def test_patterns_are_relative_to_the_folder_of_their_configuration(folder: str) -> None:
    found = config(data_dir=folder, data_files="*.parquet")
    assert found == DatasetConfig(name="en", folder="german/", patterns={"train": ("german/*.parquet",)})


@pytest.mark.parametrize("folder", [None, "", ".", "./", "/", 7])
def test_the_whole_dataset_is_no_folder(folder: object) -> None:
    assert config(data_dir=folder, data_files="*.parquet") == config(data_files="*.parquet")


@pytest.mark.parametrize(
    "card",
    [
        None,
        [],
        "text",
        {},
        {"configs": None},
        {"configs": {"config_name": "en"}},
        {"configs": ["en"]},
        {"configs": [{"data_files": "x"}]},
        {"configs": [{"config_name": 7}]},
        {"configs": [{"config_name": "en"}, {}]},
    ],
    ids=str,
)
def test_a_card_that_cannot_be_understood_names_none(card: object) -> None:
    assert read_configs(card) == ()


@pytest.mark.parametrize("data_files", [None, 7, {}, [7], ["a", 7], [{"split": "x"}], [{"path": "a"}], [{"split": 1}]])
def test_files_that_cannot_be_understood_are_left_out(data_files: object) -> None:
    assert not any(config(data_files=data_files).patterns.values())
