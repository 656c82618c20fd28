"""Metrics of transfers: what is counted, who takes it, and the counters that do unless others are put in."""

from collections import Counter
from typing import Literal, Protocol

from hfsvc.errors import HubUnavailable, TryLater

MetricName = Literal[
    "bytes_copied",
    "bytes_received",
    "bytes_reused",
    "files_verified",
    "hedges",
    "hub_requests",
    "requests",
    "retries",
    "stalls",
    "wait_seconds",
]
"""Everything that is counted. All only grow; bytes are bytes, `wait_seconds` are waits that rate limits asked for."""


class MetricsRecorder(Protocol):
    """Takes counts as they happen, on the event loop: it must not block."""

    def add(self, name: MetricName, value: float = 1) -> None:
        """Count `value` more of `name`."""
        ...


def count_retry(metrics: MetricsRecorder, error: TryLater) -> None:
    """Count that something failed and is tried again."""
    metrics.add("retries")
    if isinstance(error, HubUnavailable) and error.stalled:
        metrics.add("stalls")


class SharedCounts:
    """`MetricsRecorder` that hands on to several.

    Args:
        recorders: Take what is counted.
    """

    def __init__(self, *recorders: MetricsRecorder) -> None:
        self._recorders = recorders

    def add(self, name: MetricName, value: float = 1) -> None:
        for each in self._recorders:
            each.add(name, value)


class Counters:
    """`MetricsRecorder` that keeps totals.

    Attributes:
        totals: What was counted so far; names that never were are 0.
    """

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()

    def add(self, name: MetricName, value: float = 1) -> None:
        self.totals[name] += value  # type: ignore[assignment]  # seconds are fractions; Counter adds them all the same
