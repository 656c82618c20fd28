import pickle
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

import pytest

from hfsvc import errors
from hfsvc.errors import DownloadFailed, HfsvcError

VALUES: dict[str, Any] = {
    "repo": "acme/notes",
    "path": "data/a.parquet",
    "url": "https://hub.example/x",
    "request_id": "abc",
    "needed": 5,
    "free": 3,
    "offset": 7,
    "row": 7,
    "key": "trial",
    "waited_s": 1.5,
    "ended_with": -9,
    "expected": "sha256:00",
    "actual": "sha256:ff",
}
EXIT_CODES = {
    "FixRequest": 2,
    "NotFound": 3,
    "NoAccess": 4,
    "TryLater": 5,
    "Damaged": 6,
    "LocalStorage": 7,
}


def descendants(kind: type[HfsvcError]) -> Iterator[type[HfsvcError]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from descendants(child)


ALL = sorted(set(descendants(HfsvcError)), key=lambda kind: kind.__name__)
every_error = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)


def build(kind: type[HfsvcError]) -> HfsvcError:
    needed = [field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING]
    return kind(**{name: VALUES.get(name, f"some {name}") for name in needed})


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = set(re.findall(r"\b[A-Z][A-Za-z]+\b", (errors.__doc__ or "").split("::")[1].split("An error keeps")[0]))
    assert drawn - {"HfsvcError"} == {kind.__name__ for kind in ALL}


@every_error
def test_the_code_is_the_name_in_snake_case(kind: type[HfsvcError]) -> None:
    assert kind.code.replace("_", "") == kind.__name__.lower()
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.NotAHub, "not_a_hub"),
        (errors.InvalidRepoId, "invalid_repo_id"),
        (errors.BadParquet, "bad_parquet"),
        (errors.RateLimited, "rate_limited"),
    ],
)
def test_codes_that_are_easily_got_wrong(kind: type[HfsvcError], code: str) -> None:
    assert kind.code == code


@every_error
def test_every_error_belongs_to_a_group_with_its_exit_code(kind: type[HfsvcError]) -> None:
    if kind is DownloadFailed:
        return
    groups = [base.__name__ for base in kind.__mro__ if base.__name__ in EXIT_CODES]
    assert len(groups) == 1
    assert build(kind).exit_code == EXIT_CODES[groups[0]]


@every_error
def test_only_waiting_makes_an_error_retryable(kind: type[HfsvcError]) -> None:
    assert build(kind).retryable is issubclass(kind, errors.TryLater)


@every_error
def test_every_error_says_one_sentence_of_its_own(kind: type[HfsvcError]) -> None:
    error = build(kind)
    if kind.__subclasses__() and kind.message is HfsvcError.message:
        return
    assert error.message() != kind.code
    assert "None" not in str(error)


@every_error
def test_every_error_survives_pickling(kind: type[HfsvcError]) -> None:
    error = build(kind)
    error.hint = "Do this."
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert repr(copy) == repr(error)


@every_error
def test_a_hint_ends_the_sentence(kind: type[HfsvcError]) -> None:
    error = build(kind)
    error.hint = "Do this instead."
    assert str(error) == f"{error.message()} Do this instead."


def test_several_failures_end_with_the_highest_code() -> None:
    failures = [errors.RateLimited(), errors.FileNotFound(repo="a/b", path="x")]
    assert DownloadFailed(repo="a/b", failures=failures).exit_code == 5
    assert not DownloadFailed(repo="a/b", failures=failures).retryable
    assert DownloadFailed(repo="a/b", failures=failures[:1]).retryable


def test_several_failures_are_each_told_and_pickled() -> None:
    failures = [errors.RateLimited(retry_after_s=7), errors.FileNotFound(repo="a/b", path="x.parquet")]
    text = str(pickle.loads(pickle.dumps(DownloadFailed(repo="a/b", failures=failures))))
    assert all(str(failure) in text for failure in failures)
    assert "2 files of a/b" in text


def test_no_failure_at_all_is_not_retryable() -> None:
    assert not DownloadFailed(repo="a/b").retryable
