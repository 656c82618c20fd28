from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.transfer.journal import Extent, Header, extent_line, header_line, read_journal

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
