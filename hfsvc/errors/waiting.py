"""What stands in the way to the Hub, and may go by."""

from dataclasses import dataclass
from typing import ClassVar

from hfsvc.errors.root import HfsvcError


@dataclass(eq=False, kw_only=True)
class TryLater(HfsvcError):
    """Nothing is wrong with the request; the way to the Hub is.

    `retry_after_s` is how long the other side asks to wait, in seconds, where it said so.
    """

    exit_code: ClassVar[int] = 5
    retryable: ClassVar[bool] = True
    retry_after_s: float | None = None
    url: str | None = None
    status: int | None = None
    request_id: str | None = None

    def at(self) -> str:
        """Where it happened, never with a query."""
        return f" ({self.url})" if self.url else ""

    def brief(self) -> str:
        """The cause in a few words, for a line about a retry."""
        return self.message()


class RateLimited(TryLater):
    """The Hub's quota for this caller is used up, and waiting would take longer than allowed."""

    def brief(self) -> str:
        return "it asks for patience"

    def message(self) -> str:
        wait = f"try again in {self.retry_after_s:.0f} s" if self.retry_after_s else "try again in some minutes"
        return f"The Hub limits the rate of requests{self.at()}: {wait}, or set HF_TOKEN for a larger quota."


@dataclass(eq=False, kw_only=True)
class HubUnavailable(TryLater):
    """No usable answer: connection refused or lost, a proxy's error, a server error that stayed.

    `stalled` is true where the connection stood, but nothing came over it in time; `unreached` where none came about.
    """

    reason: str = "no answer"
    stalled: bool = False
    unreached: bool = False

    def brief(self) -> str:
        return self.reason

    def message(self) -> str:
        return f"The Hub cannot be reached{self.at()}: {self.reason}. Check the network, then try again."


class RangeRefused(HubUnavailable):
    """A server of content answered a range request with something else than that range."""


@dataclass(eq=False, kw_only=True)
class NotAHub(TryLater):
    """Something answers at the endpoint, but not as the Hub does (a captive portal, a wrong endpoint)."""

    reason: str = "its answer is not the Hub's"

    def message(self) -> str:
        return f"What answers{self.at()} is no Hugging Face Hub: {self.reason}. Check HF_ENDPOINT and the network."


@dataclass(eq=False, kw_only=True)
class TransferStalled(TryLater):
    """A file's content stopped coming, and trying again brought nothing more."""

    repo: str
    path: str
    offset: int
    reason: str = "no byte arrived"

    def message(self) -> str:
        when = f" in {self.retry_after_s:.0f} s" if self.retry_after_s else ""
        stopped = f"{self.path} of {self.repo} stopped at byte {self.offset}: {self.reason}."
        return f"{stopped} Run again{when} to go on from there."


@dataclass(eq=False, kw_only=True)
class Offline(TryLater):
    """A request was needed, but `HF_HUB_OFFLINE` forbids it."""

    wanted: str = "the Hub"

    def message(self) -> str:
        return f"Offline mode is on, and {self.wanted} is needed: unset HF_HUB_OFFLINE to allow it."
