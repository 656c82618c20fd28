"""One wait for all streams of a run, where a server asks for patience: not one each."""

import time
from collections.abc import Callable

import anyio


class Patience:
    """Holds every stream back until the same moment.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = clock()
        self._refusals = 0

    def refused(self) -> int:
        """Count a refusal, and give how many waits in a row there have been, this one included.

        Streams that are refused together, or while all wait already, count once.
        """
        if self._clock() >= self._until:
            self._refusals += 1
        return self._refusals

    def hold(self, wait_s: float) -> None:
        """Let nobody go on for `wait_s` seconds."""
        self._until = max(self._until, self._clock() + wait_s)

    def progressed(self) -> None:
        """Bytes came: what was refused before counts no more."""
        self._refusals = 0

    async def wait(self) -> None:
        """Wait until everybody may go on."""
        # Others may prolong it meanwhile.
        while (left_s := self._until - self._clock()) > 0:  # noqa: ASYNC110
            await anyio.sleep(left_s)
