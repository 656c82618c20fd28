"""Structs about trajectories: how rows are read, what comes of each, summaries, counts and statistics."""

from collections.abc import Mapping
from typing import Any, Literal, TypedDict, get_args

import msgspec

from hfsvc.arguments import check_fields
from hfsvc.atif.schema import Trajectory
from hfsvc.errors import InvalidArgument
from hfsvc.models.base import Model
from hfsvc.models.choice import RowChoice
from hfsvc.models.requests import LeftFiles

Style = Literal["messages", "structured"]
OnBadRow = Literal["raise", "skip"]
SummaryField = Literal[
    "agent", "model", "task", "episode", "trial_name", "run_id", "trace_source", "date", "result", "key"
]
# The one list of what is told of every row: queries, look-ups, summaries and the API follow it.
SUMMARY_FIELDS: tuple[SummaryField, ...] = get_args(SummaryField)
# Those whose values are few enough to be offered with their counts: filters of the pages and the API follow it.
FACETS: tuple[SummaryField, ...] = ("agent", "model", "task", "result", "trace_source")
# Columns of the summaries in which a key is looked for, in this order.
KeyColumn = Literal["key", "trial_name", "run_id", "task"]
KEY_COLUMNS: tuple[KeyColumn, ...] = get_args(KeyColumn)
RowForm = Literal["stored", "atif"]
"""What other engines get: the rows as they are stored, or trajectories in the columns of the export format ``parquet``."""


class RangeArguments(TypedDict, total=False):
    """Which rows are read, as arguments of `TrajectorySource.stream_rows`; all may be left out.

    Attributes:
        start: First row.
        stop: Row to stop before.
        shard: A part of the rows.
        cursor: Go on after its row.
        stripe: Parts are every n-th row.
        where: Words that rows must answer to.
    """

    start: int
    stop: int | None
    shard: tuple[int, int] | None
    cursor: str | None
    stripe: bool
    where: str | None


LayoutName = Literal[
    "frameworks",
    "harbor",
    "openai",
    "sharegpt",
    "swe-agent",
    "json",
    "openhands",
    "adp",
    "agent-trace",
    "turns",
    "atif",
    "query-answers",
    "prompt-completion",
    "transcript",
]


class ReadOptions(RowChoice, frozen=True, kw_only=True):
    """How a dataset is read, and which of its rows.

    Attributes:
        style: ``messages``: one step a message, nothing interpreted. ``structured``: thinking, calls, observations and
            tools rebuilt from the text.
        on_bad_row: Raise `BadRow`, or skip the row, count it and go on.
        layout: How rows are stored; None to find out.
        columns: ``{what hfsvc calls it: what the dataset calls it}`` for columns that go by other names, and under any
            name of their own for those that are read on request only.
        config: The configuration to read, where the dataset has several; None for all of its files.
        split: The split to read; None for all.
        fenced: The last fenced block of an agent's message is a command, in the style ``structured``. Fences also occur
            in prose, so say so only of datasets whose agents act that way.
        keep: What `TrajectoryRow.kept` holds of every row: any of its columns, any field of `hfsvc.models.SUMMARY_FIELDS`,
            ``steps``, ``row``, ``file``, ``dataset``, ``commit``.
        assumed: What of `layout` and the names in `columns` is only known of the dataset: where a file is otherwise, it is
            found out.

    Raises:
        InvalidArgument: A field has a value that there is not.
    """

    style: Style = "messages"
    on_bad_row: OnBadRow = "raise"
    layout: LayoutName | None = None
    columns: Mapping[str, str] = msgspec.field(default_factory=dict)
    config: str | None = None
    split: str | None = None
    fenced: bool = False
    keep: tuple[str, ...] = ()
    assumed: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("config", "split"):
            if getattr(self, name) == "":
                raise InvalidArgument(name=name, given="''", reason="it is empty: leave it out for all of them")


class KeptText(Model, frozen=True, kw_only=True):
    """A message of a row that stayed text. `message` counts from 0 over the row."""

    message: int
    reason: str


class RuledOutLayout(Model, frozen=True, kw_only=True):
    """A layout that a file does not have, and what it lacks."""

    layout: LayoutName
    reason: str


class FileLayout(Model, frozen=True, kw_only=True):
    """Which layout a file of a dataset has, and why.

    Attributes:
        file: Path below the dataset's folder.
        rows: That it holds; None where it was not opened, or cannot be.
        layout: The one that it is read by; None where it is left out, and where it holds no rows.
        column: That holds the messages.
        reason: Why this one.
        ruled_out: The others, and what they lack.
        unread: Columns that are not read, but under a name of their own on request, such as what a preference rejects.
    """

    file: str
    rows: int | None
    layout: LayoutName | None
    column: str | None
    reason: str
    ruled_out: tuple[RuledOutLayout, ...] = ()
    unread: tuple[str, ...] = ()


class SharedResult(Model, frozen=True, kw_only=True):
    """Several calls of a step, by their ids, that one result answers, or several that do not say which. `step` is a step id."""

    step: int
    calls: tuple[str, ...]


class Fidelity(Model, frozen=True, kw_only=True):
    """What a row's document recovered of what the row had flattened into text.

    Attributes:
        style: That it was built in; ``atif`` for a row that was a document already.
        messages: Of the row.
        reasoning: Steps whose thinking was found.
        calls: Tool calls found.
        answered: Those of them that a result names.
        shared_results: Calls that share a result, which names none of them. Exports answer the last of them with it, and the
            others with an empty one.
        observations: Messages that became the observation of the step before.
        tool_definitions: Whether the tools on offer were found.
        kept_as_text: Messages that look like more than text, and stayed it.
        notations: Tool calls by what they stood in: a field (``tool_calls``), blocks of the content (``blocks``), the role
            (``role``), or a notation of ``docs/styles.md``.
        exact: Whether `hfsvc.trajectories.styles.to_rows.to_rows` gives the row's messages back as they were.
    """

    style: Style | Literal["atif"]
    messages: int
    reasoning: int = 0
    calls: int = 0
    answered: int = 0
    shared_results: tuple[SharedResult, ...] = ()
    observations: int = 0
    tool_definitions: bool = False
    kept_as_text: tuple[KeptText, ...] = ()
    notations: Mapping[str, int] = msgspec.field(default_factory=dict)
    exact: bool = True


class TrajectorySummary(Model, frozen=True, kw_only=True):
    """One row without its messages. Fields the row does not have are None.

    `row` counts from 0 over the dataset; `key` is the dataset's own key of the row, where one is known.
    """

    row: int
    agent: str | None
    model: str | None
    task: str | None
    episode: str | None
    trial_name: str | None
    run_id: str | None
    date: str | None
    steps: int
    result: str | None = None
    trace_source: str | None = None
    key: str | None = None


class SummaryPage(Model, frozen=True, kw_only=True):
    """A page of summaries.

    Attributes:
        total: Rows that match the query, over the whole dataset.
        offset: Matches before this page.
        items: The page, in row order.
    """

    total: int
    offset: int
    items: tuple[TrajectorySummary, ...]


class ValueCount(Model, frozen=True, kw_only=True):
    """A value, and how many rows have it."""

    value: str
    rows: int


class ValueCounts(Model, frozen=True, kw_only=True):
    """The values of a field.

    Attributes:
        values: The most frequent first, then by value.
        others: Rows with other values.
        without: Rows without a value.
    """

    values: tuple[ValueCount, ...]
    others: int
    without: int


class TrajectoryRow(Model, frozen=True, kw_only=True):
    """A trajectory with its surroundings.

    Attributes:
        row: From 0 over the dataset.
        file: Path of its file below the dataset's folder.
        cursor: Opaque text; a stream that is given it goes on after this row.
        trajectory: The row as ATIF.
        fidelity: What was recovered of the row, and what stayed text.
        kept: What `ReadOptions.keep` names, by name; None for what the row does not have.
        tools: The row's column of tools, as it stands, where the document has no place for it: in the style ``messages``.
    """

    row: int
    file: str
    cursor: str
    trajectory: Trajectory
    fidelity: Fidelity
    kept: Mapping[str, Any] = msgspec.field(default_factory=dict)
    tools: Any = None


class Bucket(Model, frozen=True, kw_only=True):
    """A bar of a histogram: `count` numbers are at least `at_least`, and below `below`, if that is not None."""

    at_least: int
    below: int | None
    count: int


class Distribution(Model, frozen=True, kw_only=True):
    """How numbers from 0 on are spread.

    Attributes:
        count: How many there are.
        total: Their sum.
        smallest: None where there are none.
        largest: None where there are none.
        buckets: From the first that holds a number to the last, at 0, 1, 3, 10, 30, 100 and so on.
    """

    count: int
    total: int
    smallest: int | None
    largest: int | None
    buckets: tuple[Bucket, ...]

    @property
    def mean(self) -> float:
        """The average; 0 where there are none."""
        return self.total / self.count if self.count else 0.0


class RoleStatistics(Model, frozen=True, kw_only=True):
    """What those who speak in one role said: messages, and characters in them."""

    messages: int
    characters: int


class RecoveryStatistics(Model, frozen=True, kw_only=True):
    """What the style ``structured`` recovers of a dataset, whatever the style it is read in.

    Attributes:
        reasoning: Steps whose thinking was found.
        calls: Tool calls found.
        answered: Those of them that a result names.
        observations: Messages that became observations.
        kept_as_text: Messages that look like more than text, and stayed it.
        notations: Tool calls by what they stood in, as in `Fidelity`, the most frequent first.
    """

    reasoning: int = 0
    calls: int = 0
    answered: int = 0
    observations: int = 0
    kept_as_text: int = 0
    notations: Mapping[str, int] = msgspec.field(default_factory=dict)


class DatasetStatistics(Model, frozen=True, kw_only=True):
    """What is in a dataset. Roles and values are named as the rows name them.

    Attributes:
        rows: Bad ones included.
        bad_rows: Rows that cannot become a trajectory.
        steps: Messages of a row.
        characters: Characters of a message.
        roles: Who speaks, the most frequent first.
        agents: Rows by agent, the most frequent first; rows without one are not counted.
        models: The same by model.
        results: The same by result.
        recovered: What the style ``structured`` finds in its messages.
        left_out: Files that hold something and are not read, and why.
        left: What limits of downloads left of the dataset, and is not counted; None where that is nothing.
    """

    rows: int
    bad_rows: int
    steps: Distribution
    characters: Distribution
    roles: dict[str, RoleStatistics]
    agents: dict[str, int]
    models: dict[str, int]
    results: dict[str, int]
    recovered: RecoveryStatistics = msgspec.field(default_factory=RecoveryStatistics)
    left_out: tuple[FileLayout, ...] = ()
    left: LeftFiles | None = None
