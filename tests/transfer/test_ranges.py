from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hfsvc.models import ByteRange
from hfsvc.transfer.ranges import RangeSet, cut

SIZE = 60
ranges = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(
    lambda ends: ByteRange(start=min(ends), stop=max(ends))
)


def covered(found: list[ByteRange]) -> set[int]:
    return {byte for each in found for byte in range(each.start, each.stop)}


@given(st.lists(ranges))
def test_landed_holds_exactly_what_was_added(added: list[ByteRange]) -> None:
    landed = RangeSet(added)
    found = list(landed)
    assert covered(found) == covered(added)
    assert landed.total == len(covered(added))
    assert all(left.stop < right.start for left, right in pairwise(found))


@given(st.lists(ranges))
def test_gaps_are_what_has_not_landed(added: list[ByteRange]) -> None:
    gaps = RangeSet(added).gaps(SIZE)
    assert covered(gaps) == set(range(SIZE)) - covered(added)
    assert all(gap.length > 0 for gap in gaps)


@given(st.lists(ranges), st.lists(ranges))
def test_what_is_taken_out_is_gone_and_nothing_else(added: list[ByteRange], out: list[ByteRange]) -> None:
    assert covered(list(RangeSet(added).without(out))) == covered(added) - covered(out)


@given(st.lists(ranges))
def test_the_prefix_ends_at_the_first_gap(added: list[ByteRange]) -> None:
    missing = set(range(SIZE + 1)) - covered(added)
    assert RangeSet(added).prefix == min(missing)


@given(st.lists(ranges), st.integers(1, 20))
def test_a_cut_covers_the_same_bytes_once_in_short_pieces(given_ranges: list[ByteRange], chunk: int) -> None:
    whole = list(RangeSet(given_ranges))
    pieces = cut(whole, chunk)
    assert sum(piece.length for piece in pieces) == sum(each.length for each in whole)
    assert covered(pieces) == covered(whole)
    assert all(0 < piece.length <= chunk for piece in pieces)
    assert pieces == sorted(pieces, key=lambda piece: piece.start)


def test_nothing_is_cut_into_nothing() -> None:
    assert cut([], 5) == []
    assert cut([ByteRange(start=3, stop=3)], 5) == []
