"""What to do when a range fails. Pure: the failure, the count and the times are arguments."""

from enum import Enum
from typing import NamedTuple

from hfsvc.backoff import backoff_s
from hfsvc.errors import HfsvcError, HubUnavailable, RangeRefused, RateLimited, TryLater

ATTEMPTS_WITHOUT_PROGRESS = 8
# What a server of content says to an expired address, or to one connection too many.
_ADDRESS_REFUSED = frozenset({400, 401, 403, 404, 410})


class Action(Enum):
    """How a failed range goes on."""

    CONTINUE = "continue"
    RELOCATE = "relocate"
    ONE_STREAM = "one stream"
    GIVE_UP = "give up"


class Recovery(NamedTuple):
    """The decision, and the wait before it in seconds."""

    action: Action
    wait_s: float = 0.0


def recover(
    error: HfsvcError, *, failures: int, idle_s: float, patience_s: float, in_ranges: bool, jitter: float
) -> Recovery:
    """Decide after a failure.

    Args:
        error: What happened.
        failures: How often in a row without a byte of progress, this one included.
        idle_s: Seconds since the file's last progress.
        patience_s: How long a file may go without progress.
        in_ranges: Whether the file is fetched in ranges (and not as one stream already).
        jitter: In [0, 1).
    """
    if not isinstance(error, (HubUnavailable, RateLimited)):
        return Recovery(Action.GIVE_UP)
    wait_s = wait_after(error, failures, jitter)
    if failures >= ATTEMPTS_WITHOUT_PROGRESS or idle_s + wait_s > patience_s:
        return Recovery(Action.GIVE_UP)
    if isinstance(error, RangeRefused) and in_ranges:
        return Recovery(Action.ONE_STREAM)
    if error.status in _ADDRESS_REFUSED:
        return Recovery(Action.RELOCATE, wait_s if failures > 1 else 0.0)
    return Recovery(Action.CONTINUE, wait_s)


def wait_after(error: TryLater, failures: int, jitter: float) -> float:
    """Seconds to wait: as told, else longer with every failure in a row."""
    return error.retry_after_s or backoff_s(failures, jitter)
