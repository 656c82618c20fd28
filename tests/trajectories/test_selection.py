"""Which rows filters keep."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hfsvc.trajectories.selection import RowSelection, SelectedRows


@given(rows=st.integers(0, 40), data=st.data())
def test_runs_are_the_wanted_rows_and_as_long_as_can_be(rows: int, data: st.DataObject) -> None:
    left_out = data.draw(st.sets(st.integers(0, max(0, rows - 1)), max_size=rows))
    first, stop = sorted(data.draw(st.tuples(st.integers(0, rows), st.integers(0, rows))))
    runs = list(RowSelection(rows, {*range(rows)} - left_out).runs(first, stop))
    assert [row for begin, end in runs for row in range(begin, end)] == sorted({*range(first, stop)} - left_out)
    assert all(before[1] < after[0] for before, after in pairwise(runs))


@given(rows=st.integers(1, 40), data=st.data())
def test_wanted_rows_keep_their_order(rows: int, data: st.DataObject) -> None:
    left_out = data.draw(st.sets(st.integers(0, rows - 1)))
    asked = data.draw(st.lists(st.integers(0, rows - 1)))
    assert list(RowSelection(rows, {*range(rows)} - left_out).among(asked)) == [
        row for row in asked if row not in left_out
    ]


def test_without_a_filter_a_batch_is_one_run_cut_to_what_is_wanted() -> None:
    wanted = SelectedRows(5, 12, None)
    assert [*wanted.runs(0, 8)] == [(5, 8)]
    assert [*wanted.runs(8, 64)] == [(8, 12)]
    assert [*wanted.runs(12, 20)] == []
    assert [*wanted.runs(0, 5)] == []


def test_with_a_filter_both_hold() -> None:
    assert [*SelectedRows(5, 12, RowSelection(20, {*range(20)} - {6, 11, 12})).runs(0, 20)] == [(5, 6), (7, 11)]
