"""What makes the rows of an export fit for a trainer, and the tally of what became of them. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import msgspec

from hfsvc.errors import InvalidTokenizer
from hfsvc.models import FitRecord, LeftOut, StreamRecord, TrajectoryRow

_CHANGES = ("cut_rows", "cut_outputs", "split_rows", "pieces", "dropped_turns")


class FitTally:
    """Counts what became of rows that had to fit.

    Args:
        tokenizer: Its name, for errors.

    Attributes:
        seen: Rows that were to fit.
        left_out: Rows of which nothing is left, by the reason.
        changes: The numbers of `hfsvc.models.FitRecord`, by their names.
        refusal: What is the matter with the first row that the chat template did not take.
    """

    def __init__(self, tokenizer: str = "") -> None:
        self._tokenizer = tokenizer
        self.seen = 0
        self.left_out: Counter[LeftOut] = Counter()
        self.changes: Counter[str] = Counter()
        self.refusal: str | None = None

    def refused(self, reason: str) -> None:
        """A row was not taken by the chat template."""
        self.left_out["template"] += 1
        self.refusal = self.refusal or reason

    def so_far(self) -> "FitTally":
        """A copy, for `since`."""
        made = FitTally()
        made.left_out, made.changes = self.left_out.copy(), self.changes.copy()
        return made

    def since(self, before: "FitTally") -> "FitTally":
        """What was counted after a copy was made."""
        made = FitTally()
        made.left_out, made.changes = self.left_out - before.left_out, self.changes - before.changes
        made.refusal = self.refusal if made.left_out["template"] else None
        return made

    @property
    def lost(self) -> int:
        """Rows of which nothing is left."""
        return self.left_out.total()

    def check(self) -> None:
        """Refuse a chat template that has taken no row.

        Raises:
            InvalidTokenizer: There were rows, and it refused all of them.
        """
        if self.seen and self.left_out["template"] == self.seen:
            reason = f"of {self.seen:,} rows none can be used; of the first, {self.refusal}"
            raise InvalidTokenizer(tokenizer=self._tokenizer, reason=reason)

    def record(self) -> FitRecord:
        """What was changed."""
        return FitRecord(**{name: self.changes[name] for name in _CHANGES}, refusal=self.refusal)


class RowFitter(Protocol):
    """Makes rows fit: each becomes one row, several, or none.

    Attributes:
        tally: Counts what became of them.
    """

    tally: FitTally

    def rows(self, row: TrajectoryRow) -> Sequence[TrajectoryRow]:
        """What is written of a row."""
        ...


def fitted_record(read: StreamRecord, tally: FitTally, tried: int) -> StreamRecord:
    """The record of an export whose rows had to fit.

    Args:
        read: Of the stream that it read.
        tally: Of what it did with them.
        tried: Rows that it came to.
    """
    left_out = Counter(read.left_out) + tally.left_out
    left_out["limit"] += read.written - tried
    return msgspec.structs.replace(
        read,
        written=tried - tally.lost,
        left_out=dict(+left_out),
        fitted=tally.record(),
    )
