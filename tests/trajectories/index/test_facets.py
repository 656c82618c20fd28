from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.trajectories.index import facets as value_counts
from hfsvc.trajectories.index.facets import LONGEST_VALUE, MAX_NAMED, Tally, among, cut

VALUES = st.lists(st.none() | st.sampled_from(["a", "b", "c", "d", " ", ""]))


def tally(*parts: list[str | None]) -> Tally:
    made = Tally()
    for part in parts:
        made.add(pa.array(part, pa.string()))
    return made


@given(st.lists(VALUES), st.integers(-1, 5))
def test_every_row_is_counted_once(parts: list[list[str | None]], limit: int) -> None:
    found = cut(tally(*parts).result(), limit)
    given_values = [value for part in parts for value in part]
    expected = Counter(value for value in given_values if value and value.strip())
    assert len(found.values) == min(max(0, limit), len(expected))
    assert all(expected[each.value] == each.rows for each in found.values)
    assert [(-each.rows, each.value) for each in found.values] == sorted((-e.rows, e.value) for e in found.values)
    assert sum(each.rows for each in found.values) + found.others + found.without == len(given_values)


def test_more_values_than_memory_is_for_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_counts, "MAX_VALUES", 2)
    found = tally(["a", "b", "c"], ["c", "a", "d"]).result()
    assert [(each.value, each.rows) for each in found.values] == [("a", 2), ("b", 1)]
    assert found.others == 3


def test_a_very_long_value_is_not_kept() -> None:
    found = tally(["x" * (LONGEST_VALUE + 1), "x" * LONGEST_VALUE]).result()
    assert [len(each.value) for each in found.values] == [LONGEST_VALUE]
    assert found.others == 1


@given(st.lists(st.booleans(), max_size=20), st.integers(1, 7))
def test_the_rows_among_others_are_found_in_every_part(wanted: list[bool], length: int) -> None:
    rows = [number for number, each in enumerate(wanted) if each]
    column = pa.array([str(number) for number in range(len(wanted))], pa.string())
    parts = [among(column.slice(first, length), first, rows) for first in range(0, len(wanted), length)]
    assert [value for part in parts for value in part.to_pylist()] == [str(number) for number in rows]


def test_nobody_is_told_more_values_than_a_page_has() -> None:
    found = tally([str(number) for number in range(MAX_NAMED + 5)]).result()
    assert (len(found.values), found.others) == (MAX_NAMED, 5)
