"""What the token may not see."""

from dataclasses import dataclass
from typing import ClassVar

from hfsvc.errors.root import HfsvcError


@dataclass(eq=False, kw_only=True)
class NoAccess(HfsvcError):
    """The Hub refuses this caller."""

    exit_code: ClassVar[int] = 4
    repo: str
    reason: str | None = None
    status: int | None = None
    request_id: str | None = None

    def because(self) -> str:
        """The Hub's own words, where it gave any."""
        return f" (the Hub says: {self.reason})" if self.reason else ""


class AuthenticationRequired(NoAccess):
    """The token is not valid, or one is needed and none was sent."""

    def message(self) -> str:
        return f"The Hub wants a valid token for {self.repo}{self.because()}: set HF_TOKEN, or renew it."


class GatedDataset(NoAccess):
    """The dataset's owner must grant access first."""

    def message(self) -> str:
        return f"{self.repo} is gated{self.because()}: ask for access on its page, then set HF_TOKEN."


class AccessDenied(NoAccess):
    """The token is valid but may not do this, or the dataset is disabled."""

    def message(self) -> str:
        return f"The Hub denies access to {self.repo}{self.because()}: check the token's scope and the dataset's state."
