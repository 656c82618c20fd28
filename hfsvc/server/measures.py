"""Measures of runs: tokens, cost and duration, of every row that tells them. What a document says is pure; rows are gone over once."""

from collections.abc import Hashable, Iterator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any

import anyio

from hfsvc import atif
from hfsvc.errors import InvalidArgument
from hfsvc.models import Model
from hfsvc.protocols import TrajectorySource

MOST_ROWS = 200_000
KEPT = 4
# Where a row has columns instead of a document's totals; the first that holds a number is it.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "prompt_tokens": (
        "total_prompt_tokens",
        "prompt_tokens",
        "input_tokens",
        "n_input_tokens",
        "tokens_in",
        "tokens_sent",
    ),
    "completion_tokens": (
        "total_completion_tokens",
        "completion_tokens",
        "output_tokens",
        "n_output_tokens",
        "tokens_out",
        "tokens_received",
    ),
    "cost_usd": ("total_cost_usd", "cost_usd", "total_cost", "instance_cost", "cost"),
    "seconds": ("duration_seconds", "duration_s", "duration_sec", "duration", "runtime", "seconds"),
}


class RowMeasures(Model, frozen=True, kw_only=True):
    """What a run took; None where it is not told. `seconds` is from the first step to the last, where no column says it."""

    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    cost_usd: float | None = None
    seconds: float | None = None

    @property
    def tokens(self) -> float | None:
        """Of prompts and completions together."""
        told = [each for each in (self.prompt_tokens, self.completion_tokens) if each is not None]
        return sum(told) if told else None


UNMEASURED = RowMeasures()


def measure(trajectory: atif.Trajectory) -> RowMeasures:
    """What a document tells: by its totals, else by its steps, else by the row's columns. Pure."""
    totals, steps = trajectory.final_metrics, [step.metrics for step in trajectory.steps if step.metrics]
    return RowMeasures(
        prompt_tokens=_first(
            totals and totals.total_prompt_tokens,
            _sum(each.prompt_tokens for each in steps),
            _column(trajectory, "prompt_tokens"),
        ),
        completion_tokens=_first(
            totals and totals.total_completion_tokens,
            _sum(each.completion_tokens for each in steps),
            _column(trajectory, "completion_tokens"),
        ),
        cost_usd=_first(
            totals and totals.total_cost_usd, _sum(each.cost_usd for each in steps), _column(trajectory, "cost_usd")
        ),
        seconds=_first(_column(trajectory, "seconds"), _length(trajectory.steps)),
    )


class MeasuredRows:
    """Measures of all rows of the datasets that were asked for last: each is gone over once for them."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Mapping[int, RowMeasures]] = {}
        self._turn = anyio.Lock()

    async def of_rows(self, source: TrajectorySource, key: Hashable) -> Mapping[int, RowMeasures]:
        """By row; rows that cannot be read are missing.

        Args:
            source: Its rows; bad ones are skipped by it.
            key: Stands for the commit, and for how it is read.

        Raises:
            InvalidArgument: There are too many rows.
        """
        async with self._turn:
            if key not in self._kept:
                await check_length(source)
                self._kept[key] = await _measure_all(source)
                for old in list(self._kept)[:-KEPT]:
                    del self._kept[old]
            return self._kept[key]


async def check_length(source: TrajectorySource) -> None:
    """Refuse a dataset that is too long to be put in order, or measured, while somebody waits.

    Raises:
        InvalidArgument: It is.
    """
    if (rows := await source.count()) > MOST_ROWS:
        fewer = f"{MOST_ROWS:,} can be put in order or summed up: choose fewer with config or split"
        reason = f"this dataset has {rows:,} rows, and {fewer}"
        raise InvalidArgument(name="sort, measures and totals", given="used here", reason=reason)


async def _measure_all(source: TrajectorySource) -> Mapping[int, RowMeasures]:
    found = {}
    async with aclosing(source.stream_rows()) as rows:
        async for row in rows:
            found[row.row] = measure(row.trajectory)
    return found


def _first(*values: Any) -> float | None:
    return next((each for each in map(_number, values) if each is not None), None)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_one and abs(value) < float("inf") else None


def _sum(values: Iterator[Any]) -> float | None:
    told = [each for each in map(_number, values) if each is not None]
    return sum(told) if told else None


def _column(trajectory: atif.Trajectory, name: str) -> float | None:
    extra = trajectory.extra or {}
    return _first(*(extra.get(each) for each in COLUMNS[name]))


def _length(steps: list[atif.Step]) -> float | None:
    times = [each for each in map(_time, steps) if each is not None]
    try:
        seconds = (times[-1] - times[0]).total_seconds() if len(times) > 1 else 0
    except TypeError:
        # One of them has a zone, the other none.
        return None
    return seconds if seconds > 0 else None


def _time(step: atif.Step) -> datetime | None:
    try:
        return datetime.fromisoformat(str(step.timestamp).replace("Z", "+00:00"))
    except ValueError:
        return None
