from hypothesis import given
from hypothesis import strategies as st

from hfsvc.transfer.concurrency import FIRST_STREAMS, WINDOW_S, AdaptiveLimit, StreamSlots
from tests.transfer.fakes import FakeClock


def windows(limit: AdaptiveLimit, rates: list[float], *, saturated: bool = True) -> list[int]:
    """The limit after each window of `rates` bytes a second."""
    limits = []
    for number, rate in enumerate(rates, 1):
        limit.received(int(rate * WINDOW_S), number * WINDOW_S, saturated=saturated)
        limits.append(limit.limit)
    return limits


def test_eight_streams_to_begin_with() -> None:
    assert AdaptiveLimit(16, 0).limit == FIRST_STREAMS == 8


def test_never_more_streams_than_allowed() -> None:
    assert AdaptiveLimit(3, 0).limit == 3


def test_more_streams_while_that_brings_more() -> None:
    assert windows(AdaptiveLimit(16, 0), [80e6, 100e6, 120e6]) == [10, 12, 14]


def test_no_more_streams_once_they_bring_nothing() -> None:
    assert windows(AdaptiveLimit(16, 0), [80e6, 80e6, 80e6, 81e6]) == [10, 10, 10, 10]


def test_fewer_streams_when_goodput_falls() -> None:
    assert windows(AdaptiveLimit(16, 0), [100e6, 40e6]) == [10, 9]


def test_a_window_that_did_not_use_all_streams_says_nothing() -> None:
    assert windows(AdaptiveLimit(16, 0), [80e6, 160e6, 10e6], saturated=False) == [8, 8, 8]


def test_bytes_within_a_window_are_counted_together() -> None:
    limit = AdaptiveLimit(16, 0)
    for _ in range(100):
        limit.received(1000, WINDOW_S / 2, saturated=True)
    assert limit.limit == 8


def test_a_refusal_halves_the_streams() -> None:
    limit = AdaptiveLimit(16, 0)
    limit.refused()
    limit.refused()
    assert limit.limit == 2


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**10)), max_size=50), st.integers(1, 64))
def test_there_is_always_at_least_one_stream_and_never_too_many(happenings: list[int | None], most: int) -> None:
    limit = AdaptiveLimit(most, 0)
    for number, count in enumerate(happenings, 1):
        if count is None:
            limit.refused()
        else:
            limit.received(count, number * WINDOW_S, saturated=True)
        assert 1 <= limit.limit <= most


async def test_an_extra_stream_runs_beside_the_allowed_ones_but_never_beyond_the_most() -> None:
    slots = StreamSlots(AdaptiveLimit(3, 0.0, first=2), FakeClock())
    rooms = []
    async with slots:
        rooms.append(slots.has_room)
        with slots.extra():
            rooms.append(slots.has_room)
            with slots.extra():
                rooms.append(slots.has_room)
        rooms.append(slots.has_room)
    assert rooms == [True, True, False, True]
