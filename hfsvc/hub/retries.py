"""How often a call of the API is made again, and who is told."""

from collections.abc import Callable
from datetime import UTC, datetime

from hfsvc.backoff import ATTEMPTS
from hfsvc.errors import HubUnavailable, TryLater
from hfsvc.models import OnEvent, Retried

UNREACHED_ATTEMPTS = 3

OnRetry = Callable[[TryLater, int, float], None]
"""Told of a failure that is tried again: the error, the number of the failed attempt from 1, the wait in seconds."""


def attempts_for(error: Exception) -> int:
    """How often a call that fails so is made. A person at a shell should hear of a dead network within seconds."""
    return UNREACHED_ATTEMPTS if isinstance(error, HubUnavailable) and error.unreached else ATTEMPTS


def tell_retries(tell: OnEvent) -> OnRetry:
    """Retries of calls as events."""

    def on_retry(error: TryLater, attempt: int, wait_s: float) -> None:
        tell(Retried(path=None, reason=error.brief(), attempt=attempt, wait_s=wait_s, at=datetime.now(UTC)))

    return on_retry
