"""The log of the servers: one record a request, and a way to wait for something to happen."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

ServerName = Literal["hub", "cdn", "storage"]
Bucket = Literal["api", "resolvers"]


@dataclass(slots=True)
class RecordedRequest:
    """A request, recorded when it came in.

    Attributes:
        path: Decoded path of the address.
        raw_target: Path and query as sent.
        headers: Names in lower case.
        range: First byte and the one after the last (None: to the end); ``(-n, None)`` for the last n bytes.
        bucket: Which rate limit of the Hub it counts in; None on the CDN.
        repo: Canonical id, where the request is about a repository that exists.
        file: Path in the repository, where the request is about a file that exists.
        status: Of the answer; 0 while there is none.
        bytes_sent: Bytes of the body handed to the socket so far.
    """

    server: ServerName
    method: str
    path: str
    raw_target: str
    headers: Mapping[str, str]
    range: tuple[int, int | None] | None
    bucket: Bucket | None = None
    repo: str | None = None
    file: str | None = None
    status: int = 0
    bytes_sent: int = 0


class Log:
    """Records in the order of arrival, readable from any thread; whoever waits is told of every change."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._records: list[RecordedRequest] = []

    @property
    def records(self) -> tuple[RecordedRequest, ...]:
        with self._changed:
            return tuple(self._records)

    def add(self, record: RecordedRequest) -> None:
        with self._changed:
            self._records.append(record)
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._records.clear()

    def notify(self) -> None:
        """Tell whoever waits that something changed."""
        with self._changed:
            self._changed.notify_all()

    def wait_until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Return when the condition holds.

        Raises:
            TimeoutError: It did not within `timeout_s`.
        """
        with self._changed:
            if not self._changed.wait_for(condition, timeout_s):
                raise TimeoutError(f"The hub did not get there within {timeout_s} s; it saw {self._summary()}")

    def _summary(self) -> str:
        return ", ".join(f"{record.server} {record.method} {record.path} → {record.status}" for record in self._records)


def matches(
    record: RecordedRequest,
    *,
    server: ServerName | None = None,
    bucket: Bucket | None = None,
    method: str | None = None,
    path: str | None = None,
    status: int | None = None,
) -> bool:
    """True when a record has all the facts given; `path` is a glob as `path_matches` reads it."""
    facts = ((server, record.server), (bucket, record.bucket), (method, record.method), (status, record.status))
    return all(wanted is None or wanted == found for wanted, found in facts) and (
        path is None or path_matches(path, record.path, record.file)
    )


def path_matches(glob: str, path: str, file: str | None) -> bool:
    """True when a glob fits the decoded path of the address, or the file's path in its repository; ``*`` crosses ``/``."""
    return fnmatchcase(path, glob) or (file is not None and fnmatchcase(file, glob))
