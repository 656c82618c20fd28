"""What the paths of a parquet copy say."""

import pytest

from hfsvc.models.conversion import ConvertedFile, converted_configs, converted_file
from hfsvc.models.splits import splits_of


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("en/train/0000.parquet", ("en", "train", False)),
        ("en/train.held/0012.parquet", ("en", "train.held", False)),
        ("en/train-part3/0000.parquet", ("en", "train", False)),
        ("en/partial-train/0000.parquet", ("en", "train", True)),
        ("en/partial-train-part0/0000.parquet", ("en", "train", True)),
        ("README.md", None),
        ("train/0000.parquet", None),
        ("en/train/index.parquet", None),
        ("a/en/train/0000.parquet", None),
    ],
)
def test_a_path_says_its_part(path: str, expected: tuple[str, str, bool] | None) -> None:
    assert converted_file(path) == (expected and ConvertedFile(*expected))


def test_configurations_are_those_of_the_paths_whatever_signs_they_hold() -> None:
    paths = ("d[e]*/test/0000.parquet", "en/train/0000.parquet", "en/train-part1/0000.parquet", "README.md")
    configs = converted_configs(paths, "en")
    assert splits_of(paths, configs) == {"d[e]*": {"test": paths[:1]}, "en": {"train": paths[1:3]}}
    assert [(each.name, each.default) for each in configs] == [("d[e]*", False), ("en", True)]
