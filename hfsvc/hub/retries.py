"""Which failures are worth another try, and when. Pure: attempt numbers and jitter are arguments."""

from collections.abc import Callable

from hfsvc.errors import HfsvcError, HubUnavailable, RateLimited

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
ATTEMPTS = 5
UNREACHED_ATTEMPTS = 3

OnRetry = Callable[[HfsvcError, int, float], None]
"""Told of a failure that is tried again: the error, the number of the failed attempt from 1, the wait in seconds."""


def backoff_s(attempt: int, jitter: float) -> float:
    """The wait after failed attempt number `attempt` (from 1): 0.5, 1, 2, 4, 8, 8, … s, less up to a half of it.

    `jitter` lies in [0, 1): callers that failed together do not come back together.
    """
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1))
    return float(longest * (1 - jitter / 2))


def api_retry_s(error: Exception, attempt: int, *, jitter: float, patience_s: float) -> float | None:
    """The wait before a call of the API is made again, in seconds; None to give up.

    Args:
        error: Why the attempt failed.
        attempt: Its number, from 1.
        jitter: As in `backoff_s`.
        patience_s: The longest wait that the caller accepts.
    """
    if not isinstance(error, (RateLimited, HubUnavailable)):
        return None
    # Without a status nobody answered: a person at a shell should hear of a dead network within seconds.
    if attempt >= (ATTEMPTS if error.status else UNREACHED_ATTEMPTS):
        return None
    wait_s = max(backoff_s(attempt, jitter), error.retry_after_s or 0.0)
    return wait_s if wait_s <= patience_s else None
