"""Rules that say which requests a fault befalls, apart from what the fault does to them."""

from dataclasses import dataclass, field
from typing import Protocol

from hfsvc.testing.localhub.http_messages import Request, Response
from hfsvc.testing.localhub.records import RecordedRequest, ServerName, path_matches
from hfsvc.testing.localhub.repos import StoredFile


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as a fault sees it, with the file that it is about.

    Attributes:
        file: The file that the request is about, where it exists.
        commit: The commit it is read at, on the Hub.
        active: Requests for the same address under way, this one included.
        connection: The number of the connection that it came over, from 1 for the first that the server accepted.
    """

    request: Request
    record: RecordedRequest
    file: StoredFile | None = None
    commit: str | None = None
    active: int = 1
    connection: int = 1


class Fault(Protocol):
    """Something that goes wrong. Faults that fit the same request are applied one after the other."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        """The answer to send instead of `response`."""
        ...


@dataclass
class FaultRule:
    """A fault and the requests it befalls.

    Attributes:
        path: Glob on the decoded path of the address or on the file's path in its repository; ``*`` crosses ``/``.
        skip: Requests that fit and are let through first.
        times: How often it happens; None is always.
        covering: Only requests whose range (or whole file) holds this byte.
        fired: How often it has happened.
    """

    fault: Fault
    server: ServerName | None = None
    path: str = "*"
    method: str | None = None
    times: int | None = None
    skip: int = 0
    covering: int | None = None
    fired: int = 0
    _seen: int = field(default=0, init=False)

    def fires(self, record: RecordedRequest) -> bool:
        """Count the request; True when the fault is to happen to it."""
        if not self._fits(record) or (self.times is not None and self.fired >= self.times):
            return False
        self._seen += 1
        if self._seen <= self.skip:
            return False
        self.fired += 1
        return True

    def _fits(self, record: RecordedRequest) -> bool:
        return (
            self.server in {None, record.server}
            and self.method in {None, record.method}
            and path_matches(self.path, record.path, record.file)
            and (self.covering is None or _covers(record.range, self.covering))
        )


def _covers(asked: tuple[int, int | None] | None, at: int) -> bool:
    if asked is None:
        return True
    start, stop = asked
    return start <= at and (stop is None or at < stop)
