"""Which failures are worth another try, and when. Pure: attempt numbers and jitter are arguments."""

from collections.abc import Callable
from datetime import UTC, datetime

from hfsvc.backoff import backoff_s
from hfsvc.errors import HubUnavailable, RateLimited, TryLater
from hfsvc.models import OnEvent, Retried

ATTEMPTS = 5
UNREACHED_ATTEMPTS = 3

OnRetry = Callable[[TryLater, int, float], None]
"""Told of a failure that is tried again: the error, the number of the failed attempt from 1, the wait in seconds."""


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


def tell_retries(tell: OnEvent) -> OnRetry:
    """Retries of calls as events."""

    def on_retry(error: TryLater, attempt: int, wait_s: float) -> None:
        tell(Retried(path=None, reason=error.brief(), attempt=attempt, wait_s=wait_s, at=datetime.now(UTC)))

    return on_retry
