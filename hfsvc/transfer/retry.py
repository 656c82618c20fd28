"""What to do when a range fails. Pure: the failure, the count and the times are arguments."""

from enum import Enum
from typing import NamedTuple

from hfsvc.backoff import next_try_s
from hfsvc.errors import HfsvcError, RangeRefused, TryLater

# What a server of content says to an expired address, or to one connection too many.
_ADDRESS_REFUSED = frozenset({400, 401, 403, 404, 410})
# So often in a row a range may find no answer, while others do, before its file gets fewer connections.
_UNANSWERED = 3


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
    wait_s = next_try_s(error, failures, spent_s=idle_s, patience_s=patience_s, jitter=jitter)
    if wait_s is None or not isinstance(error, TryLater):
        return Recovery(Action.GIVE_UP)
    if isinstance(error, RangeRefused) and in_ranges:
        return Recovery(Action.ONE_STREAM)
    if error.status in _ADDRESS_REFUSED:
        return Recovery(Action.RELOCATE, wait_s if failures > 1 else 0.0)
    return Recovery(Action.CONTINUE, wait_s)


def means_too_many(error: TryLater, failures: int, *, overtaken: bool) -> bool:
    """Whether a failure looks as if the server wanted fewer connections.

    Args:
        error: What happened.
        failures: As in `recover`.
        overtaken: Whether bytes came over other connections meanwhile.
    """
    if error.status == 429:
        return True
    if error.status == 403:
        # The first one may only mean that the address expired.
        return failures > 1
    # Servers may also refuse without a word, or call themselves overloaded.
    return overtaken and failures >= _UNANSWERED and (error.status is None or error.status >= 500)
