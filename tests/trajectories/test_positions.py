"""The division of rows among readers, and how what several have left becomes one again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.trajectories.positions import Positions, joined

places = st.integers(0, 60).map(lambda rows: Positions([range(rows)]))
divisions = st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=3)


@given(whole=places, parts=st.integers(1, 9), stripe=st.booleans())
def test_parts_are_disjoint_whole_and_of_equal_size(whole: Positions, parts: int, stripe: bool) -> None:
    cut = [whole.part((index, parts), stripe=stripe) for index in range(parts)]
    assert sorted(place for part in cut for place in part) == sorted(whole)
    assert max(map(len, cut)) - min(map(len, cut)) <= 1


@given(whole=places, divisions=divisions, data=st.data())
def test_what_parts_have_left_is_joined_and_divided_anew_without_loss(
    whole: Positions, divisions: list[tuple[int, bool]], data: st.DataObject
) -> None:
    for parts, stripe in divisions:
        cut = [whole.part((index, parts), stripe=stripe) for index in range(parts)]
        left = [part.after(data.draw(st.integers(0, len(part)))) for part in cut]
        whole = joined(left)
        assert sorted(whole) == sorted(place for part in left for place in part)


def test_stripes_that_went_equally_far_are_one_stretch_again() -> None:
    whole = Positions([range(80)])
    left = [whole.part((index, 8), stripe=True).after(4) for index in range(8)]
    assert joined(left).ranges == (range(32, 80),)


@pytest.mark.parametrize("shard", [(0, 0), (-1, 2), (2, 2)])
def test_a_shard_that_is_none_is_refused(shard: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="shard"):
        Positions([range(3)]).part(shard, stripe=False)
