"""Structs about which rows of a dataset are read, and the record of what became of all others."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from hfsvc.models.base import Model

EpisodeFilter = Literal["all", "last"]
ResultFilter = Literal["all", "success", "failure"]
TraceFilter = Literal["all", "main"]
Preference = Literal["first", "best"]
LeftOut = Literal[
    "range", "rows", "filter", "episode", "trace", "query", "duplicate", "split", "sample", "shard", "cursor",
    "length", "template", "bad", "limit",
]  # fmt: skip
"""Why a row was left out, in the order in which it is asked; the first reason counts. `limit` is the end of a mix, too."""

CHOICE_LOGGER = "hfsvc.choice"
"""The name of the logger that tells what of a choice could not make a difference."""


class SplitShare(Model, frozen=True, kw_only=True):
    """A share of the values of a field: rows whose value falls into it belong to one split.

    A value's place between 0 and 1 depends on itself and the seed alone, so no value is in two shares that do not
    overlap, whatever the order of rows, and whoever reads them. Rows without a value share one place.

    Attributes:
        by: The field, of `hfsvc.models.SUMMARY_FIELDS`, or the column.
        start: From here on, 0 at least.
        stop: Up to, and without, here; 1 at most.
        seed: Any number; others deal values out in another way.
    """

    by: str
    start: float
    stop: float
    seed: int


class RowChoice(Model, frozen=True, kw_only=True):
    """Which rows of a dataset are read, and in which order.

    Attributes:
        rows: Numbers of rows, or keys as `TrajectorySource.find_rows` takes them; None for all.
        result: Only runs that succeeded, or only those that did not; runs without a result are neither.
        episodes: ``last`` leaves out rows that a later episode of the same trial goes on from.
        traces: ``main`` leaves out rows of subagents and summaries: those whose ``trace_source`` is another one.
        where: Words as `TrajectorySource.list_summaries` takes them.
        dedupe: ``exact`` keeps one row of those with the same messages, ``messages`` one of those with the same first
            user message, the name of a field of `hfsvc.models.SUMMARY_FIELDS`, or of a column, one of those with the same
            value in it.
        prefer: Which one of several duplicates is kept; ``best`` has the highest result.
        share: A share of the values of a field.
        sample: How many of the rows that are left, drawn at random.
        shuffle: Read them in random order.
        seed: Of `sample` and `shuffle`.
    """

    rows: tuple[int | str, ...] | None = None
    result: ResultFilter = "all"
    episodes: EpisodeFilter = "all"
    traces: TraceFilter = "all"
    where: str | None = None
    dedupe: str | None = None
    prefer: Preference = "first"
    share: SplitShare | None = None
    sample: int | None = None
    shuffle: bool = False
    seed: int | None = None

    @property
    def chooses(self) -> bool:
        """Whether some rows may be left out, or all come in another order."""
        return any(getattr(self, name) != default for name, default in _ALL_ROWS.items())


_ALL_ROWS = {name: getattr(RowChoice(), name) for name in RowChoice.__struct_fields__ if name not in {"prefer", "seed"}}


class FitRecord(Model, frozen=True, kw_only=True):
    """What was changed of the rows of an export to make them fit for a trainer.

    Attributes:
        cut_rows: Rows of which tool outputs lost their middle.
        cut_outputs: Those outputs.
        split_rows: Rows that were cut between their turns.
        pieces: What those became, but for pieces of which nothing counts for the loss.
        dropped_turns: Turns of theirs that fit into no piece.
        refusal: What is the matter with the first row that the chat template did not take; None where it took all.
    """

    cut_rows: int = 0
    cut_outputs: int = 0
    split_rows: int = 0
    pieces: int = 0
    dropped_turns: int = 0
    refusal: str | None = None


class StreamRecord(Model, frozen=True, kw_only=True):
    """What became of the rows of a dataset in one stream or export: each was written, or left out for one reason.

    Attributes:
        read: Rows of the dataset; what of them a stream that was not finished has not come to is not among them.
        written: Rows that came out.
        left_out: Rows by the reason why they did not.
        without_result: Rows among those that a filter by result left out that have none.
        fitted: What was changed of rows that had to fit for a trainer; None where none had to.
        notes: What of the choice of rows could not make a difference, and why, a sentence each.
    """

    read: int = 0
    written: int = 0
    left_out: Mapping[LeftOut, int] = msgspec.field(default_factory=dict)
    without_result: int = 0
    fitted: FitRecord | None = None
    notes: tuple[str, ...] = ()
