import gzip
import json
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.errors import BadParquet, NotDownloaded
from hfsvc.trajectories.files import json as json_lines
from hfsvc.trajectories.files.arrow_values import texts_of
from hfsvc.trajectories.files.base import BATCH_BYTES, MAX_BATCH_ROWS, RowFile, unreadable_rows
from hfsvc.trajectories.files.dataset_files import FolderFiles
from hfsvc.trajectories.files.json import DOCUMENT, MAX_COLUMNS, read_cell, survey
from hfsvc.trajectories.files.open import open_rows

Pack = Callable[[bytes], bytes]
PACKED: Mapping[str, Pack] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": lambda content: pa.compress(content, codec="zstd", asbytes=True),
}
ROWS = [{"id": f"é{number}", "number": number, "messages": [{"role": "user"}], "none": None} for number in range(5)]
CELLS = [
    {"id": f"é{number}", "number": str(number), "messages": '[{"role": "user"}]', "none": None} for number in range(5)
]


def lines(rows: Sequence[Any], end: str = "\n") -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + end for row in rows).encode()


@contextmanager
def opened(folder: Path, content: bytes, name: str = "a.jsonl") -> Iterator[RowFile]:
    (folder / name).write_bytes(content)
    with open_rows(FolderFiles(folder, "acme/notes"), name) as rows:
        yield rows


def read(folder: Path, content: bytes, name: str = "a.jsonl", *, start: int = 0) -> list[dict[str, Any]]:
    """The rows of a file, without the whole row; an unreadable row is the text of its fault."""
    with opened(folder, content, name) as rows:
        columns = [each for each in rows.schema.names if each != DOCUMENT]
        found: list[Any] = []
        for first, batch in rows.batches(columns, start):
            assert first == start + len(found)
            assert batch.nbytes <= BATCH_BYTES or batch.num_rows == 1
            faults = unreadable_rows(batch)
            cells = batch.select(columns).to_pylist()
            found += [faults.get(index, row) for index, row in enumerate(cells)]
        assert rows.rows == start + len(found)
    return found


# ---- forms ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", PACKED)
@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json"])
def test_rows_stand_one_a_line(tmp_path: Path, name: str, ending: str) -> None:
    assert read(tmp_path, PACKED[ending](lines(ROWS)), name + ending) == CELLS


@pytest.mark.parametrize("ending", PACKED)
@pytest.mark.parametrize("indent", [None, 2])
def test_rows_stand_in_an_array(tmp_path: Path, indent: int | None, ending: str) -> None:
    content = json.dumps(ROWS, indent=indent, ensure_ascii=False).encode()
    found = read(tmp_path, PACKED[ending](content), f"a.json{ending}")
    assert [{**row, "messages": json.loads(row["messages"])} for row in found] == [
        {**row, "messages": [{"role": "user"}]} for row in CELLS
    ]


def test_a_file_may_be_a_single_row(tmp_path: Path) -> None:
    assert read(tmp_path, json.dumps({"a": "x", "b": 1}, indent=1).encode(), "a.json") == [{"a": "x", "b": "1"}]


@pytest.mark.parametrize(("name", "content"), [("a.jsonl", b""), ("a.jsonl", b"\n \r\n"), ("a.json", b"[ ]")])
def test_an_empty_file_has_no_rows(tmp_path: Path, name: str, content: bytes) -> None:
    assert read(tmp_path, content, name) == []


@pytest.mark.parametrize(
    "content",
    [
        lines(ROWS, "\r\n"),
        b"\xef\xbb\xbf" + lines(ROWS),
        lines(ROWS).rstrip(),
        lines(ROWS) + b"\n  \n",
        lines(ROWS).replace(b"\n", b"\n\n\r\n"),
    ],
    ids=["crlf", "byte order mark", "no last line end", "blank last lines", "blank lines between"],
)
@pytest.mark.parametrize("ending", PACKED)
def test_what_surrounds_lines_does_not_count(tmp_path: Path, content: bytes, ending: str) -> None:
    assert read(tmp_path, PACKED[ending](content), f"a.jsonl{ending}") == CELLS


def test_a_byte_order_mark_may_stand_before_an_array(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf[" + lines([{"a": "x"}]) + b"]", "a.json") == [{"a": "x"}]


@pytest.mark.parametrize("start", [0, 1, 4, 5])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_reading_starts_at_any_row(tmp_path: Path, name: str, start: int) -> None:
    content = lines(ROWS) if name == "a.jsonl" else json.dumps(ROWS).encode()
    assert [row["id"] for row in read(tmp_path, content, name, start=start)] == [f"é{n}" for n in range(start, 5)]


def test_a_file_that_is_open_is_read_again_and_stays_what_it_is(tmp_path: Path) -> None:
    with opened(tmp_path, lines(ROWS)) as rows:
        (tmp_path / "b.jsonl").write_bytes(lines([{"id": "other"}]))
        (tmp_path / "b.jsonl").replace(tmp_path / "a.jsonl")
        for _ in range(2):
            assert [text for _, batch in rows.batches(["id"], 3) for text in batch.column(0).to_pylist()] == [
                "é3",
                "é4",
            ]


def test_a_file_that_changed_is_surveyed_again(tmp_path: Path) -> None:
    assert read(tmp_path, lines(ROWS)) == CELLS
    assert read(tmp_path, lines([{"other": "x"}])) == [{"other": "x"}]


# ---- columns --------------------------------------------------------------------------------------------------------


def test_columns_are_the_keys_of_all_rows(tmp_path: Path) -> None:
    early = [{"b": 1}] * 3000
    with opened(tmp_path, lines([*early, {"a": "late", "b": 2}])) as rows:
        assert rows.schema.names == rows.leaves == ["b", "a", DOCUMENT]
        assert [batch.column("a").to_pylist() for _, batch in rows.batches(["a"], 2999)] == [[None, "late"]]


def test_objects_that_are_keyed_by_ids_do_not_make_columns_without_end() -> None:
    found = survey(json.dumps({f"id{number}": 1}).encode() for number in range(3 * MAX_COLUMNS))
    assert found.rows == 3 * MAX_COLUMNS
    assert len(found.columns) == MAX_COLUMNS


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (b'"plain"', b"plain"),
        (b'""', b""),
        (b'"a\\n\\u00e9\\ud83d\\ude00\\""', 'a\né😀"'.encode()),
        (b'"\\\\ud800"', b"\\ud800"),
        (b"null", None),
        (b"1.10", b"1.10"),
        (b"true", b"true"),
        (b'{"a" : [1, "\\u00e9"]}', b'{"a" : [1, "\\u00e9"]}'),
        (b"123456789012345678901234567890", b"123456789012345678901234567890"),
    ],
)
def test_a_string_is_what_it_is_and_other_values_stay_json(value: bytes, cell: bytes | None) -> None:
    assert read_cell(value) == cell


@given(st.text())
def test_every_string_comes_as_it_is(text: str) -> None:
    for ascii_only in (True, False):
        written = json.dumps(text, ensure_ascii=ascii_only)
        assert read_cell(written.encode()) == text.encode()


@pytest.mark.parametrize("value", [b'"\\ud800"', b'"\xff"', b'"\xff\\n"'])
def test_text_that_is_no_unicode_is_refused_by_who_reads_it(tmp_path: Path, value: bytes) -> None:
    with opened(tmp_path, b'{"a": "good", "b": 1}\n{"a": ' + value + b', "b": 2}\n') as rows:
        ((_, batch),) = rows.batches(["a", "b"], 0)
    assert unreadable_rows(batch) == {}
    assert texts_of(batch.column("a").slice(0, 1)) == ["good"]
    with pytest.raises(UnicodeDecodeError):
        texts_of(batch.column("a"))
    assert texts_of(batch.column("b")) == ["1", "2"]


def test_numbers_that_are_none_and_halves_of_characters_in_keys_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, b'{"a": NaN, "b": [-Infinity, "\\ud800"], "c": "x", "\\ud800": 1, "d": null}')
    assert found == [{"a": "NaN", "b": '[-Infinity, "\\ud800"]', "c": "x", "?": "1", "d": None}]


def test_the_whole_row_is_a_column_too(tmp_path: Path) -> None:
    with opened(tmp_path, b'[{"a" : 1},\n {"b":"\\u00e9"}]', "a.json") as rows:
        ((_, batch),) = rows.batches([DOCUMENT], 0)
    assert [text.strip() for text in batch.column(0).to_pylist()] == ['{"a" : 1}', '{"b":"\\u00e9"}']


def test_rows_are_there_without_any_column(tmp_path: Path) -> None:
    with opened(tmp_path, lines(ROWS)) as rows:
        assert [batch.num_rows for _, batch in rows.batches([], 1)] == [4]


# ---- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "is no JSON object"),
        (b"7", "is no JSON object"),
        (b"null", "is no JSON object"),
        (b"NaN", "is no JSON object"),
        (b'{"a": ', "is no JSON in UTF-8: Expecting value"),
        (b"{'a': 1}", "is no JSON in UTF-8"),
        (b'{"a": 1} x', "is no JSON in UTF-8: Extra data"),
        (b'{"a": NaN, "b": "\xff"}', "is no JSON in UTF-8"),
        (b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "is nested too deep"),
    ],
    ids=str,
)
def test_a_line_that_is_no_object_is_a_row_that_says_so(tmp_path: Path, line: bytes, reason: str) -> None:
    before, fault, after = read(tmp_path, b'{"a": "1"}\n\n' + line[:500_000] + b'\n{"a": "2"}\n')
    assert (before, after) == ({"a": "1"}, {"a": "2"})
    assert str(fault).startswith(f"line 3 {reason}")


def test_an_item_that_is_no_object_is_a_row_that_says_so(tmp_path: Path) -> None:
    found = read(tmp_path, b'[{"a": "1"}, 7, {"a": nul}, {"a": "2"}]', "a.json")
    assert [str(row)[:40] for row in found] == [
        "{'a': '1'}",
        "item 1 of its array is no JSON object",
        "item 2 of its array is no JSON in UTF-8:",
        "{'a': '2'}",
    ]


def test_faults_stay_with_their_rows_in_any_slice(tmp_path: Path) -> None:
    with opened(tmp_path, b'1\n{"a": 1}\n2\n') as rows:
        ((_, batch),) = rows.batches(["a"], 0)
    assert [sorted(unreadable_rows(batch.slice(at, 2))) for at in range(3)] == [[0], [1], [0]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b'[{"a": 1}, {"a"'),
        ("a.json", b'[{"a": 1}] {"a": 1}'),
        ("a.jsonl.gz", gzip.compress(os.urandom(100_000))[:-500]),
        ("a.jsonl.zst", PACKED[".zst"](os.urandom(100_000))[:-500]),
    ],
)
def test_a_file_that_breaks_off_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(BadParquet, match=name), opened(tmp_path, content, name):
        pass


def test_a_file_that_is_gone_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(NotDownloaded), open_rows(FolderFiles(tmp_path, "acme/notes"), "a.jsonl"):
        pass


# ---- size -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, 100_000, 3 << 20, 9 << 20])
def test_batches_are_bounded_by_rows_and_bytes(tmp_path: Path, size: int) -> None:
    count = min(200, (40 << 20) // size)
    content = lines([{"a": "x" * size, "b": number} for number in range(count)])
    with opened(tmp_path, content) as rows:
        batches = [batch for _, batch in rows.batches(["a", "b"], 0)]
    assert sum(batch.num_rows for batch in batches) == count
    assert all(batch.nbytes <= BATCH_BYTES or batch.num_rows == 1 for batch in batches)
    assert all(batch.num_rows <= MAX_BATCH_ROWS for batch in batches)
    assert len(batches) <= 2 + count * max(1 / MAX_BATCH_ROWS, (size + 50) / (BATCH_BYTES - size)) or size > BATCH_BYTES


def test_any_cutting_of_the_same_text_gives_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(7)
    made = [{"a": "".join(chance.choices('"\\[]{},\né', k=50)), "b": [{"c": {}}]} for _ in range(300)]
    expected = [row["a"] for row in made]
    for name, content in (("a.jsonl", lines(made)), ("a.json", json.dumps(made).encode())):
        assert [row["a"] for row in read(tmp_path, content, name)] == expected
    monkeypatch.setattr(json_lines, "MAX_BATCH_ROWS", 7)
    assert [row["a"] for row in read(tmp_path, lines(made))] == expected
