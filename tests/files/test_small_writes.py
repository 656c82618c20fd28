"""Writing in pieces: the bytes are those that were given, in whatever chunks they come."""

import os
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.files import small_writes
from hfsvc.files.small_writes import by_size, create_file

LENGTHS = st.lists(st.integers(0, 3 * small_writes.WRITE_BYTES), max_size=6)


def chunks_of(lengths: list[int]) -> list[bytes]:
    content = os.urandom(sum(lengths))
    ends = [sum(lengths[: index + 1]) for index in range(len(lengths))]
    return [content[end - length : end] for end, length in zip(ends, lengths, strict=True)]


@given(LENGTHS)
def test_groups_hold_the_same_bytes_and_none_too_many(lengths: list[int]) -> None:
    chunks = chunks_of(lengths)
    groups = list(by_size(chunks))
    assert b"".join(chain.from_iterable(groups)) == b"".join(chunks)
    assert all(sum(map(len, group)) <= small_writes.WRITE_BYTES for group in groups)


def test_small_chunks_are_written_together() -> None:
    assert [len(group) for group in by_size([b"abc"] * 100)] == [100]


@pytest.mark.parametrize(
    "lengths", [[], [0], [1, 2], [small_writes.WRITE_BYTES], [5 * small_writes.WRITE_BYTES + 7, 3, 1 << 20]]
)
def test_a_file_holds_what_was_written(tmp_path: Path, lengths: list[int]) -> None:
    chunks = chunks_of(lengths)
    (tmp_path / "file").write_bytes(b"what was there before")
    with create_file(tmp_path / "file") as file:
        counts = [file.write(chunk) for chunk in chunks]
    assert counts == lengths
    assert (tmp_path / "file").read_bytes() == b"".join(chunks)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk here is always full")
def test_a_disk_that_is_full_is_told() -> None:
    file = create_file(Path("/dev/full"))
    with pytest.raises(OSError, match="No space"):
        file.write(bytes(4 * small_writes.WRITE_BYTES))
    file.raw.close()
