import pytest

from hfsvc.hub.rate_limit import Limiter, parse_rate_limit, parse_retry_after, told_wait_s


@pytest.mark.parametrize(
    ("header", "quota"),
    [
        ('"api";r=499;t=240', ("api", 499, 240)),
        ('"resolvers"; r=0; t=12', ("resolvers", 0, 12)),
        ("", None),
        (None, None),
        ("api;r=1;t=2", None),
        ('"api";r=x;t=2', None),
        ('"api";r=-1;t=2', None),
    ],
)
def test_rate_limit_headers_are_read_leniently(header: str | None, quota: tuple[str, int, int] | None) -> None:
    assert parse_rate_limit(header) == quota


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("5", 5.0),
        (" 5 ", 5.0),
        ("0.5", 0.5),
        ("1e3", None),
        ("0", 0.0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 30.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("²", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, wait_s: float | None) -> None:
    assert parse_retry_after(header, now=30.0) == wait_s


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"ratelimit": '"api";r=0;t=10', "retry-after": "3"}, 11.0),
        ({"ratelimit": '"api";r=5;t=10', "retry-after": "3"}, 3.0),
        ({"ratelimit": '"api";r=5;t=10'}, None),
        ({"retry-after": "3"}, 3.0),
        ({}, None),
    ],
)
def test_an_empty_window_counts_before_retry_after(headers: dict[str, str], wait_s: float | None) -> None:
    assert told_wait_s(headers) == wait_s


def test_an_empty_window_holds_back_until_it_ends() -> None:
    limiter = Limiter()
    limiter.observe({"ratelimit": '"api";r=0;t=10'}, now=100.0)
    assert limiter.delay_s("api", 100.0) == 11.0
    assert limiter.delay_s("api", 105.0) == 6.0
    assert limiter.delay_s("api", 111.0) == 0.0


def test_buckets_do_not_wait_for_each_other() -> None:
    limiter = Limiter()
    limiter.observe({"ratelimit": '"api";r=0;t=10'}, now=0.0)
    limiter.pause("api", 50, 0.0)
    assert limiter.delay_s("resolvers", 0.0) == 0.0


def test_requests_that_go_together_do_not_overrun_the_window() -> None:
    limiter = Limiter()
    limiter.observe({"ratelimit": '"api";r=2;t=10'}, now=0.0)
    for _ in range(2):
        assert limiter.delay_s("api", 0.0) == 0.0
        limiter.spend("api", 0.0)
    assert limiter.delay_s("api", 0.0) == 11.0


def test_answers_in_the_wrong_order_do_not_raise_the_count() -> None:
    limiter = Limiter()
    limiter.observe({"ratelimit": '"api";r=3;t=10'}, now=0.0)
    limiter.observe({"ratelimit": '"api";r=7;t=10'}, now=0.5)
    assert limiter.left("api") == 3


def test_a_new_window_counts_anew() -> None:
    limiter = Limiter()
    limiter.observe({"ratelimit": '"api";r=0;t=10'}, now=0.0)
    limiter.spend("api", 20.0)
    assert limiter.left("api") is None
    limiter.observe({"ratelimit": '"api";r=99;t=300'}, now=20.0)
    assert limiter.left("api") == 99


def test_a_pause_is_never_shortened() -> None:
    limiter = Limiter()
    limiter.pause("api", 60, now=0.0)
    limiter.pause("api", 5, now=0.0)
    assert limiter.delay_s("api", 0.0) == 60.0


def test_answers_without_limits_change_nothing() -> None:
    limiter = Limiter()
    limiter.observe({}, now=0.0)
    assert limiter.left("api") is None
    assert limiter.delay_s("api", 0.0) == 0.0
