"""What the Hub tells of its parquet copies, read from its answers."""

import json
from typing import Any

import pytest

from hfsvc.errors import NotAHub
from hfsvc.hub.conversion_state import ConversionState, decode_listed, decode_viewer
from hfsvc.hub.urls import conversion_files_url, conversion_state_url

URL = "https://hub.test/parquet"
COMMIT = "0123456789abcdef" * 2 + "01234567"


def viewer(headers: dict[str, str] | None = None, **answer: Any) -> ConversionState:
    return decode_viewer(json.dumps({"parquet_files": [], **answer}).encode(), headers or {}, URL)


def test_the_viewer_tells_commit_files_and_what_is_missing() -> None:
    files = [
        {"dataset": "a/b", "config": "en", "split": "train", "url": "https://x", "filename": "0.parquet", "size": 1}
    ]
    found = viewer(
        {"x-revision": COMMIT.upper()},
        parquet_files=files * 2,
        pending=[{"config": "de"}],
        failed=[{"config": "fr", "split": "test", "error": {}}, "odd", {}],
        partial=True,
    )
    assert found == ConversionState(COMMIT, {("en", "train"): 2}, ("de",), ("fr/test", "odd", "a part of it"), True)


@pytest.mark.parametrize("headers", [{}, {"x-revision": "main"}])
def test_a_commit_that_is_not_told_is_none(headers: dict[str, str]) -> None:
    assert viewer(headers).source_commit is None


def test_folders_of_large_and_of_partial_splits_are_their_splits() -> None:
    listed = {"en": {"train-part0": ["u", "v"], "train-part1": ["w"], "partial-test": ["x"]}}
    found = decode_listed(json.dumps(listed).encode(), {}, URL)
    assert found == ConversionState(None, {("en", "train"): 3, ("en", "test"): 1}, is_partial=True)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"parquet_files": 1}', b'{"en": []}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    for decode in (decode_viewer, decode_listed):
        with pytest.raises(NotAHub):
            decode(body, {}, URL)


def test_the_viewer_of_the_public_hub_is_a_server_of_its_own() -> None:
    asked = conversion_state_url("https://huggingface.co", "a/b")
    assert asked == "https://datasets-server.huggingface.co/parquet?dataset=a%2Fb"
    assert conversion_state_url("http://mirror.test/hf", "a/b") == "http://mirror.test/hf/parquet?dataset=a%2Fb"
    assert conversion_files_url("http://mirror.test/hf", "a/b") == "http://mirror.test/hf/api/datasets/a/b/parquet"
