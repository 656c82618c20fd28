"""What a run tells while it goes: events to its caller, counts to the metrics, goodput to the pace."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from hfsvc.errors import TryLater
from hfsvc.metrics import Metrics, count_retry
from hfsvc.models import BytesReceived, Event, FileStarted, FileVerified, OnEvent, RemoteFile, Retried
from hfsvc.transfer.concurrency import Pace

logger = logging.getLogger(__name__)
TELL_EVERY_S = 0.1


class ListenerFailed(Exception):
    """Carries what the caller's `on_event` raised to the end of the run.

    Wrapped, so that it is not taken for a failure of a file: a closed pipe is no full disk.
    """

    def __init__(self, error: Exception) -> None:
        self.error = error


class Progress:
    """Progress of one run over `files`.

    Attributes:
        pace: How many streams at once; learns from what lands.
        progressed_at: When the last byte of any file landed, on the clock of the run.
    """

    def __init__(
        self,
        files: Sequence[RemoteFile],
        pace: Pace,
        *,
        on_event: OnEvent,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pace = pace
        self.progressed_at = clock()
        self._on_event = on_event
        self._metrics = metrics
        self._clock = clock
        self._received = 0
        self._total = sum(file.size for file in files)
        self._told_at = 0.0

    def started(self, file: RemoteFile, kept: int) -> None:
        """A file's transfer begins, `kept` bytes of it being here."""
        self._received += kept
        self._metrics.add("bytes_reused", kept)
        self._tell(FileStarted(path=file.path, size=file.size, kept_bytes=kept))

    def landed(self, count: int, *, saturated: bool) -> None:
        """Bytes came in."""
        self._received += count
        self._metrics.add("bytes_received", count)
        self.progressed_at = self._clock()
        self.pace.landed(count, self.progressed_at, saturated=saturated)
        if self.progressed_at - self._told_at >= TELL_EVERY_S:
            self.tell_bytes()

    def lost(self, count: int) -> None:
        """Bytes that came turned out wrong."""
        self._received -= count

    def retried(self, path: str, error: TryLater, attempt: int, wait_s: float, what: str) -> None:
        """Something failed and goes on."""
        reason = error.brief()
        count_retry(self._metrics, error)
        logger.debug("%s: %s (request %s), try %d, %s in %.1f s", path, reason, error.request_id, attempt, what, wait_s)
        self._tell(Retried(path=path, reason=reason, attempt=attempt, wait_s=wait_s, at=datetime.now(UTC)))

    def fetched_again(self, path: str) -> None:
        """A file's content was wrong and is fetched once more."""
        self._metrics.add("retries")
        reason = "its content was not what the Hub lists"
        self._tell(Retried(path=path, reason=reason, attempt=1, wait_s=0.0, at=datetime.now(UTC)))

    def verified(self, file: RemoteFile) -> None:
        """A file is complete and in place."""
        self._metrics.add("files_verified")
        self._tell(FileVerified(path=file.path, size=file.size, checksum=file.checksum or ""))

    def tell_bytes(self) -> None:
        """Tell the bytes now."""
        self._told_at = self._clock()
        if self._total:
            self._tell(BytesReceived(received=min(self._received, self._total), total=self._total))

    def _tell(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception as error:
            raise ListenerFailed(error) from None
