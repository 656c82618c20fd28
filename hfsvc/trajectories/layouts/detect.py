"""Detection of a file's layout: by its columns, and by what its first rows hold in them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec
import pyarrow as pa

from hfsvc.atif import Trajectory
from hfsvc.errors import BadParquet
from hfsvc.models import LayoutName, ReadOptions
from hfsvc.trajectories.files.arrow_values import is_list
from hfsvc.trajectories.files.base import RowFile
from hfsvc.trajectories.layouts import (
    adp_actions,
    agent_trace,
    atif,
    framework_messages,
    harbor,
    objects,
    openai,
    openhands_events,
    question_and_answer,
    sharegpt,
    swe_agent,
    transcript,
    turn_columns,
)
from hfsvc.trajectories.layouts.base import Layout
from hfsvc.trajectories.layouts.conversation import (
    CALLS,
    NO_UTF8,
    REASONING,
    Conversation,
    Message,
    Unreadable,
)
from hfsvc.trajectories.layouts.in_turn import EMPTY, InTurnLayout
from hfsvc.trajectories.layouts.metadata import ABOUT_FIELDS
from hfsvc.trajectories.layouts.nearest import NearestColumn, nearest_column
from hfsvc.trajectories.layouts.refusal import listed, nothing_fits

# How many batches of a file are looked at for a row that holds something.
MOST_BATCHES = 16
Fit = Callable[[pa.Schema, ReadOptions], Sequence[Layout] | str]
# The first that fits is taken.
LAYOUTS: Mapping[LayoutName, Fit] = {
    "frameworks": framework_messages.fit,
    "harbor": harbor.fit,
    "openai": openai.fit,
    "sharegpt": sharegpt.fit,
    "swe-agent": swe_agent.fit,
    "json": objects.fit,
    "openhands": openhands_events.fit,
    "adp": adp_actions.fit,
    "agent-trace": agent_trace.fit,
    "turns": turn_columns.fit,
    "atif": atif.fit,
    "query-answers": question_and_answer.fit_answers,
    "prompt-completion": question_and_answer.fit_completion,
    "transcript": transcript.fit,
}


# What tells once more, in another form, what other columns of a file tell.
_LAST = frozenset({"query-answers", "prompt-completion", "transcript"})
# Structs of a role and a content.
_TYPED = frozenset({"harbor", "openai", "sharegpt"})
# Of any type, so that only rows tell; and some of them may be plain messages.
_LOOSE = "frameworks"


class LayoutChoice(NamedTuple):
    """Which layout a file has, and why.

    Attributes:
        layout: The one that was chosen; None where none fits.
        held: The columns whose first rows hold messages, by layout.
        ruled_out: What was looked for and not found, by layout.
        nearest: The column that looks most like messages, where no layout fits.
        was_named: Whether the layout was asked for, or is known of the dataset.
        notes: What is known of the dataset, and is otherwise in this file.
    """

    layout: Layout | None
    held: tuple[tuple[LayoutName, str], ...]
    ruled_out: tuple[tuple[LayoutName, str], ...]
    nearest: NearestColumn | None = None
    was_named: bool = False
    notes: tuple[str, ...] = ()


def explain_layout(rows: RowFile, file: str, options: ReadOptions, *, by_types: bool = False) -> LayoutChoice:
    """Which layout an open file has, and why. Blocks while the first rows are read: call it from a worker thread.

    Args:
        rows: The file.
        file: Its path.
        options: How to read it.
        by_types: Leave its rows alone where the types of its columns tell.

    Raises:
        BadParquet: It has no column of a name that was asked for.
        InvalidSettings: There is no layout of the name that was asked for.
    """
    options, notes = without_assumed(options, rows.schema)
    choice = _explained(rows, file, options, by_types)
    if choice.layout is None and "layout" in options.assumed:
        notes = (*notes, f"it is not of the layout {options.layout}, as is known of the dataset")
        choice = _explained(rows, file, msgspec.structs.replace(options, layout=None), by_types)
    return choice._replace(notes=notes)


def without_assumed(options: ReadOptions, schema: pa.Schema) -> tuple[ReadOptions, tuple[str, ...]]:
    """The options without columns that are only known of the dataset, where a file has none of that name; and which. Pure."""
    gone = {
        name: column
        for name, column in options.columns.items()
        if name in options.assumed and name not in ABOUT_FIELDS and column not in schema.names
    }
    kept = {name: column for name, column in options.columns.items() if name not in gone}
    notes = tuple(
        f"it has no column {column!r}, the {name} that is known of the dataset" for name, column in gone.items()
    )
    return msgspec.structs.replace(options, columns=kept), notes


def _explained(rows: RowFile, file: str, options: ReadOptions, by_types: bool) -> LayoutChoice:
    candidates, ruled_out = fitting_layouts(rows.schema, file, options)
    if by_types and (typed := told_by_types(candidates, rows.schema)):
        return judge_layouts(typed, ruled_out, None, options)
    choice = judge_layouts(candidates, ruled_out, None, options)
    columns = [*dict.fromkeys(column for layout in candidates for column in layout.columns)]
    for head in _heads(rows, columns) if candidates else ():
        choice = judge_layouts(candidates, ruled_out, head, options)
        if choice.held:
            return choice
    if choice.layout is None:
        once = [name for name in rows.schema.names if rows.schema.names.count(name) == 1]
        return choice._replace(nearest=nearest_column(rows.schema, next(_heads(rows, once), None)))
    return choice


def told_by_types(candidates: Sequence[Layout], schema: pa.Schema) -> list[Layout]:
    """The layouts of the one column whose type says that it holds messages; none where it takes rows to tell. Pure.

    What tells once more in another form what messages tell is not looked at, as where the first rows hold messages.
    """
    typed = [each for each in candidates if each.name in _TYPED and is_list(schema.field(each.messages).type)]
    columns = {each.messages for each in typed}
    others = [each for each in candidates if each.messages not in columns and each.name not in _LAST]
    return typed if len(columns) == 1 and not others else []


def _heads(rows: RowFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The first batches of a file, as far as they can be read: who reads on is told of damage."""
    try:
        for _, head in islice(rows.batches(columns, 0), MOST_BATCHES) if rows.rows else ():
            yield head
    except (pa.ArrowException, OSError):
        return


def fitting_layouts(
    schema: pa.Schema, file: str, options: ReadOptions
) -> tuple[list[Layout], list[tuple[LayoutName, str]]]:
    """The layouts that fit the types of columns, the likeliest first, and why the others do not. Pure."""
    if reason := _misnamed(schema, options):
        raise BadParquet(file=file, reason=reason)
    names: tuple[LayoutName, ...] = (options.layout,) if options.layout else tuple(LAYOUTS)
    found: dict[LayoutName, Sequence[Layout] | str] = {name: LAYOUTS[name](schema, options) for name in names}
    ruled_out: list[tuple[LayoutName, str]] = []
    ruled_out.extend((name, each) for name, each in found.items() if isinstance(each, str))
    fitting = [layout for each in found.values() if not isinstance(each, str) for layout in each]
    doubled = {layout: twice for layout in fitting if (twice := _doubled(layout, schema))}
    ruled_out.extend(
        (layout.name, f"it has {schema.names.count(twice)} columns {twice!r}") for layout, twice in doubled.items()
    )
    return _filled_first([layout for layout in fitting if layout not in doubled], schema), ruled_out


def _filled_first(layouts: list[Layout], schema: pa.Schema) -> list[Layout]:
    """Those whose column has a type; all of them where none has."""
    filled = [each for each in layouts if not pa.types.is_null(schema.field(each.messages).type)]
    return filled or layouts[:1]


def _doubled(layout: Layout, schema: pa.Schema) -> str | None:
    return next((name for name in layout.columns if schema.names.count(name) > 1), None)


def judge_layouts(
    candidates: Sequence[Layout],
    ruled_out: Sequence[tuple[LayoutName, str]],
    head: pa.RecordBatch | None,
    options: ReadOptions,
) -> LayoutChoice:
    """The choice among layouts that fit a file's types, by what they find in its first rows. Pure.

    A layout that finds something else than messages is ruled out, unless it was asked for. Of those that find messages
    the first is taken, and of rows where it finds nothing, the next.
    """
    words = [None if head is None else other_than_messages(layout, head) for layout in candidates]
    judged = [*zip(candidates, words, strict=True)]
    strange = [(layout, word) for layout, word in judged if word and word not in EMPTY]
    held = [layout for layout, word in judged if head is not None and word is None]
    insists = options.layout is not None and "layout" not in options.assumed
    left = [layout for layout, word in judged if not word or word in EMPTY] or (candidates if insists else ())
    left = [layout for layout in left if layout.name != _LOOSE or layout in held or insists]
    once: dict[tuple[str, bool], Layout] = {}
    for layout in left:
        once.setdefault((layout.messages, layout.name == _LOOSE), layout)
    return LayoutChoice(
        _in_turn([*once.values()], held),
        tuple((layout.name, layout.messages) for layout in held),
        (*ruled_out, *((layout.name, f"{layout.messages!r}: {word}") for layout, word in strange)),
        was_named=options.layout is not None,
    )


def _in_turn(layouts: list[Layout], held: Sequence[Layout]) -> Layout | None:
    if any(each.name not in _LAST for each in held):
        # Of preferences and the like the messages are told twice; they are long, and seldom empty.
        layouts = [each for each in layouts if each.name not in _LAST]
    if len(layouts) < 2:
        return layouts[0] if layouts else None
    return InTurnLayout(layouts, next((each for each in layouts if each in held), layouts[0]))


def other_than_messages(layout: Layout, head: pa.RecordBatch) -> str | None:
    """What a layout finds in the first rows that is no message; None where one of them holds what somebody says."""
    reason = "it is empty"
    for row in layout.conversations(head.select(layout.columns)):
        found = _other(row)
        if found is None:
            return None
        reason = found if reason in EMPTY else reason
    return reason


def _other(row: Conversation | Trajectory | Unreadable) -> str | None:
    if isinstance(row, Trajectory):
        return None
    if isinstance(row, Unreadable):
        # Damage of a row tells nothing of the others.
        return "it is empty" if row.column is None or row.reason == NO_UTF8 else row.reason
    if any(map(_speaks, row.messages)):
        return None
    if any(message.fields for message in row.messages):
        return "no message in it has a role, and a content or calls"
    return "it is empty"


def _speaks(message: Message) -> bool:
    said = message.content is not None or any(name in message.fields for name in (*CALLS, *REASONING))
    return message.role is not None and said


def refusal_of(choice: LayoutChoice, schema: pa.Schema, file: str) -> BadParquet:
    """What is said of a file with these columns that no layout fits."""
    return BadParquet(file=file, reason=nothing_fits(schema, choice.ruled_out, choice.nearest))


def _misnamed(schema: pa.Schema, options: ReadOptions) -> str | None:
    named = {name: column for name, column in options.columns.items() if name not in ABOUT_FIELDS}
    missing = [f"{column!r} (given for {name})" for name, column in named.items() if column not in schema.names]
    return f"it has no column {', '.join(missing)}; it has {listed(schema)}" if missing else None
