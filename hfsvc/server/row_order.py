"""Lists in another order than that of rows, and totals of groups of rows: over all summaries of a list. Mostly pure."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

from hfsvc.models import Model, SummaryField, TrajectorySummary
from hfsvc.protocols import TrajectorySource
from hfsvc.server.limits import PAGE_ROWS
from hfsvc.server.measures import UNMEASURED, RowMeasures, check_length
from hfsvc.trajectories.index.outcomes import rank, succeeded, tells

SortField = Literal[
    "row", "task", "agent", "model", "steps", "result", "date", "cost", "tokens", "duration",
    "-row", "-task", "-agent", "-model", "-steps", "-result", "-date", "-cost", "-tokens", "-duration",
]  # fmt: skip
MEASURED = frozenset({"cost", "tokens", "duration"})
KEPT = 4
Measured = Mapping[int, RowMeasures]


class GroupTotals(Model, frozen=True, kw_only=True):
    """The runs of one value of a field: how they ended, and what they took.

    Attributes:
        value: None for rows without one.
        rows: That have it.
        success: Runs that succeeded, by their results; `failure` those that did not; of others results do not say.
        measured: Rows that tell tokens or a cost. Sums are of those only; None where no row tells it.
    """

    value: str | None
    rows: int
    success: int
    failure: int
    measured: int
    prompt_tokens: float | None
    completion_tokens: float | None
    cost_usd: float | None
    seconds: float | None


class OrderedLists:
    """Lists that were put in order last, for the pages that are asked for next."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Sequence[TrajectorySummary]] = {}

    async def of(
        self, source: TrajectorySource, query: str | None, sort: SortField, measured: Measured, key: Hashable
    ) -> Sequence[TrajectorySummary]:
        """All summaries of a list, in order.

        Args:
            source: Its rows.
            query: Of the list.
            sort: By what; with ``-`` the greatest first. Rows without a value come last.
            measured: What rows took, where that is what they are put in order by.
            key: Stands for the commit, and for how it is read.
        """
        whole = (key, query, sort)
        if whole not in self._kept:
            self._kept[whole] = in_order(await read_all(source, query), sort, measured)
            for old in list(self._kept)[:-KEPT]:
                del self._kept[old]
        return self._kept[whole]


async def read_all(source: TrajectorySource, query: str | None) -> list[TrajectorySummary]:
    """All summaries of a list.

    Raises:
        InvalidArgument: The dataset has too many rows.
    """
    await check_length(source)
    found: list[TrajectorySummary] = []
    while True:
        page = await source.list_summaries(len(found), PAGE_ROWS, query)
        found += page.items
        if not page.items or len(found) >= page.total:
            return found


def in_order(rows: Iterable[TrajectorySummary], sort: SortField, measured: Measured) -> list[TrajectorySummary]:
    """Rows by a field; those without a value last, and equal ones by their numbers. Pure."""
    value = _value_of(sort.removeprefix("-"), measured)
    valued = [(value(row), row) for row in rows]
    told = [pair for pair in valued if pair[0] is not None]
    told.sort(key=lambda pair: pair[0], reverse=sort.startswith("-"))
    return [row for _, row in told] + [row for each, row in valued if each is None]


def is_measured(sort: SortField | None) -> bool:
    """Whether an order is by what runs took. Pure."""
    return sort is not None and sort.removeprefix("-") in MEASURED


def totals_of(rows: Iterable[TrajectorySummary], field: SummaryField, measured: Measured) -> list[GroupTotals]:
    """The groups of a field, the largest first. Pure."""
    groups: dict[str | None, list[TrajectorySummary]] = {}
    for row in rows:
        groups.setdefault(getattr(row, field) or None, []).append(row)
    found = [_totals(value, group, measured) for value, group in groups.items()]
    return sorted(found, key=lambda each: (-each.rows, each.value or ""))


def _totals(value: str | None, rows: Sequence[TrajectorySummary], measured: Measured) -> GroupTotals:
    told = [row.result for row in rows if row.result is not None and tells(row.result)]
    measures = [measured.get(row.row, UNMEASURED) for row in rows]
    return GroupTotals(
        value=value,
        rows=len(rows),
        success=sum(map(succeeded, told)),
        failure=sum(not succeeded(each) for each in told),
        measured=sum(each.tokens is not None or each.cost_usd is not None for each in measures),
        **{name: _sum(getattr(each, name) for each in measures) for name in RowMeasures.__struct_fields__},
    )


def _sum(values: Iterable[float | None]) -> float | None:
    told = [each for each in values if each is not None]
    return sum(told) if told else None


def _value_of(field: str, measured: Measured) -> Callable[[TrajectorySummary], Any]:
    if field in MEASURED:
        name = {"cost": "cost_usd", "duration": "seconds"}.get(field, field)
        return lambda row: getattr(measured.get(row.row, UNMEASURED), name)
    if field == "result":
        return lambda row: rank(row.result) if row.result is not None and tells(row.result) else None
    return lambda row: _plain(getattr(row, field))


def _plain(value: Any) -> Any:
    return (value.casefold() or None) if isinstance(value, str) else value


SORT_FIELDS: tuple[SortField, ...] = get_args(SortField)
