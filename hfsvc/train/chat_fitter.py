"""What makes trajectories fit for a trainer: a tokenizer counts the chats that they are, a limit says what is too long."""

import msgspec

from hfsvc.arguments import check_value
from hfsvc.atif import Trajectory
from hfsvc.errors import BadRow, InvalidArgument
from hfsvc.export.fit_tally import FitTally
from hfsvc.models import OnBadRow, TrajectoryRow
from hfsvc.train.chat_template import TemplateRefused
from hfsvc.train.chats import chat_of
from hfsvc.train.length_limit import Fitted, LengthLimit, TooLong, fit
from hfsvc.train.token_counts import count_tokens
from hfsvc.train.tokenizer import ChatTokenizer


class ChatFitter:
    """Makes trajectories whose chats have no more tokens than a limit.

    Args:
        tokenizer: Counts, with its chat template.
        limit: None for none.
        on_bad_row: What becomes of a row that the template does not take.

    Attributes:
        tally: Counts what became of the rows.

    Raises:
        InvalidArgument: The limit is none.
    """

    def __init__(
        self, tokenizer: ChatTokenizer, limit: LengthLimit | None = None, *, on_bad_row: OnBadRow = "raise"
    ) -> None:
        if limit:
            _check(limit)
        self._tokenizer = tokenizer
        self._limit = limit
        self._on_bad_row = on_bad_row
        self.tally = FitTally(tokenizer.name)

    def rows(self, row: TrajectoryRow) -> list[TrajectoryRow]:
        """What a row becomes: one, several where it is split, none where it is left out.

        Raises:
            BadRow: The template does not take the row.
        """
        self.tally.seen += 1
        try:
            found = self._fitted(row)
        except TemplateRefused as error:
            self.refuse(row, error)
            return []
        self._count(found)
        return [row if run is row.trajectory else msgspec.structs.replace(row, trajectory=run) for run in found.runs]

    def refuse(self, row: TrajectoryRow, error: TemplateRefused) -> None:
        """Count a row that cannot be used, or end with it.

        Raises:
            BadRow: Bad rows are not to be skipped.
        """
        if self._on_bad_row == "raise":
            raise BadRow(file=row.file, row=row.row, column=None, reason=str(error)) from None
        self.tally.refused(f"row {row.row}: {error}")

    def _fitted(self, row: TrajectoryRow) -> Fitted:
        def count(run: Trajectory) -> int:
            return count_tokens(self._tokenizer, chat_of(msgspec.structs.replace(row, trajectory=run)))

        return fit(row.trajectory, self._limit, count) if self._limit else Fitted([row.trajectory])

    def _count(self, found: Fitted) -> None:
        tally = self.tally
        if not found.runs:
            tally.left_out["length"] += 1
        elif found.cut_outputs:
            tally.changes.update(cut_rows=1, cut_outputs=found.cut_outputs)
        elif len(found.runs) > 1 or found.dropped_turns:
            tally.changes.update(split_rows=1, pieces=len(found.runs), dropped_turns=found.dropped_turns)


def _check(limit: LengthLimit) -> None:
    check_value("too_long", limit.too_long, TooLong)
    check_value("max_tokens", limit.max_tokens, int)
    if limit.max_tokens < 1:
        raise InvalidArgument(name="max_tokens", given=str(limit.max_tokens), reason="a chat has one token at least")
