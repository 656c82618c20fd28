"""When a range that lags is asked for once more: never without need, never more than so often, always inside of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.transfer.hedging import LOOK_EVERY_S, Hedge, Pace, PaceMeter, RangeState, choose_hedge, most_hedges

MB = 1_000_000
CHUNK = 8 * MB
FAST = Pace(0.03, 20 * MB)
SLOW = Pace(0.03, 1 * MB)


def on_its_way(
    start: int, came: int, pace: Pace | None, *, asked_s: float = 1.0, stop: int | None = None
) -> RangeState:
    return RangeState(start + came, start + came, start + CHUNK if stop is None else stop, asked_s, pace)


def siblings(number: int = 7, pace: Pace = FAST) -> list[RangeState]:
    return [on_its_way(CHUNK * each, 4 * MB, pace) for each in range(1, number + 1)]


def choose(ranges: list[RangeState], *, front: int | None = None, is_ending: bool = False) -> Hedge | None:
    return choose_hedge(ranges, [], front=ranges[0].written if front is None else front, is_ending=is_ending)


def test_a_slow_range_at_the_front_is_left_what_it_brings_until_another_one_is_done() -> None:
    slow = on_its_way(0, MB, SLOW)
    hedge = choose([slow, *siblings()])
    assert hedge
    assert hedge.which == 0
    left_to_it, brought = hedge.start - slow.reached, slow.stop - hedge.start
    assert left_to_it / SLOW.bytes_per_s == pytest.approx(brought / FAST.bytes_per_s, rel=0.01)


def test_a_slow_range_behind_the_front_waits_until_nothing_else_is_left_to_begin() -> None:
    ranges = [*siblings(), on_its_way(8 * CHUNK, MB, SLOW)]
    assert choose(ranges) is None
    assert choose(ranges, is_ending=True) == (7, choose([ranges[7], *siblings()]).start)  # type: ignore[union-attr]


def test_one_that_brings_nothing_is_asked_for_whole() -> None:
    assert choose([on_its_way(0, 0, None), *siblings()]) == Hedge(0, 0)
    assert choose([on_its_way(0, MB, Pace(0.03, 0.0)), *siblings()]) == Hedge(0, MB)


def test_one_that_is_not_answered_yet_is_waited_for_as_long_as_its_siblings_were() -> None:
    late = [on_its_way(CHUNK * each, 4 * MB, Pace(1.0, 20 * MB), asked_s=3) for each in range(1, 8)]
    assert choose([on_its_way(0, 0, None, asked_s=2), *late]) is None
    assert choose([on_its_way(0, 0, None, asked_s=4), *late]) == Hedge(0, 0)


def test_one_that_has_just_begun_is_not_judged() -> None:
    assert choose([on_its_way(0, 1000, SLOW, asked_s=0.2), *siblings()]) is None


def test_one_that_is_nearly_there_is_let_come() -> None:
    assert choose([on_its_way(0, CHUNK - 100_000, SLOW), *siblings()]) is None


def test_of_several_the_one_that_would_take_longest_is_hedged() -> None:
    slow = [on_its_way(0, 6 * MB, SLOW), on_its_way(9 * CHUNK, MB, SLOW)]
    hedge = choose([*slow, *siblings()], is_ending=True)
    assert hedge
    assert hedge.which == 1


def test_streams_that_ended_count_as_siblings() -> None:
    slow = on_its_way(0, MB, SLOW)
    assert choose_hedge([slow], [], front=MB, is_ending=True) is None
    assert choose_hedge([slow], [FAST], front=MB, is_ending=True) is None
    assert choose_hedge([slow], [FAST, FAST], front=MB, is_ending=True)


paces = st.builds(Pace, st.floats(0, 2), st.floats(0, 1e9))
states = st.builds(
    lambda start, came, length, asked_s, pace: RangeState(start + came, start + came, start + length, asked_s, pace),
    st.integers(0, 10**9),
    st.integers(0, 10**6),
    st.integers(10**6, 10**7),
    st.floats(0, 100),
    st.none() | paces,
)


@given(st.lists(states, max_size=8), st.lists(paces, max_size=8), st.integers(0, 10**9), st.booleans())
def test_a_hedge_lies_inside_a_range_that_would_take_three_times_as_long(
    ranges: list[RangeState], ended: list[Pace], front: int, is_ending: bool
) -> None:
    hedge = choose_hedge(ranges, ended, front=front, is_ending=is_ending)
    if hedge is None:
        return
    chosen = ranges[hedge.which]
    assert chosen.reached <= hedge.start < chosen.stop
    assert is_ending or chosen.written <= front
    others = [*(each.pace for each in ranges if each is not chosen and each.pace), *ended]
    usual = sorted(each.bytes_per_s for each in others)[(len(others) - 1) // 2 :][:2]
    own = chosen.pace.bytes_per_s if chosen.pace else 0
    assert own <= max(usual) / 3


@given(st.floats(1, 1e9), st.integers(3, 8), st.floats(0.5, 2))
def test_where_all_are_as_slow_as_each_other_nothing_is_asked_for_twice(
    bytes_per_s: float, number: int, spread: float
) -> None:
    ranges = [
        on_its_way(CHUNK * each, MB, Pace(0.05, bytes_per_s * (spread if each % 2 else 1)), asked_s=60)
        for each in range(number)
    ]
    for is_ending in (False, True):
        assert choose(ranges, front=MB, is_ending=is_ending) is None


@given(st.integers(0, 10**6))
def test_few_ranges_are_hedged(ranges: int) -> None:
    assert most_hedges(ranges) <= 2 + ranges / 8


def test_a_meter_tells_the_pace_of_the_last_second() -> None:
    meter = PaceMeter(0, 10.0)
    assert meter.pace(10.1, 0) is None
    meter.came(10.5)
    now, reached = 10.5, 0
    for _ in range(30):
        now, reached = now + LOOK_EVERY_S, reached + 100
        pace = meter.pace(now, reached)
        assert pace
        assert pace == pytest.approx((0.5, 1000))
    paces = [meter.pace(now := now + LOOK_EVERY_S, reached) for _ in range(20)]
    assert paces[-1] == Pace(0.5, 0.0)
    assert meter.whole_pace(now, reached) == pytest.approx((0.5, 600))
    assert meter.asked_s(now) == pytest.approx(now - 10)


def test_a_stream_that_takes_no_time_has_a_pace() -> None:
    meter = PaceMeter(0, 0.0)
    assert meter.whole_pace(0.0, 0) is None
    meter.came(0.0)
    whole = meter.whole_pace(0.0, MB)
    assert whole
    assert math.isfinite(whole.bytes_per_s)
