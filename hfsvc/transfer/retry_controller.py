"""The retry controller of one run: waits between tries, and gives files up."""

import random
from collections.abc import Callable

from hfsvc.aio.clock import MONOTONIC, Clock
from hfsvc.errors import FileNotFound, HfsvcError, HubUnavailable, RateLimited, TransferStalled, TryLater
from hfsvc.models import RemoteFile
from hfsvc.transfer.progress import Progress
from hfsvc.transfer.retry import Action, Meaning, RetryPolicy, decide, meaning_of


class Cooldown:
    """One wait for all streams of a run, where a server asks for patience: not one each."""

    def __init__(self, clock: Clock = MONOTONIC) -> None:
        self._clock = clock
        self._until = clock.now()
        self._refusals = 0

    def refused(self) -> int:
        """Count a refusal, and give how many waits in a row there have been, this one included.

        Streams that are refused together, or while all wait already, count once.
        """
        if self._clock.now() >= self._until:
            self._refusals += 1
        return self._refusals

    def hold(self, wait_s: float) -> None:
        """Let nobody go on for `wait_s` seconds."""
        self._until = max(self._until, self._clock.now() + wait_s)

    def progressed(self) -> None:
        """Bytes came: what was refused before counts no more."""
        self._refusals = 0

    async def wait(self) -> None:
        """Wait until everybody may go on."""
        # Others may prolong it meanwhile.
        while (left_s := self._until - self._clock.now()) > 0:
            await self._clock.sleep(left_s)


class RetryController:
    """Waits before each further try of one run, or raises what a file is given up with.

    Args:
        repo: The dataset's id.
        policy: How long a file may go without progress.
        progress: Of the run; told of every try.
        on_silence: Called when a file is given up, and no file got a byte since it began to fail.
        clock: Of the run.

    Attributes:
        cooldown: The wait that a server asked all streams for.
        progressed_at: When the last byte of any file came, on the clock of the run.
    """

    def __init__(
        self, repo: str, policy: RetryPolicy, progress: Progress, *, on_silence: Callable[[], None], clock: Clock
    ) -> None:
        self.cooldown = Cooldown(clock)
        self.progressed_at = clock.now()
        self._repo = repo
        self._policy = policy
        self._progress = progress
        self._on_silence = on_silence
        self._clock = clock

    def progressed(self) -> None:
        """Bytes came."""
        self.progressed_at = self._clock.now()
        self.cooldown.progressed()

    async def before_retry(
        self,
        file: RemoteFile,
        error: TryLater,
        failures: int,
        *,
        idle_since: float,
        failing_since: float,
        received: int = 0,
        in_ranges: bool = False,
    ) -> Action:
        """Wait before the next try, and say how it goes on.

        Args:
            file: What failed.
            error: How.
            failures: How often in a row.
            idle_since: When its last byte came.
            failing_since: When it began to fail.
            received: Bytes of it that are there.
            in_ranges: Whether it is fetched in ranges.

        Raises:
            HfsvcError: It is given up.
        """
        if isinstance(error, RateLimited):
            failures = self.cooldown.refused()
        idle_s = self._clock.now() - idle_since
        action, wait_s = decide(
            error, self._policy, failures=failures, idle_s=idle_s, in_ranges=in_ranges, jitter=random.random()
        )
        if action is Action.GIVE_UP:
            raise self._given_up(file, error, failing_since, received)
        if isinstance(error, RateLimited) or error.retry_after_s:
            # One server asked one worker for patience; it means all of them.
            self.cooldown.hold(wait_s)
        self._progress.retried(file.path, error, failures, wait_s, action.value)
        await self._clock.sleep(wait_s)
        return action

    def _given_up(self, file: RemoteFile, error: TryLater, since: float, received: int) -> HfsvcError:
        if not isinstance(error, HubUnavailable):
            return error
        if self.progressed_at <= since:
            self._on_silence()
        if Meaning.GONE in meaning_of(error.status):
            return FileNotFound(repo=self._repo, path=file.path, request_id=error.request_id)
        return TransferStalled(
            repo=self._repo,
            path=file.path,
            offset=received,
            reason=error.reason,
            retry_after_s=error.retry_after_s,
            status=error.status,
            request_id=error.request_id,
        )
