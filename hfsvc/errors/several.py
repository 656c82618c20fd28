"""Several failures at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hfsvc.errors.root import HfsvcError


@dataclass(eq=False, kw_only=True)
class DownloadFailed(HfsvcError):
    """Several files failed; what came of the others is kept. `untried` is how many were left alone in the end."""

    repo: str
    failures: Sequence[HfsvcError] = field(default=())
    untried: int = 0

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """The highest code among the failures."""
        return max((failure.exit_code for failure in self.failures), default=1)

    @property
    def retryable(self) -> bool:  # type: ignore[override]
        """True when every failure is."""
        return bool(self.failures) and all(failure.retryable for failure in self.failures)

    def message(self) -> str:
        lines = "\n".join(f"  {failure}" for failure in self.failures)
        untried = f", {self.untried} were not tried" if self.untried else ""
        return f"{len(self.failures)} files of {self.repo} failed{untried}, the others are kept:\n{lines}"
