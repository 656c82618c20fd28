"""Retries: whether, when and how a failed request is tried again, for calls of the Hub and streams of content.

Pure: the failure, counts, times and jitter are arguments. `STATUSES` is the one table of what a status means.
"""

from enum import Enum, Flag, auto
from typing import NamedTuple

from hfsvc.errors import HfsvcError, HubUnavailable, RangeRefused, RateLimited, TryLater

ATTEMPTS = 8
# A person at a shell should hear of a dead network within seconds.
UNREACHED_ATTEMPTS = 3
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
# So often in a row a range may find no answer, while others do, before its file gets fewer connections.
_UNANSWERED = 3


class Meaning(Flag):
    """What the status of a failed answer says about another try."""

    NOTHING = 0
    PASSING = auto()
    """The server may answer next time."""
    OVERLOADED = auto()
    """It calls itself overloaded, or broken."""
    EXPIRED = auto()
    """From a server of content: the address is refused, a new one may not be."""
    GONE = auto()
    """There is no such content; a server of content says so of an expired address too."""
    CROWDED = auto()
    """There are too many connections."""
    CROWDED_IF_REPEATED = auto()
    """The first one may only mean that the address expired."""


# A status that is not here means no Hub where the API is asked; a stream of content goes on as after a broken connection.
# Seen of the Hub, its CDN and object stores in 2026. A 403 of the CDN is an expired or altered address, or one connection
# too many.
STATUSES = {
    400: Meaning.EXPIRED,
    401: Meaning.EXPIRED,
    403: Meaning.EXPIRED | Meaning.CROWDED_IF_REPEATED,
    404: Meaning.EXPIRED | Meaning.GONE,
    408: Meaning.PASSING,
    410: Meaning.EXPIRED | Meaning.GONE,
    429: Meaning.PASSING | Meaning.CROWDED,
}


def meaning_of(status: int | None) -> Meaning:
    """What a status says about another try; None, no answer at all, says nothing."""
    if status is None:
        return Meaning.NOTHING
    return STATUSES.get(status, Meaning.PASSING | Meaning.OVERLOADED if status >= 500 else Meaning.NOTHING)


class RetryPolicy(NamedTuple):
    """How long a request is tried again.

    Attributes:
        give_up_after_s: Seconds without progress that are borne, the next wait included.
        attempts: Give up after so many failures in a row, unless the other side told how long to wait.
        unreached_attempts: The same where no connection was made.
    """

    give_up_after_s: float
    attempts: int = ATTEMPTS
    unreached_attempts: int = ATTEMPTS

    def delay(self, error: HfsvcError, failures: int, *, spent_s: float, jitter: float) -> float | None:
        """Seconds to wait before the next try: as told, else longer with every failure in a row; None to give up.

        Args:
            error: Why the last try failed.
            failures: How often in a row it did, from 1.
            spent_s: Seconds without progress so far.
            jitter: As in `retry_delay`.
        """
        if not isinstance(error, (HubUnavailable, RateLimited)):
            return None
        if failures >= self._attempts_for(error) and not error.retry_after_s:
            return None
        wait_s = error.retry_after_s or retry_delay(failures, jitter)
        return wait_s if spent_s + wait_s <= self.give_up_after_s else None

    def _attempts_for(self, error: TryLater) -> int:
        unreached = isinstance(error, HubUnavailable) and error.unreached
        return self.unreached_attempts if unreached else self.attempts


def retry_delay(attempt: int, jitter: float) -> float:
    """The wait after failed attempt number `attempt` (from 1): 0.5, 1, 2, 4, 8, 8, … s, less up to a half of it.

    `jitter` lies in [0, 1): callers that failed together do not come back together.
    """
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 10))
    return longest * (1 - jitter / 2)


class Action(Enum):
    """How a failed range goes on."""

    CONTINUE = "continue"
    RELOCATE = "relocate"
    ONE_STREAM = "one stream"
    GIVE_UP = "give up"


class Decision(NamedTuple):
    """How a failed range goes on, and the wait before it in seconds."""

    action: Action
    wait_s: float = 0.0


def decide(
    error: HfsvcError, policy: RetryPolicy, *, failures: int, idle_s: float, in_ranges: bool, jitter: float
) -> Decision:
    """How a range goes on after a failure.

    Args:
        error: What happened.
        policy: How long it is tried.
        failures: How often in a row without a byte of progress, this one included.
        idle_s: Seconds since the file's last progress.
        in_ranges: Whether the file is fetched in ranges (and not as one stream already).
        jitter: In [0, 1).
    """
    wait_s = policy.delay(error, failures, spent_s=idle_s, jitter=jitter)
    if wait_s is None or not isinstance(error, TryLater):
        return Decision(Action.GIVE_UP)
    if isinstance(error, RangeRefused) and in_ranges:
        return Decision(Action.ONE_STREAM)
    if Meaning.EXPIRED in meaning_of(error.status):
        return Decision(Action.RELOCATE, wait_s if failures > 1 else 0.0)
    return Decision(Action.CONTINUE, wait_s)


def means_too_many(error: TryLater, failures: int, *, overtaken: bool) -> bool:
    """Whether a failure looks as if the server wanted fewer connections.

    Args:
        error: What happened.
        failures: As in `decide`.
        overtaken: Whether bytes came over other connections meanwhile.
    """
    meaning = meaning_of(error.status)
    if Meaning.CROWDED in meaning:
        return True
    if Meaning.CROWDED_IF_REPEATED in meaning:
        return failures > 1
    # Servers may also refuse without a word, or call themselves overloaded.
    overloaded = error.status is None or Meaning.OVERLOADED in meaning
    return overtaken and failures >= _UNANSWERED and overloaded
