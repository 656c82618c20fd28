from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hfsvc.remote.byte_cache import ByteCache
from hfsvc.remote.spans import Bytes, assembled, joined, uncovered

SIZE = 60
CONTENT = bytes(range(SIZE))
SPANS = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda each: (min(each), max(each))))


def numbers(spans: list[tuple[int, int]]) -> set[int]:
    return {number for start, stop in spans for number in range(start, stop)}


@given(SPANS, SPANS)
def test_what_is_not_covered_is_the_difference(spans: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    assert numbers(uncovered(spans, others)) == numbers(spans) - numbers(others)


@given(SPANS, st.integers(0, 10))
def test_joined_ranges_hold_all_and_lie_apart(spans: list[tuple[int, int]], gap: int) -> None:
    found = joined(spans, gap)
    assert numbers(found) >= numbers(spans)
    assert all(left[1] + gap < right[0] for left, right in pairwise(found))


@given(st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(1, 20))), SPANS, st.integers(1, 40))
def test_a_cache_gives_what_it_holds_and_holds_no_more_than_its_limit(
    puts: list[tuple[int, int]], asked: list[tuple[int, int]], limit: int
) -> None:
    cache = ByteCache(limit)
    for start, length in puts:
        cache.put("a", Bytes(start, CONTENT[start : start + length]))
    held = cache.find("a", [(0, SIZE)])
    assert sum(len(each.data) for each in held) <= limit
    for start, stop in asked:
        pieces = cache.find("a", [(start, stop)])
        if start < stop and not uncovered([(start, stop)], [(each.start, each.stop) for each in pieces]):
            assert assembled((start, stop), pieces) == CONTENT[start:stop]
    cache.forget("a")
    assert cache.find("a", [(0, SIZE)]) == []


def test_a_cache_holds_the_beginning_of_what_is_read_in_order() -> None:
    cache = ByteCache(40)
    for start in range(0, 100, 10):
        cache.put("a", Bytes(start, bytes(10)), in_order=True)
    assert sorted(each.start for each in cache.find("a", [(0, 100)])) == [0, 10, 20, 90]
