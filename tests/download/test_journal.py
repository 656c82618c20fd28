import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.download.journal import Extent, Header, extent_line, header_line, read_journal
from hfsvc.download.parts import (
    DiskPart,
    adopt_whole,
    journal_path,
    kept_bytes,
    open_part,
    part_name,
    part_path,
    whole_path,
)
from hfsvc.models import ByteRange

from ..builders import COMMIT, MiB, git_sha1, noise, sha256

HEADER = Header(identity="sha256-aa", size=1000)


@st.composite
def extents(draw: st.DrawFn) -> list[Extent]:
    edges = sorted(draw(st.sets(st.integers(0, 1000), min_size=2, max_size=10)))
    return [Extent(start, stop, draw(st.integers(0, 2**32 - 1))) for start, stop in pairwise(edges)]


def journal(found: list[Extent]) -> bytes:
    return header_line(HEADER) + b"".join(map(extent_line, found))


@given(extents())
def test_a_journal_gives_back_what_was_written(found: list[Extent]) -> None:
    assert read_journal(journal(found), HEADER) == found


@given(extents(), st.data())
def test_a_journal_cut_anywhere_gives_a_part_of_what_was_written(found: list[Extent], data: st.DataObject) -> None:
    content = journal(found)
    at = data.draw(st.integers(0, len(content)))
    left = read_journal(content[:at], HEADER)
    assert left == found[: len(left)]
    whole_lines = content[:at].count(b"\n") - 1
    assert len(left) >= max(0, whole_lines)


@given(extents(), st.data())
def test_a_flipped_bit_invents_nothing(found: list[Extent], data: st.DataObject) -> None:
    content = bytearray(journal(found))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    assert set(read_journal(bytes(content), HEADER)) <= set(found)


@given(extents(), st.data())
def test_lost_lines_cost_only_themselves(found: list[Extent], data: st.DataObject) -> None:
    kept = [each for each in found if data.draw(st.booleans())]
    assert read_journal(journal(kept), HEADER) == kept


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(content: bytes) -> None:
    assert read_journal(content, HEADER) == []
    assert read_journal(header_line(HEADER) + content, HEADER) == []


@pytest.mark.parametrize("other", [Header(identity="other", size=1000), Header(identity="sha256-aa", size=999)])
def test_the_journal_of_another_file_is_of_no_use(other: Header) -> None:
    assert read_journal(journal([Extent(0, 10, 1)]), other) == []


@pytest.mark.parametrize("extent", [Extent(5, 5, 0), Extent(9, 3, 0), Extent(990, 1001, 0), Extent(-5, 10, 0)])
def test_an_extent_that_lies_outside_is_left_out(extent: Extent) -> None:
    assert read_journal(journal([extent]), HEADER) == []


def test_a_later_write_takes_the_place_of_an_earlier_one() -> None:
    assert read_journal(journal([Extent(0, 10, 1), Extent(5, 15, 2)]), HEADER) == [Extent(5, 15, 2)]


# ---- parts -----------------------------------------------------------------------------------------------------------

CONTENT = noise(2 * MiB)


def nothing() -> None:
    return


def open_disk_part(folder: Path, content: bytes = CONTENT) -> DiskPart:
    part = open_part(folder, "name", len(content), sha256(content), nothing)
    assert isinstance(part, DiskPart)
    return part


def write(part: DiskPart, start: int, stop: int) -> None:
    part.landed.add(part.write(start, [CONTENT[start:stop]]))


def test_a_part_remembers_what_landed(tmp_path: Path) -> None:
    part = open_disk_part(tmp_path)
    write(part, 0, 1000)
    write(part, MiB, MiB + 5)
    part.close()
    again = open_disk_part(tmp_path)
    assert list(again.landed) == [ByteRange(start=0, stop=1000), ByteRange(start=MiB, stop=MiB + 5)]
    assert kept_bytes(tmp_path, "name", len(CONTENT)) == 1005
    again.close()


def test_data_that_did_not_survive_is_not_counted(tmp_path: Path) -> None:
    part = open_disk_part(tmp_path)
    write(part, 0, 1000)
    write(part, 1000, 2000)
    part.close()
    with part_path(tmp_path, "name").open("r+b") as file:
        file.seek(500)
        file.write(bytes(10))
    again = open_disk_part(tmp_path)
    assert list(again.landed) == [ByteRange(start=1000, stop=2000)]
    again.close()


@pytest.mark.parametrize("lost", [part_path, journal_path])
def test_a_part_without_its_other_half_begins_anew(tmp_path: Path, lost: Callable[[Path, str], Path]) -> None:
    part = open_disk_part(tmp_path)
    write(part, 0, 1000)
    part.close()
    lost(tmp_path, "name").unlink()
    again = open_disk_part(tmp_path)
    assert again.landed.total == 0
    again.close()


def test_a_part_is_verified_and_sealed(tmp_path: Path) -> None:
    part = open_disk_part(tmp_path)
    for start in (MiB, 0):
        write(part, start, start + MiB)
    assert part.verify("sha256") == sha256(CONTENT)
    whole = part.seal()
    assert whole == whole_path(tmp_path, "name")
    assert whole.read_bytes() == CONTENT
    assert [path for path in tmp_path.iterdir() if path != whole] == []


def test_a_part_may_be_verified_by_another_kind_than_it_was_opened_for(tmp_path: Path) -> None:
    part = open_disk_part(tmp_path)
    write(part, 0, 2 * MiB)
    part.advance(MiB)
    assert part.verify("git-sha1") == git_sha1(CONTENT)
    part.close()


def test_a_part_that_was_reset_has_nothing(tmp_path: Path) -> None:
    part = open_disk_part(tmp_path)
    write(part, 0, 2 * MiB)
    part.verify("sha256")
    part.reset()
    assert part.landed.total == 0
    write(part, 0, 2 * MiB)
    assert part.verify("sha256") == sha256(CONTENT)
    part.close()


def test_hashing_ahead_of_a_part_that_lost_its_end_does_not_hang(tmp_path: Path) -> None:
    part = open_disk_part(tmp_path)
    write(part, 0, 2 * MiB)
    part_path(tmp_path, "name").write_bytes(b"short")
    with pytest.raises(OSError, match="ends"):
        part.advance(2 * MiB)
    part.close()


@pytest.mark.parametrize("content", [b"", b"x", CONTENT], ids=["empty", "small", "large"])
def test_a_sealed_part_is_adopted_only_while_it_is_right(tmp_path: Path, content: bytes) -> None:
    whole_path(tmp_path, "name").write_bytes(content)
    assert adopt_whole(tmp_path, "name", sha256(content), nothing) == whole_path(tmp_path, "name")
    whole_path(tmp_path, "name").write_bytes(content + b"!")
    assert adopt_whole(tmp_path, "name", sha256(content), nothing) is None
    assert not whole_path(tmp_path, "name").exists()


def test_parts_are_named_by_content_and_else_by_place() -> None:
    assert part_name("a/b", COMMIT, "x", "sha256:00") == part_name("c/d", "f" * 40, "y", "sha256:00")
    names = {part_name(repo, commit, path, None) for repo in ("a/b", "c/d") for commit in "01" for path in "xy"}
    assert len(names) == 8
    assert all("/" not in name for name in names)


def test_the_crc_is_of_the_data_as_written(tmp_path: Path) -> None:
    part = open_disk_part(tmp_path)
    part.write(10, [CONTENT[10:20], CONTENT[20:50]])
    part.close()
    header = Header(identity="name", size=len(CONTENT))
    assert read_journal(journal_path(tmp_path, "name").read_bytes(), header) == [
        Extent(10, 50, zlib.crc32(CONTENT[10:50]))
    ]
