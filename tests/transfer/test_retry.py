import pytest

from hfsvc.backoff import ATTEMPTS, backoff_s, next_try_s
from hfsvc.errors import (
    AccessDenied,
    ChecksumMismatch,
    HfsvcError,
    HubUnavailable,
    NotAHub,
    Offline,
    RangeRefused,
    RateLimited,
)
from hfsvc.hub.retries import attempts_for
from hfsvc.transfer.retry import Action, means_too_many, recover


def decide(error: HfsvcError, failures: int = 1, idle_s: float = 0.0, in_ranges: bool = True) -> Action:
    found = recover(error, failures=failures, idle_s=idle_s, patience_s=60, in_ranges=in_ranges, jitter=0.5)
    return found.action


@pytest.mark.parametrize("status", [None, 408, 416, 500, 502, 503])
def test_a_broken_stream_goes_on_where_it_was(status: int | None) -> None:
    assert decide(HubUnavailable(status=status)) is Action.CONTINUE


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refused_address_is_asked_for_again_at_once(status: int) -> None:
    found = recover(HubUnavailable(status=status), failures=1, idle_s=0, patience_s=60, in_ranges=True, jitter=0.5)
    assert found == (Action.RELOCATE, 0.0)


def test_a_server_without_ranges_is_read_as_one_stream() -> None:
    assert decide(RangeRefused(status=200)) is Action.ONE_STREAM
    assert decide(RangeRefused(status=200), in_ranges=False) is Action.CONTINUE


@pytest.mark.parametrize(
    "error",
    [
        AccessDenied(repo="a/b"),
        NotAHub(),
        Offline(),
        ChecksumMismatch(repo="a/b", path="x", expected=None, actual=None),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_waiting_does_not_help_is_given_up(error: HfsvcError) -> None:
    assert decide(error) is Action.GIVE_UP


def test_failures_without_progress_end() -> None:
    assert decide(HubUnavailable(), failures=ATTEMPTS - 1) is Action.CONTINUE
    assert decide(HubUnavailable(), failures=ATTEMPTS) is Action.GIVE_UP


def test_patience_ends() -> None:
    assert decide(HubUnavailable(), idle_s=59) is Action.CONTINUE
    assert decide(HubUnavailable(), idle_s=60) is Action.GIVE_UP
    assert decide(RateLimited(retry_after_s=61)) is Action.GIVE_UP


def test_a_told_wait_is_kept() -> None:
    found = recover(RateLimited(retry_after_s=7), failures=1, idle_s=0, patience_s=60, in_ranges=True, jitter=0.0)
    assert found == (Action.CONTINUE, 7)


def test_waits_grow_to_a_limit_and_are_spread() -> None:
    assert [backoff_s(attempt, 0.0) for attempt in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert backoff_s(3, 0.999) > 1
    assert backoff_s(10_000, 0.0) == 8


def test_a_told_wait_counts_against_patience_alone() -> None:
    told = RateLimited(status=429, retry_after_s=1)
    assert recover(told, failures=50, idle_s=58, patience_s=60, in_ranges=True, jitter=0) == (Action.CONTINUE, 1)
    assert recover(told, failures=50, idle_s=60, patience_s=60, in_ranges=True, jitter=0).action is Action.GIVE_UP


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (HubUnavailable(status=503), 8),
        (HubUnavailable(reason="the connection broke"), 8),
        (RateLimited(status=429), 8),
        (HubUnavailable(unreached=True), 3),
        (NotAHub(status=404), 1),
    ],
    ids=str,
)
def test_calls_of_the_api_are_made_a_few_times(error: HfsvcError, attempts: int) -> None:
    most = attempts_for(error)
    waits = [next_try_s(error, tries, spent_s=0, patience_s=60, jitter=0, attempts=most) for tries in range(1, 10)]
    assert waits.index(None) == attempts - 1


@pytest.mark.parametrize(
    ("status", "failures", "overtaken", "too_many"),
    [
        (429, 1, False, True),
        (403, 1, True, False),
        (403, 2, False, True),
        (503, 3, True, True),
        (503, 3, False, False),
        (503, 2, True, False),
        (None, 3, True, True),
        (None, 3, False, False),
        (404, 7, True, False),
    ],
)
def test_fewer_connections_are_what_some_failures_ask_for(
    status: int | None, failures: int, overtaken: bool, too_many: bool
) -> None:
    error = HubUnavailable(status=status)
    assert means_too_many(error, failures, overtaken=overtaken) is too_many
