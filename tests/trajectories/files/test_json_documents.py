import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pytest

from hfsvc.errors import BadDocuments
from hfsvc.trajectories.files.json_documents import BUFFER_BYTES, Document, read_documents, read_file, shape_of

LINES = b'{"a": 1}\n\n{"b": 2}\n'
OF_LINES = [Document(text=b'{"a": 1}\n', line=1), Document(text=b'{"b": 2}\n', line=3)]
PRETTY = b'\n{\n  "a": 1\n}\n'


def zstd(text: bytes) -> bytes:
    packed: bytes = pa.Codec("zstd").compress(text, asbytes=True)
    return packed


def read(text: bytes, name: str = "-") -> list[Document]:
    return list(read_documents(io.BytesIO(text), name))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("a.json", "json"),
        ("folder.jsonl/a.json.gz", "json"),
        ("a.jsonl", "lines"),
        ("a.atif.ndjson.zst", "lines"),
        ("a.gz", "unknown"),
        ("a", "unknown"),
        (".json", "unknown"),
        ("-", "unknown"),
    ],
)
def test_the_ending_says_what_a_file_holds(name: str, shape: str) -> None:
    assert shape_of(name) == shape


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "-"])
def test_one_document_a_line(name: str) -> None:
    assert read(LINES, name) == OF_LINES


def test_lines_may_end_in_any_way_and_hold_anything() -> None:
    found = read(b"[1]\r\n \t\r\nnonsense\n{}", "a.jsonl")
    assert [(each.text.strip(), each.line) for each in found] == [(b"[1]", 1), (b"nonsense", 3), (b"{}", 4)]


def test_lines_count_from_the_start_of_the_stream_when_it_starts_with_blanks() -> None:
    assert [each.line for each in read(b"\n \n" + LINES)] == [3, 5]


@pytest.mark.parametrize("name", ["a.json", "-", "a.txt"])
def test_an_array_of_documents(name: str) -> None:
    assert read(b' [{"a": 1}, {"b": 2}]\n', name) == [
        Document(text=b'{"a": 1}', index=0),
        Document(text=b' {"b": 2}', index=1),
    ]


@pytest.mark.parametrize("name", ["a.json", "-"])
@pytest.mark.parametrize("text", [PRETTY, b"", b" \n", b"nonsense", b'{"a":\n{}'])
def test_one_document_that_is_the_whole_file(name: str, text: bytes) -> None:
    assert read(text, name) == [Document(text=text)]


def test_a_json_file_is_one_document_also_where_its_first_line_is_one() -> None:
    assert read(LINES, "a.json") == [Document(text=LINES)]


def test_no_lines_no_documents() -> None:
    assert read(b"", "a.jsonl") == read(b"\n\n", "a.jsonl") == []


@pytest.mark.parametrize("compress", [gzip.compress, zstd])
@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.jsonl", "-"])
def test_compression_is_told_from_the_first_bytes(compress: Callable[[bytes], bytes], name: str) -> None:
    assert read(compress(LINES), name) == OF_LINES
    assert len(read(compress(LINES) + compress(LINES), name)) == 4


@pytest.mark.parametrize("compress", [gzip.compress, zstd])
def test_what_came_before_the_damage_is_given(compress: Callable[[bytes], bytes]) -> None:
    # More than one buffer, and nothing that would make it small.
    text = b"".join(b'{"a": "%s"}\n' % os.urandom(512).hex().encode() for _ in range(3 * BUFFER_BYTES // 1024))
    documents = read_documents(io.BytesIO(compress(text)[:-1000]), "a.jsonl.gz")
    assert next(documents).line == 1
    with pytest.raises(BadDocuments, match=r"^a\.jsonl\.gz cannot be read to its end: \w.*[^.]\.$"):
        list(documents)


def test_an_array_that_is_cut_is_damage() -> None:
    documents = read_documents(io.BytesIO(b"[{}, {"), "a.json")
    assert next(documents).index == 0
    with pytest.raises(BadDocuments, match=r"a\.json .* the array does not end"):
        next(documents)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(BadDocuments, match=r"none\.json cannot be read to its end: No such file"):
        list(read_file(tmp_path / "none.json"))


def test_progress_of_a_file_ends_at_its_size(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes((b" " * 1000 + LINES) * (3 * BUFFER_BYTES // 1000))
    told: list[int] = []
    list(read_file(file, told.append))
    assert told == sorted(set(told))
    assert len(told) > 2
    assert told[-1] == file.stat().st_size


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_documents_come_one_at_a_time(name: str) -> None:
    stream = Endless(b"{}\n" if name == "a.jsonl" else b"{},")
    documents = read_documents(cast("BinaryIO", stream), name)
    assert next(documents).text.strip() == b"{}"
    assert stream.given < 4 * BUFFER_BYTES


class Endless(io.RawIOBase):
    def __init__(self, repeated: bytes) -> None:
        self.given = 0
        self._text = repeated * 1000
        self._start = b"[" * repeated.endswith(b",")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        text = (self._start + self._text)[: len(buffer)]
        self._start = b""
        buffer[: len(text)] = text
        self.given += len(text)
        return len(text)
