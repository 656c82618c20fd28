import base64
import string
import zlib
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.errors import CursorMismatch
from hfsvc.trajectories.cursor import VERSION, Numbering, number_rows, row_after, write_cursor

from ..builders import COMMIT, REPO

HERE = number_rows(REPO, COMMIT, [("a.parquet", 5), ("b.parquet", 7)])
names = st.text(min_size=1, max_size=30)


def packed(*values: object) -> str:
    content = msgspec.msgpack.encode(values)
    return base64.urlsafe_b64encode(content + zlib.crc32(content).to_bytes(4, "big")).rstrip(b"=").decode()


@given(repo=names, commit=names, row=st.integers(0, 2**63 - 2))
def test_a_cursor_leads_to_the_row_after_its_own(repo: str, commit: str, row: int) -> None:
    numbering = number_rows(repo, commit, [("a", 1)])
    assert row_after(write_cursor(numbering, row), numbering) == row + 1


@given(row=st.integers(0, 2**63 - 2))
def test_a_cursor_is_safe_in_addresses_and_file_names(row: int) -> None:
    assert set(write_cursor(HERE, row)) <= set(string.ascii_letters + string.digits + "-_")


@given(text=st.text(max_size=60))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorMismatch, match="no cursor"):
        row_after(text, HERE)


@given(content=st.binary(max_size=60))
def test_what_is_no_cursor_in_the_alphabet_of_one_is_refused(content: bytes) -> None:
    with pytest.raises(CursorMismatch):
        row_after(base64.urlsafe_b64encode(content).decode(), HERE)


@pytest.mark.parametrize(
    "values",
    [
        (),
        (VERSION, *HERE),
        (VERSION, *HERE, "3"),
        (VERSION, *HERE, 1.5),
        (VERSION, *HERE, None),
        (VERSION, None, COMMIT, HERE.files, 3),
        ("1", *HERE, 3),
    ],
)
def test_values_of_other_kinds_are_refused(values: tuple[object, ...]) -> None:
    with pytest.raises(CursorMismatch, match="no cursor"):
        row_after(packed(*values), HERE)


@pytest.mark.parametrize("position", range(len(write_cursor(HERE, 3))))
def test_a_cut_cursor_is_refused(position: int) -> None:
    with pytest.raises(CursorMismatch):
        row_after(write_cursor(HERE, 3)[:position], HERE)


@given(row=st.integers(0, 2**63 - 2), place=st.integers(0), letter=st.sampled_from(string.ascii_letters))
def test_a_cursor_with_a_wrong_character_leads_nowhere_else(row: int, place: int, letter: str) -> None:
    cursor = write_cursor(HERE, row)
    place %= len(cursor)
    with suppress(CursorMismatch):
        assert row_after(cursor[:place] + letter + cursor[place + 1 :], HERE) == row + 1


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (HERE._replace(repo="acme/other"), "acme/other"),
        (HERE._replace(commit="f" * 40), "ffffffffffff"),
        (HERE._replace(files="0"), "files"),
    ],
)
def test_a_cursor_of_other_rows_is_refused_and_says_which(other: Numbering, named: str) -> None:
    with pytest.raises(CursorMismatch, match=named):
        row_after(write_cursor(other, 3), HERE)


def test_a_cursor_of_another_version_is_refused() -> None:
    with pytest.raises(CursorMismatch, match="version 2"):
        row_after(packed(VERSION + 1, *HERE, 3), HERE)


@pytest.mark.parametrize(
    "files",
    [
        [("a.parquet", 5)],
        [("a.parquet", 7), ("b.parquet", 5)],
        [("b.parquet", 7), ("a.parquet", 5)],
        [("a.parquet", 12)],
        [("a.parquet", 5), ("b.parquet", 7), ("c.parquet", 1)],
        [],
    ],
)
def test_other_files_number_rows_otherwise(files: list[tuple[str, int]]) -> None:
    assert number_rows(REPO, COMMIT, files) != HERE


def test_files_without_rows_change_no_number() -> None:
    assert number_rows(REPO, COMMIT, [("0", 0), ("a.parquet", 5), ("b.parquet", 7), ("z", 0)]) == HERE
