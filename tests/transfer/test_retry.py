import pytest

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
from hfsvc.hub.errors import ErrorResponse, error_from_content_server, error_from_server
from hfsvc.transfer.retry import (
    ATTEMPTS,
    STATUSES,
    UNREACHED_ATTEMPTS,
    Action,
    Decision,
    Meaning,
    RetryPolicy,
    decide,
    means_too_many,
    retry_delay,
)

POLICY = RetryPolicy(60)


def decision(
    error: HfsvcError, failures: int = 1, idle_s: float = 0.0, in_ranges: bool = True, jitter: float = 0.5
) -> Decision:
    return decide(error, POLICY, failures=failures, idle_s=idle_s, in_ranges=in_ranges, jitter=jitter)


def action(error: HfsvcError, failures: int = 1, idle_s: float = 0.0, in_ranges: bool = True) -> Action:
    return decision(error, failures, idle_s, in_ranges).action


@pytest.mark.parametrize("status", [None, 408, 416, 500, 502, 503])
def test_a_broken_stream_goes_on_where_it_was(status: int | None) -> None:
    assert action(HubUnavailable(status=status)) is Action.CONTINUE


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refused_address_is_asked_for_again_at_once(status: int) -> None:
    assert decision(HubUnavailable(status=status)) == (Action.RELOCATE, 0.0)
    assert decision(HubUnavailable(status=status), failures=2).wait_s > 0


def test_a_server_that_ignores_ranges_is_read_as_one_stream() -> None:
    assert action(RangeRefused(status=200)) is Action.ONE_STREAM
    assert action(RangeRefused(status=200), in_ranges=False) is Action.CONTINUE


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
    assert action(error) is Action.GIVE_UP


def test_failures_without_progress_end() -> None:
    assert action(HubUnavailable(), failures=ATTEMPTS - 1) is Action.CONTINUE
    assert action(HubUnavailable(), failures=ATTEMPTS) is Action.GIVE_UP


def test_a_file_without_progress_for_too_long_is_given_up() -> None:
    assert action(HubUnavailable(), idle_s=59) is Action.CONTINUE
    assert action(HubUnavailable(), idle_s=60) is Action.GIVE_UP
    assert action(RateLimited(retry_after_s=61)) is Action.GIVE_UP


def test_a_told_wait_is_kept() -> None:
    assert decision(RateLimited(retry_after_s=7), jitter=0.0) == (Action.CONTINUE, 7)


def test_waits_grow_to_a_limit_and_are_spread() -> None:
    assert [retry_delay(attempt, 0.0) for attempt in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert retry_delay(3, 0.999) > 1
    assert retry_delay(10_000, 0.0) == 8


def test_a_told_wait_counts_against_the_time_alone() -> None:
    told = RateLimited(status=429, retry_after_s=1)
    assert decision(told, failures=50, idle_s=58) == (Action.CONTINUE, 1)
    assert action(told, failures=50, idle_s=60) is Action.GIVE_UP


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
    policy = RetryPolicy(60, unreached_attempts=UNREACHED_ATTEMPTS)
    waits = [policy.delay(error, tries, spent_s=0, jitter=0) for tries in range(1, 10)]
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


@pytest.mark.parametrize("status", [425, 429, 503])
def test_the_table_alone_says_what_a_status_of_the_hub_means(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    response = ErrorResponse("https://hub.test/api", status, {})
    monkeypatch.setitem(STATUSES, status, Meaning.PASSING)
    assert isinstance(error_from_server(response), HubUnavailable)
    monkeypatch.setitem(STATUSES, status, Meaning.PASSING | Meaning.CROWDED)
    assert isinstance(error_from_server(response), RateLimited)
    assert isinstance(error_from_content_server(response), RateLimited)
    monkeypatch.setitem(STATUSES, status, Meaning.NOTHING)
    assert isinstance(error_from_server(response), NotAHub)
