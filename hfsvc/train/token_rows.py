"""The rows of the format ``tokens``: chats in tokens with their loss masks, made to fit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from hfsvc.models import TrajectoryRow
from hfsvc.train.chat_fitter import ChatFitter
from hfsvc.train.chat_template import TemplateRefused
from hfsvc.train.chats import chat_of, for_template
from hfsvc.train.loss_mask import AGENT_PARTS, LossPart, masked_chat
from hfsvc.train.tokenizer import ChatTokenizer
from hfsvc.trajectories.columns.column_kinds import batch_of

SCHEMA = pa.schema({
    "input_ids": pa.list_(pa.int32()),
    "loss_mask": pa.list_(pa.int8()),
    "length": pa.int32(),
})


class TokenTable:
    """Makes the table of an export in the format ``tokens``.

    Args:
        tokenizer: With its chat template.
        fitter: Makes rows fit.
        parts: What counts for the loss.
        kept_fields: Further columns.
        kept: Gives their values for a row, by name.

    Attributes:
        schema: ``input_ids``, ``loss_mask`` (1 where a token counts for the loss), ``length``, and the kept columns.
        tally: Of the fitter.
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
        self.tally = fitter.tally

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
        fitted = self._fitter.rows(row)
        try:
            return [{**self._kept(row), **each} for each in self._learned(fitted)]
        except TemplateRefused as error:
            self._fitter.refuse(row, error)
            return []

    def _learned(self, rows: Sequence[TrajectoryRow]) -> list[dict[str, Any]]:
        """What rows become, but for pieces of a run of which nothing counts."""
        made = [*self._tokenized(rows)]
        found = [each for each in made if any(each["loss_mask"])]
        if made and not found:
            raise TemplateRefused("no token of it counts for the loss")
        self.tally.changes["pieces"] -= len(made) - len(found)
        return found

    def _tokenized(self, rows: Sequence[TrajectoryRow]) -> Iterator[dict[str, Any]]:
        for row in rows:
            chat = chat_of(row)
            messages = for_template(self._tokenizer.template, chat)
            ids, mask = masked_chat(self._tokenizer, messages, chat.tools, self._parts)
            yield {"input_ids": ids, "loss_mask": mask, "length": len(ids)}
