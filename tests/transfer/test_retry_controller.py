import pytest

from hfsvc.errors import FileNotFound, HfsvcError, HubUnavailable, RateLimited, TransferStalled
from hfsvc.metrics import Counters
from hfsvc.models import Event, RemoteFile, Retried
from hfsvc.transfer.progress import Progress
from hfsvc.transfer.retry import ATTEMPTS, Action, RetryPolicy
from hfsvc.transfer.retry_controller import Cooldown, RetryController
from tests.builders import REPO
from tests.transfer.fakes import FakeClock

FILE = RemoteFile(path="x", size=10, checksum=None)


def test_streams_that_are_refused_together_count_once() -> None:
    clock = FakeClock()
    cooldown = Cooldown(clock)
    assert cooldown.refused() == 1
    cooldown.hold(2.0)
    assert [cooldown.refused() for _ in range(5)] == [1] * 5
    clock.time += 2.0
    assert cooldown.refused() == 2


def test_progress_starts_the_count_anew() -> None:
    cooldown = Cooldown(FakeClock())
    cooldown.refused()
    cooldown.progressed()
    assert cooldown.refused() == 1


async def test_a_wait_that_is_prolonged_meanwhile_holds_for_all() -> None:
    clock = FakeClock()
    cooldown = Cooldown(clock)
    cooldown.hold(1.0)
    clock.on_sleep = lambda: cooldown.hold(3.0) if len(clock.slept) == 1 else None
    await cooldown.wait()
    assert clock.slept == [1.0, 3.0]


class Controlled:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.events: list[Event] = []
        self.silences = 0
        progress = Progress(self.events.append, Counters(), clock=self.clock)
        self.retries = RetryController(REPO, RetryPolicy(60), progress, on_silence=self._fell_silent, clock=self.clock)

    def _fell_silent(self) -> None:
        self.silences += 1

    async def retry(self, error: HubUnavailable | RateLimited, failures: int = 1) -> Action:
        now = self.clock.now()
        return await self.retries.before_retry(FILE, error, failures, idle_since=now, failing_since=now, in_ranges=True)


async def test_a_retry_waits_and_is_an_event() -> None:
    controlled = Controlled()
    assert await controlled.retry(HubUnavailable(reason="the connection broke")) is Action.CONTINUE
    (event,) = controlled.events
    assert isinstance(event, Retried)
    assert controlled.clock.slept == [event.wait_s]


async def test_a_server_that_asks_one_stream_to_wait_means_all() -> None:
    controlled = Controlled()
    await controlled.retry(RateLimited(retry_after_s=7))
    assert controlled.clock.slept == [7]
    controlled.retries.cooldown.hold(1.0)
    await controlled.retries.cooldown.wait()
    assert controlled.clock.slept == [7, 1.0]


@pytest.mark.parametrize(("status", "kind"), [(None, TransferStalled), (503, TransferStalled), (404, FileNotFound)])
async def test_a_file_that_is_given_up_says_how(status: int | None, kind: type[HfsvcError]) -> None:
    with pytest.raises(kind):
        await Controlled().retry(HubUnavailable(status=status), failures=ATTEMPTS)


@pytest.mark.parametrize("progressed", [False, True])
async def test_a_run_falls_silent_when_no_file_progressed_since_the_first_failure(progressed: bool) -> None:
    controlled = Controlled()
    failing_since = controlled.clock.now()
    controlled.clock.time += 1.0
    if progressed:
        controlled.retries.progressed()
    with pytest.raises(TransferStalled):
        await controlled.retries.before_retry(
            FILE, HubUnavailable(), ATTEMPTS, idle_since=failing_since, failing_since=failing_since
        )
    assert controlled.silences == (not progressed)
