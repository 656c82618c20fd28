import anyio
import pytest

from hfsvc.transfer.cooldown import Patience


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_streams_that_are_refused_together_count_once() -> None:
    clock = Clock()
    patience = Patience(clock)
    assert patience.refused() == 1
    patience.hold(2.0)
    assert [patience.refused() for _ in range(5)] == [1] * 5
    clock.now += 2.0
    assert patience.refused() == 2


def test_progress_starts_the_count_anew() -> None:
    patience = Patience(Clock())
    patience.refused()
    patience.progressed()
    assert patience.refused() == 1


async def test_a_wait_that_is_prolonged_meanwhile_holds_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    patience = Patience(clock)
    patience.hold(1.0)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.now += seconds
        if len(waits) == 1:
            patience.hold(3.0)

    monkeypatch.setattr(anyio, "sleep", sleep)
    await patience.wait()
    assert waits == [1.0, 3.0]
