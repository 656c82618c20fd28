"""Cursors: where a stream goes on, what they refuse, and how those of many readers become one."""

import base64
import string
import zlib
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.errors import CursorMismatch
from hfsvc.trajectories.cursor import (
    VERSION,
    Numbering,
    Reading,
    begin_reading,
    choice_digests,
    join_cursors,
    number_rows,
)

from ..builders import COMMIT, REPO

HERE = number_rows(REPO, COMMIT, [("a.parquet", 5), ("b.parquet", 7)])
ROWS = 12
names = st.text(min_size=1, max_size=30)
counts = st.integers(0, ROWS)


def begin(
    cursor: str | None = None,
    *,
    numbering: Numbering = HERE,
    choice: dict[str, str] | None = None,
    shard: tuple[int, int] | None = None,
    stripe: bool = False,
    rows: int = ROWS,
) -> Reading:
    return begin_reading(numbering, choice or {}, rows, range(rows), shard=shard, stripe=stripe, cursor=cursor)


def cursor(after: int = 3, **asked: object) -> str:
    return begin(**asked).cursor_after(after)  # type: ignore[arg-type]


def packed(*values: object) -> str:
    content = msgspec.msgpack.encode(values)
    return base64.urlsafe_b64encode(content + zlib.crc32(content).to_bytes(4, "big")).rstrip(b"=").decode()


@given(repo=names, commit=names, seen=counts)
def test_a_cursor_leads_to_the_row_after_its_own(repo: str, commit: str, seen: int) -> None:
    numbering = number_rows(repo, commit, [("a", 1)])
    assert [*begin(cursor(seen, numbering=numbering), numbering=numbering).left] == [*range(seen, ROWS)]


@given(seen=counts)
def test_a_cursor_is_safe_in_addresses_and_file_names(seen: int) -> None:
    assert set(cursor(seen)) <= set(string.ascii_letters + string.digits + "-_")


@given(text=st.text(max_size=60))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorMismatch, match="no cursor"):
        begin(text)


@given(content=st.binary(max_size=60))
def test_what_is_no_cursor_in_the_alphabet_of_one_is_refused(content: bytes) -> None:
    with pytest.raises(CursorMismatch):
        begin(base64.urlsafe_b64encode(content).decode())


@pytest.mark.parametrize(
    "values",
    [
        (),
        (VERSION, *HERE),
        (VERSION, *HERE, {}, (0, 5), [], None, False, "3"),
        (VERSION, *HERE, {}, (0, 5), [(0, 5, 0)], None, False, 3),
        (VERSION, *HERE, {}, (0, 5), [(-1, 5, 1)], None, False, 3),
        (VERSION, *HERE, {}, (0, 5), [(0, 5, 1)], (2, 2), False, 3),
        (VERSION, *HERE, {}, (0, 5), [(0, 5, 1)], None, False, -1),
        (VERSION, None, COMMIT, HERE.files, {}, (0, 5), [], None, False, 3),
        ("1", *HERE, {}, (0, 5), [], None, False, 3),
    ],
)
def test_values_of_other_kinds_are_refused(values: tuple[object, ...]) -> None:
    with pytest.raises(CursorMismatch, match="no cursor"):
        begin(packed(*values))


@pytest.mark.parametrize("position", range(len(cursor())))
def test_a_cut_cursor_is_refused(position: int) -> None:
    with pytest.raises(CursorMismatch):
        begin(cursor()[:position])


@given(seen=counts, place=st.integers(0), letter=st.sampled_from(string.ascii_letters))
def test_a_cursor_with_a_wrong_character_leads_nowhere_else(seen: int, place: int, letter: str) -> None:
    text = cursor(seen)
    place %= len(text)
    with suppress(CursorMismatch):
        assert [*begin(text[:place] + letter + text[place + 1 :]).left] == [*range(seen, ROWS)]


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
        begin(cursor(numbering=other))


@pytest.mark.parametrize("version", [1, VERSION + 1])
def test_a_cursor_of_another_version_is_refused(version: int) -> None:
    with pytest.raises(CursorMismatch, match=f"version {version}"):
        begin(packed(version, *HERE, 3))


def test_a_cursor_of_another_choice_is_refused_and_says_what_differs() -> None:
    chosen = choice_digests({"where": "model:qwen", "result": "success"})
    assert [*begin(cursor(choice=chosen), choice=chosen).left] == [*range(3, ROWS)]
    with pytest.raises(CursorMismatch, match="another where"):
        begin(cursor(choice=chosen), choice=chosen | choice_digests({"where": "model:glm"}))
    with pytest.raises(CursorMismatch, match="another where, another result"):
        begin(cursor(choice=chosen))


@given(seen=counts, start=counts, stop=counts)
def test_another_stretch_may_be_asked_for_and_a_wider_one_again(seen: int, start: int, stop: int) -> None:
    inside = begin_reading(HERE, {}, ROWS, range(start, max(start, stop)), cursor=cursor(seen))
    assert [*inside.left] == [*range(max(seen, start), stop)]
    assert [*begin(inside.cursor_after(0)).left] == [*range(max(seen, start), ROWS)]


# ---- many readers ---------------------------------------------------------------------------------------------------


def test_a_cursor_of_a_shard_goes_on_with_that_shard_alone() -> None:
    text = cursor(1, shard=(1, 4))
    assert [*begin(text, shard=(1, 4)).left] == [4, 5]
    for other in (None, (0, 4), (1, 3)):
        with pytest.raises(CursorMismatch, match="shard 1 of 4"):
            begin(text, shard=other)
    with pytest.raises(CursorMismatch, match="in one piece"):
        begin(text, shard=(1, 4), stripe=True)


def test_what_a_whole_run_has_left_is_divided() -> None:
    parts = [[*begin(cursor(3), shard=(index, 2)).left] for index in range(2)]
    assert parts == [[3, 4, 5, 6], [7, 8, 9, 10, 11]]


@given(
    rows=st.integers(0, 90),
    divisions=st.lists(st.tuples(st.integers(1, 8), st.booleans()), min_size=1, max_size=3),
    data=st.data(),
)
def test_any_number_of_readers_goes_on_with_what_any_other_number_left_with_every_row_once(
    rows: int, divisions: list[tuple[int, bool]], data: st.DataObject
) -> None:
    seen: list[int] = []
    whole: str | None = None
    for shards, stripe in divisions:
        cursors: list[str | None] = []
        for index in range(shards):
            reading = begin(whole, shard=(index, shards), stripe=stripe, rows=rows)
            count = data.draw(st.integers(0, len(reading.left)))
            seen += [*reading.left][:count]
            # One that never began has none; the first always has, since something must say what run it is.
            cursors.append(reading.cursor_after(count) if count or not index else None)
        whole = join_cursors(cursors)
    assert sorted([*seen, *begin(whole, rows=rows).left]) == [*range(rows)]


@pytest.mark.parametrize(
    "cursors",
    [
        [],
        [None, None],
        [cursor(1, shard=(0, 2))],
        [cursor(1, shard=(0, 2)), cursor(2, shard=(0, 2))],
        [cursor(1, shard=(0, 2)), cursor(2, shard=(1, 3)), None],
        [cursor(1, shard=(0, 2)), cursor(1, shard=(1, 2), stripe=True)],
        [cursor(1, shard=(0, 2)), cursor(1, shard=(1, 2), numbering=HERE._replace(commit="f" * 40))],
        [cursor(1), cursor(2)],
    ],
)
def test_cursors_that_are_not_of_one_run_are_not_joined(cursors: list[str | None]) -> None:
    with pytest.raises(CursorMismatch):
        join_cursors(cursors)


# ---- numberings -----------------------------------------------------------------------------------------------------


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
