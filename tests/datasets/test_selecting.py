"""Which files selections mean, and what their limits leave."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.datasets.request import ResolvedRequest, parse_request
from hfsvc.datasets.selecting import check_selects, select, within_limits
from hfsvc.errors import FileNotFound, InvalidArgument, LimitTooSmall, SplitNotFound
from hfsvc.models import DatasetConfig, DatasetRequest, Globs, RemoteFile
from hfsvc.settings import Settings
from tests.builders import REPO, dataset, lfs

ALL = ("**",)
CONFIGS = (
    DatasetConfig(name="en", patterns={"train": ("en/*.jsonl",), "test": ("en/held/*.csv",)}),
    DatasetConfig(name="de", patterns={"train": ("de/*.parquet",)}),
)
LISTING = [
    lfs(path) for path in ("README.md", "de/a.parquet", "en/a.jsonl", "en/b.jsonl", "en/held/c.csv", "x.parquet")
]

sizes = st.lists(st.integers(0, 30), max_size=12)
limits = st.none() | st.integers(1, 60)


def paths(*selections: Globs) -> list[str]:
    return [file.path for file in select(dataset(configs=CONFIGS), LISTING, selections).files]


def resolved(**facts: object) -> ResolvedRequest:
    return parse_request(DatasetRequest(REPO, **facts), Settings())  # type: ignore[arg-type]  # facts of any field


def test_a_configuration_and_a_split_are_those_of_the_card() -> None:
    assert paths(Globs(include=ALL, config="en")) == ["en/a.jsonl", "en/b.jsonl", "en/held/c.csv"]
    assert paths(Globs(include=ALL, config="en", split="test")) == ["en/held/c.csv"]
    assert paths(Globs(include=ALL, split="train")) == ["de/a.parquet", "en/a.jsonl", "en/b.jsonl"]
    assert paths(Globs(include=ALL, exclude=("en/a*",), config="en", split="train")) == ["en/b.jsonl"]
    assert paths(Globs(include=("*.parquet",)), Globs(include=ALL, config="fr")) == ["x.parquet"]


def test_the_result_of_a_run_comes_with_its_document() -> None:
    listing = [lfs(path) for path in ("train/1/agent/trajectory.json", "train/1/result.json", "train/2/result.json")]
    found = select(dataset(), listing, [Globs(include=ALL, split="train")])
    assert [file.path for file in found.files] == ["train/1/agent/trajectory.json", "train/1/result.json"]


@pytest.mark.parametrize(
    ("selection", "kind", "words"),
    [
        (Globs(include=ALL, config="fr"), SplitNotFound, "it has en, de"),
        (Globs(include=ALL, config="de", split="test"), SplitNotFound, "it has train"),
        (Globs(include=("*.zip",), max_bytes=1), FileNotFound, "README"),
        (Globs(include=ALL, config="en", max_bytes=2), LimitTooSmall, r"en/a\.jsonl, is of 7 bytes"),
    ],
)
def test_a_selection_that_means_nothing_says_why(selection: Globs, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as raised:
        check_selects(dataset(configs=CONFIGS), LISTING, [selection])
    assert "on disk" not in str(raised.value)


@given(sizes=sizes, max_bytes=limits, max_files=limits)
def test_limits_take_as_many_of_the_first_as_fit(
    sizes: list[int], max_bytes: int | None, max_files: int | None
) -> None:
    files = [RemoteFile(path=f"{number:02}", size=size, checksum=None) for number, size in enumerate(sizes)]
    taken = within_limits(files, Globs(include=ALL, max_bytes=max_bytes, max_files=max_files))
    room = max_bytes if max_bytes is not None else sum(sizes)
    assert taken == files[: len(taken)]
    assert sum(file.size for file in taken) <= room
    assert len(taken) <= (max_files or len(files))
    if len(taken) < min(len(files), max_files or len(files)):
        assert sum(file.size for file in files[: len(taken) + 1]) > room


@given(sizes=sizes, first=limits, second=limits)
def test_what_is_taken_and_what_is_left_are_all(sizes: list[int], first: int | None, second: int | None) -> None:
    files = [RemoteFile(path=f"{number:02}", size=size, checksum=None) for number, size in enumerate(sizes)]
    found = select(dataset(), files, [Globs(include=ALL, max_bytes=first), Globs(include=ALL, max_files=second)])
    left = found.left
    assert len(found.files) + (left.files if left else 0) == len(files)
    assert sum(file.size for file in found.files) + (left.total_bytes if left else 0) == sum(sizes)
    assert left is None or left.next_path == files[len(found.files)].path


def test_of_one_selection_only_the_widest_limits_are_kept() -> None:
    globs = Globs(include=ALL)
    assert globs.with_limits(9, None).covers(globs.with_limits(1, None))
    assert globs.with_limits(9, 9).covers(globs.with_limits(9, 9))
    assert globs.covers(globs.with_limits(9, 9))
    assert not globs.with_limits(1, None).covers(globs.with_limits(None, 9))
    assert not globs.with_limits(1, None).covers(globs)
    assert not Globs(include=ALL, split="train").covers(globs)
    assert resolved(max_bytes=1).globs == Globs(include=("**/*.parquet",), max_bytes=1)
    assert (resolved(max_bytes=9).goes_on, resolved(max_files=9, split="train").goes_on) == (True, False)


@pytest.mark.parametrize("facts", [{"max_bytes": 0}, {"max_files": -1}, {"max_bytes": "2GB"}, {"split": ""}])
def test_limits_and_names_that_cannot_be_are_refused(facts: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(facts))):
        resolved(**facts)
