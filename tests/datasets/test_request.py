"""What a request asks for, beside what is recorded of the dataset."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from hfsvc.datasets.request import parse_request
from hfsvc.errors import InvalidPattern
from hfsvc.models import DatasetRequest, Globs
from hfsvc.models.file_kinds import LINES
from hfsvc.settings import Settings
from hfsvc.store.index import IndexEntry
from tests.builders import COMMIT, REPO

DEFAULT = Globs(include=("**/*.parquet",))
TEXTS = Globs(include=("*.txt",))


def recorded(*globs: Globs) -> IndexEntry:
    return IndexEntry(
        repo=REPO,
        local_path=REPO,
        files=(),
        total_bytes=0,
        downloaded_at=datetime(2026, 1, 1, tzinfo=UTC),
        revision="main",
        commit=COMMIT,
        globs=globs,
        checksums={},
        sizes={},
    )


def wanted(entry: IndexEntry | None, repo: str = REPO, **given: Sequence[str] | None) -> list[Globs]:
    return parse_request(DatasetRequest(repo=repo, **given), Settings()).wanted(entry)  # type: ignore[arg-type]


def test_a_request_that_names_no_files_means_the_default() -> None:
    assert wanted(None) == wanted(recorded()) == [DEFAULT]


def test_a_request_that_names_no_files_means_those_asked_for_before() -> None:
    assert wanted(recorded(TEXTS, Globs(include=("a/**",), exclude=("b",)))) == [
        TEXTS,
        Globs(include=("a/**",), exclude=("b",)),
    ]
    request = parse_request(DatasetRequest(repo=REPO), Settings())
    assert request.selections(recorded(TEXTS)) == [TEXTS]
    assert request.is_recorded(recorded(TEXTS), COMMIT)
    assert not request.is_recorded(recorded(TEXTS), "f" * 40)


def test_named_files_are_added_to_those_asked_for_before() -> None:
    request = parse_request(DatasetRequest(repo=REPO, include="*.md"), Settings())
    assert request.selections(recorded(TEXTS)) == [TEXTS, Globs(include=("*.md",))]
    assert not request.is_recorded(recorded(TEXTS), COMMIT)


@pytest.mark.parametrize("include", ["*.parquet", ("*.parquet",), ["*.parquet"]])
def test_a_text_is_one_glob(include: Sequence[str]) -> None:
    assert wanted(None, include=include) == [Globs(include=("*.parquet",))]
    assert wanted(None, exclude=include) == [Globs(include=DEFAULT.include, exclude=("*.parquet",))]


@pytest.mark.parametrize("include", ["", (), [], ("",)])
def test_an_empty_selection_is_refused(include: Sequence[str]) -> None:
    with pytest.raises(InvalidPattern):
        wanted(None, include=include)


def test_what_is_left_out_does_not_choose_the_kind() -> None:
    request = parse_request(DatasetRequest(repo=REPO, exclude="train.parquet"), Settings())
    chosen = request.among(["train.parquet", "train.jsonl"], None)
    lines = Globs(include=LINES.globs, exclude=("train.parquet",))
    assert chosen.wanted(None) == [lines]
    assert request.is_recorded(recorded(lines), COMMIT)
    assert not request.is_recorded(recorded(Globs(include=LINES.globs)), COMMIT)
    assert not request.is_recorded(recorded(Globs(include=("*.md",), exclude=("train.parquet",))), COMMIT)


def test_a_pasted_address_of_a_file_means_that_file_unless_files_are_named() -> None:
    address = f"hf://datasets/{REPO}@main/data/x.jsonl"
    assert wanted(None, address) == [Globs(include=("data/x.jsonl", "data/x.jsonl/"))]
    assert wanted(None, address, include=("**",)) == [Globs(include=("**",))]
