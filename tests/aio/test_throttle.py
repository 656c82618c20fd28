import pytest

from hfsvc.aio.throttle import Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_a_limit_nobody_waits() -> None:
    assert Throttle(None).delay_s(10**12) == 0


def test_bytes_take_as_long_as_the_rate_says() -> None:
    assert Throttle(1000, clock=Clock()).delay_s(500) == 0.5


def test_streams_share_the_rate() -> None:
    throttle = Throttle(1000, clock=Clock())
    assert [throttle.delay_s(100) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])


def test_idle_time_is_not_saved_up() -> None:
    clock = Clock()
    throttle = Throttle(1000, clock=clock)
    clock.now += 3600
    assert throttle.delay_s(1000) == 1


def test_a_block_comes_in_pieces_of_a_tenth_of_a_second() -> None:
    block = bytes(range(256)) * 400
    pieces = [*Throttle(200_000).pieces(memoryview(block))]
    assert [len(each) for each in pieces] == [20_000] * 5 + [2_400]
    assert b"".join(pieces) == block
    assert [*Throttle(None).pieces(block)] == [block]
