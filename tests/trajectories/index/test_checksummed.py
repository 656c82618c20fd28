"""Files that notice when they have changed."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.trajectories.index import checksummed
from hfsvc.trajectories.index.checksummed import PAGE_BYTES, ChecksumFailed, ChecksummedFile, append_checksums

SIZES = [0, 1, PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 1, 3 * PAGE_BYTES + 5]


def checksummed_file(folder: Path, content: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content)
    append_checksums(path)
    return path


@pytest.mark.parametrize("size", SIZES)
def test_it_gives_what_was_written(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    with ChecksummedFile(checksummed_file(tmp_path, content)) as file:
        assert file.read() == content
        assert file.read(1) == b""


@given(content=st.binary(max_size=40), steps=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30))))
def test_it_reads_and_seeks_as_a_file_does(content: bytes, steps: list[tuple[int, int]]) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(checksummed, "PAGE_BYTES", 7)
        with ChecksummedFile(checksummed_file(Path(folder), content)) as file:
            for place, size in steps:
                assert file.seek(place) == file.tell() == place
                assert file.read(size) == content[place : place + size]
            assert file.seek(0, os.SEEK_END) == len(content)


@given(content=st.binary(max_size=40), data=st.data())
def test_no_bit_of_it_may_change_and_no_byte_be_missing(content: bytes, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(checksummed, "PAGE_BYTES", 7)
        path = checksummed_file(Path(folder), content)
        written = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(written) - 1))
        if data.draw(st.booleans()):
            written[place] ^= 1 << data.draw(st.integers(0, 7))
            path.write_bytes(written)
        else:
            path.write_bytes(written[:place])
        with pytest.raises(ChecksumFailed), ChecksummedFile(path) as file:
            file.read()


def test_a_file_that_was_never_given_checksums_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"ARROW1" * 100)
    with pytest.raises(ChecksumFailed):
        ChecksummedFile(path)
