"""Whether and when to try again, for calls and for content alike. Pure: counts, times and jitter are arguments."""

from hfsvc.errors import HfsvcError, HubUnavailable, RateLimited

ATTEMPTS = 8
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0


def next_try_s(
    error: HfsvcError, failures: int, *, spent_s: float, patience_s: float, jitter: float, attempts: int = ATTEMPTS
) -> float | None:
    """Seconds to wait before the next try: as told, else longer with every failure in a row; None to give up.

    Args:
        error: Why the last try failed.
        failures: How often in a row it did, from 1.
        spent_s: Seconds without progress so far.
        patience_s: Seconds without progress that are borne, the wait included.
        jitter: As in `backoff_s`.
        attempts: Give up after so many failures, unless the other side told how long to wait.
    """
    if not isinstance(error, (HubUnavailable, RateLimited)):
        return None
    if failures >= attempts and not error.retry_after_s:
        return None
    wait_s = error.retry_after_s or backoff_s(failures, jitter)
    return wait_s if spent_s + wait_s <= patience_s else None


def backoff_s(attempt: int, jitter: float) -> float:
    """The wait after failed attempt number `attempt` (from 1): 0.5, 1, 2, 4, 8, 8, … s, less up to a half of it.

    `jitter` lies in [0, 1): callers that failed together do not come back together.
    """
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 10))
    return longest * (1 - jitter / 2)
