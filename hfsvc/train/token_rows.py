"""The rows of the format ``tokens``: chats in tokens with their loss masks, made to fit, and what was left out."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from hfsvc.errors import BadRow
from hfsvc.export.columns import batch_of
from hfsvc.models import OnBadRow, TrajectoryRow
from hfsvc.train.chat_template import TemplateRefused
from hfsvc.train.chats import Chat, chat_of, for_template
from hfsvc.train.length_limit import Fitted, LengthLimit, fit
from hfsvc.train.loss_mask import AGENT_PARTS, LossPart, masked_chat
from hfsvc.train.token_counts import count_tokens
from hfsvc.train.tokenizer import ChatTokenizer

SCHEMA = pa.schema({
    "input_ids": pa.list_(pa.int32()),
    "loss_mask": pa.list_(pa.int8()),
    "length": pa.int32(),
})


class ChatFitter:
    """Makes chats of trajectories, of no more tokens than a limit.

    Args:
        tokenizer: Counts, with its chat template.
        limit: None for none.
        on_bad_row: What becomes of a row that the template does not take.

    Attributes:
        left_out: Rows by the reason: ``length``, ``bad``.
        cut_outputs: Tool outputs of which the middle was left out.
        dropped_turns: Turns that fit into no chat.
    """

    def __init__(
        self, tokenizer: ChatTokenizer, limit: LengthLimit | None = None, *, on_bad_row: OnBadRow = "raise"
    ) -> None:
        self._tokenizer = tokenizer
        self._limit = limit
        self._on_bad_row = on_bad_row
        self.left_out: Counter[str] = Counter()
        self.cut_outputs = 0
        self.dropped_turns = 0

    def chats(self, row: TrajectoryRow) -> list[Chat]:
        """The chats that a row becomes: one, several where it is split, none where it is left out.

        Raises:
            BadRow: The template does not take the row.
        """
        try:
            found = self._fitted(chat_of(row))
        except TemplateRefused as error:
            self.refuse(row, error)
            return []
        if not found.chats:
            self.left_out["length"] += 1
        self.cut_outputs += found.cut_outputs
        self.dropped_turns += found.dropped_turns
        return found.chats

    def refuse(self, row: TrajectoryRow, error: TemplateRefused) -> None:
        """Count a row that cannot be used, or end with it.

        Raises:
            BadRow: Bad rows are not to be skipped.
        """
        if self._on_bad_row == "raise":
            raise BadRow(file=row.file, row=row.row, column=None, reason=str(error)) from None
        self.left_out["bad"] += 1

    def _fitted(self, chat: Chat) -> Fitted:
        return fit(chat, self._limit, partial(count_tokens, self._tokenizer)) if self._limit else Fitted([chat])


class TokenTable:
    """Makes the table of an export in the format ``tokens``.

    Args:
        tokenizer: With its chat template.
        fitter: Makes the chats.
        parts: What counts for the loss.
        kept_fields: Further columns.
        kept: Gives their values for a row, by name.

    Attributes:
        schema: ``input_ids``, ``loss_mask`` (1 where a token counts for the loss), ``length``, and the kept columns.
    """

    def __init__(
        self,
        tokenizer: ChatTokenizer,
        fitter: ChatFitter,
        *,
        parts: frozenset[LossPart] = AGENT_PARTS,
        kept_fields: Sequence[pa.Field] = (),
        kept: Callable[[TrajectoryRow], Mapping[str, Any]] = lambda _: {},
    ) -> None:
        self._tokenizer = tokenizer
        self._fitter = fitter
        self._parts = parts
        self._kept = kept
        self.schema = pa.schema([*SCHEMA, *kept_fields])

    def batch(self, rows: Sequence[TrajectoryRow]) -> pa.RecordBatch:
        """What rows become, as a batch of `schema`.

        Raises:
            BadRow: The template does not take one.
        """
        return batch_of([each for row in rows for each in self.rows(row)], self.schema)

    def rows(self, row: TrajectoryRow) -> list[dict[str, Any]]:
        """The rows of the table that one row becomes.

        Raises:
            BadRow: The template does not take it.
        """
        try:
            return [{**self._kept(row), **each} for each in self._tokenized(row)]
        except TemplateRefused as error:
            self._fitter.refuse(row, error)
            return []

    def _tokenized(self, row: TrajectoryRow) -> Iterator[dict[str, Any]]:
        for chat in self._fitter.chats(row):
            ids, mask = masked_chat(
                self._tokenizer, for_template(self._tokenizer.template, chat), chat.tools, self._parts
            )
            if not any(mask):
                raise TemplateRefused("no token of it counts for the loss")
            yield {"input_ids": ids, "loss_mask": mask, "length": len(ids)}
