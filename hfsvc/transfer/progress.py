"""Progress of a transfer as events and metrics. It observes and decides nothing."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from anyio import from_thread

from hfsvc.aio.clock import MONOTONIC, Clock
from hfsvc.errors import TryLater
from hfsvc.files.checksum import BLOCK_BYTES
from hfsvc.metrics import MetricsRecorder, count_retry
from hfsvc.models import BytesHashed, BytesReceived, Event, FileStarted, FileVerified, OnEvent, RemoteFile, Retried

logger = logging.getLogger(__name__)
BYTES_EVENT_EVERY_S = 0.1
OnRetry = Callable[[TryLater, int, float], None]
"""Told of a failure that is tried again: the error, the number of the failed attempt from 1, the wait in seconds."""


def retry_events(on_event: OnEvent) -> OnRetry:
    """A listener of retried calls that makes events of them."""

    def on_retry(error: TryLater, attempt: int, wait_s: float) -> None:
        on_event(Retried(path=None, reason=error.brief(), attempt=attempt, wait_s=wait_s, at=datetime.now(UTC)))

    return on_retry


class HashProgress:
    """Observes a verification, whose files are read in worker threads: events to its caller on the event loop.

    Args:
        on_event: The caller's listener.
        total: Bytes of all files.
        clock: Of the run.
    """

    def __init__(self, on_event: OnEvent, total: int, *, clock: Clock = MONOTONIC) -> None:
        self._on_event = on_event
        self._total = total
        self._clock = clock
        self._blocks = 0
        self._told_at = 0.0

    def block(self) -> None:
        """A block is read. For a worker thread of `anyio`."""
        self._blocks += 1
        if self._clock.now() - self._told_at >= BYTES_EVENT_EVERY_S:
            self._told_at = self._clock.now()
            hashed = min(self._blocks * BLOCK_BYTES, self._total)
            from_thread.run_sync(self._on_event, BytesHashed(hashed=hashed, total=self._total))

    def done(self) -> None:
        """All of it is. For the event loop."""
        self._on_event(BytesHashed(hashed=self._total, total=self._total))


class ListenerFailed(Exception):
    """Carries what the caller's `on_event` raised to the end of the run.

    Wrapped, so that it is not taken for a failure of a file: a closed pipe is no full disk.
    """

    def __init__(self, error: Exception) -> None:
        self.error = error


class Progress:
    """Observes one run: events to its caller, counts to the metrics.

    Args:
        on_event: The caller's listener, called on the event loop.
        metrics: Told of bytes, files and retries.
        clock: Of the run.
    """

    def __init__(self, on_event: OnEvent, metrics: MetricsRecorder, *, clock: Clock = MONOTONIC) -> None:
        self._on_event = on_event
        self._metrics = metrics
        self._clock = clock
        self._received = 0
        self._total = 0
        self._bytes_event_at = 0.0

    def began(self, files: Sequence[RemoteFile]) -> None:
        """The run is about these files."""
        self._total = sum(file.size for file in files)

    def started(self, file: RemoteFile, kept: int, copied: int = 0) -> None:
        """A file's transfer begins, `kept` bytes of it being here, and `copied` ones in another file."""
        self._received += kept
        self._metrics.add("bytes_reused", kept)
        self._emit(FileStarted(path=file.path, size=file.size, kept_bytes=kept, copied_bytes=copied))

    def received(self, count: int) -> None:
        """Bytes came in."""
        self._metrics.add("bytes_received", count)
        self._came(count)

    def copied(self, count: int) -> None:
        """Bytes were copied from another file."""
        self._metrics.add("bytes_copied", count)
        self._came(count)

    def _came(self, count: int) -> None:
        self._received += count
        if self._clock.now() - self._bytes_event_at >= BYTES_EVENT_EVERY_S:
            self.emit_bytes()

    def lost(self, count: int) -> None:
        """Bytes that came turned out wrong."""
        self._received -= count

    def retried(self, path: str, error: TryLater, attempt: int, wait_s: float, what: str) -> None:
        """Something failed and goes on."""
        reason = error.brief()
        count_retry(self._metrics, error)
        logger.debug("%s: %s (request %s), try %d, %s in %.1f s", path, reason, error.request_id, attempt, what, wait_s)
        self._emit(Retried(path=path, reason=reason, attempt=attempt, wait_s=wait_s, at=datetime.now(UTC)))

    def hedged(self) -> None:
        """The rest of a range that lags is asked for once more."""
        self._metrics.add("hedges")

    def fetched_again(self, path: str) -> None:
        """A file's content was wrong and is fetched once more."""
        self._metrics.add("retries")
        reason = "its content was not what the Hub lists"
        self._emit(Retried(path=path, reason=reason, attempt=1, wait_s=0.0, at=datetime.now(UTC)))

    def verified(self, file: RemoteFile) -> None:
        """A file is complete and in place."""
        self._metrics.add("files_verified")
        self._emit(FileVerified(path=file.path, size=file.size, checksum=file.checksum or ""))

    def emit_bytes(self) -> None:
        """Emit the bytes so far, now."""
        self._bytes_event_at = self._clock.now()
        if self._total:
            self._emit(BytesReceived(received=min(self._received, self._total), total=self._total))

    def _emit(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception as error:
            raise ListenerFailed(error) from None
