"""Codes that let one browser in once, in place of the token: an address stands in histories and lists of processes."""

import hmac
import secrets
import time
from collections.abc import Callable

VALID_S = 300.0


class OneTimeCodes:
    """Makes codes, and takes each back once.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def issue(self) -> str:
        """A new code, good for five minutes."""
        code = secrets.token_urlsafe(24)
        self._until[code] = self._clock() + VALID_S
        return code

    def redeem(self, code: str) -> bool:
        """Whether a code is good; from then on it is not."""
        found = [each for each in self._until if hmac.compare_digest(each.encode(), code.encode())]
        return any(self._until.pop(each) > self._clock() for each in found)
