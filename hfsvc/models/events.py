"""Events: what a download, or a verification, tells its caller on the way, one struct for each kind."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from hfsvc.models.base import Model
from hfsvc.models.datasets import DownloadedDataset
from hfsvc.models.plans import DownloadPlan


class Planned(Model, frozen=True, kw_only=True, tag_field="event", tag="planned"):
    """The plan is made; the transfer begins."""

    plan: DownloadPlan


class FileStarted(Model, frozen=True, kw_only=True, tag_field="event", tag="fileStarted"):
    """A file's transfer begins, at `kept_bytes` of `size`; `copied_bytes` come from a version of it on disk."""

    path: str
    size: int
    kept_bytes: int
    copied_bytes: int = 0


class BytesReceived(Model, frozen=True, kw_only=True, tag_field="event", tag="bytesReceived"):
    """Progress over all files: bytes that need not be fetched any more, of all that were to fetch or kept.

    Told at most ten times a second.
    """

    received: int
    total: int


class Retried(Model, frozen=True, kw_only=True, tag_field="event", tag="retried"):
    """Something failed and is tried again after `wait_s` seconds. `path` is None for calls of the API."""

    path: str | None
    reason: str
    attempt: int
    wait_s: float
    at: datetime


class FileVerified(Model, frozen=True, kw_only=True, tag_field="event", tag="fileVerified"):
    """A file is complete and its hash is right."""

    path: str
    size: int
    checksum: str


class BytesHashed(Model, frozen=True, kw_only=True, tag_field="event", tag="bytesHashed"):
    """Progress of a verification over all recorded files, in bytes. Told at most ten times a second, and in the end."""

    hashed: int
    total: int


class Finished(Model, frozen=True, kw_only=True, tag_field="event", tag="finished"):
    """The dataset is recorded."""

    dataset: DownloadedDataset


Event = Planned | FileStarted | BytesReceived | Retried | FileVerified | BytesHashed | Finished
OnEvent = Callable[[Event], Awaitable[None] | None]
"""A listener; what it returns is awaited, where it is asynchronous."""
