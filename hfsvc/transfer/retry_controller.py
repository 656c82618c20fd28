"""What comes between two tries of a run: a wait, or the end of the file, or of all that is not begun yet."""

import random
import time
from collections.abc import Callable

import anyio

from hfsvc.errors import FileNotFound, HfsvcError, HubUnavailable, RateLimited, TransferStalled, TryLater
from hfsvc.models import RemoteFile
from hfsvc.transfer.cooldown import Patience
from hfsvc.transfer.progress import Progress
from hfsvc.transfer.retry import Action, recover

# What a server of content says for ever, to fresh addresses too, when it has none.
_GONE = frozenset({404, 410})


class Tries:
    """Decides after every failure of one run.

    Args:
        repo: The dataset's id.
        patience_s: How long a file may go without progress.
        progress: Of the run; told of every try.
        on_silence: Called when a file is given up, and no file got a byte since it began to fail.
        clock: Monotonic seconds.

    Attributes:
        patience: The wait that a server asked all streams for.
    """

    def __init__(
        self,
        repo: str,
        patience_s: float,
        progress: Progress,
        *,
        on_silence: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.patience = Patience(clock)
        self._repo = repo
        self._patience_s = patience_s
        self._progress = progress
        self._on_silence = on_silence

    async def wait_out(
        self,
        file: RemoteFile,
        error: TryLater,
        failures: int,
        *,
        idle_s: float,
        since: float,
        landed: int = 0,
        in_ranges: bool = False,
    ) -> Action:
        """Wait before the next try, and say how it goes on.

        Args:
            file: What failed.
            error: How.
            failures: How often in a row.
            idle_s: Seconds since its last progress.
            since: When it began to fail.
            landed: Bytes of it that are there.
            in_ranges: Whether it is fetched in ranges.

        Raises:
            HfsvcError: It is given up.
        """
        if isinstance(error, RateLimited):
            failures = self.patience.refused()
        action, wait_s = recover(
            error,
            failures=failures,
            idle_s=idle_s,
            patience_s=self._patience_s,
            in_ranges=in_ranges,
            jitter=random.random(),
        )
        if action is Action.GIVE_UP:
            raise self._given_up(file, error, since, landed)
        if isinstance(error, RateLimited) or error.retry_after_s:
            # One server asked one worker for patience; it means all of them.
            self.patience.hold(wait_s)
        self._progress.retried(file.path, error, failures, wait_s, action.value)
        await anyio.sleep(wait_s)
        return action

    def _given_up(self, file: RemoteFile, error: TryLater, since: float, landed: int) -> HfsvcError:
        if not isinstance(error, HubUnavailable):
            return error
        if self._progress.progressed_at <= since:
            self._on_silence()
        if error.status in _GONE:
            return FileNotFound(repo=self._repo, path=file.path, request_id=error.request_id)
        return TransferStalled(
            repo=self._repo,
            path=file.path,
            offset=landed,
            reason=error.reason,
            retry_after_s=error.retry_after_s,
            status=error.status,
            request_id=error.request_id,
        )
