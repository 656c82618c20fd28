"""The wait between tries, for calls and for content alike. Pure."""

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0


def backoff_s(attempt: int, jitter: float) -> float:
    """The wait after failed attempt number `attempt` (from 1): 0.5, 1, 2, 4, 8, 8, … s, less up to a half of it.

    `jitter` lies in [0, 1): callers that failed together do not come back together.
    """
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 10))
    return longest * (1 - jitter / 2)
