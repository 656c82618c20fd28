"""Detection of a file's layout by its columns, and where they do not tell, by its first rows."""

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from hfsvc.errors import BadParquet, InvalidSettings
from hfsvc.models import LayoutName, ReadOptions
from hfsvc.trajectories.files.base import RowFile
from hfsvc.trajectories.layouts import atif, harbor, json_text, openai, sharegpt, swe_agent
from hfsvc.trajectories.layouts.base import Layout
from hfsvc.trajectories.layouts.metadata import ABOUT_FIELDS

LONGEST_TYPE = 60
Fit = Callable[[pa.Schema, ReadOptions, pa.RecordBatch | None], Layout | str]
# The first that fits is taken.
LAYOUTS: Mapping[LayoutName, Fit] = {
    "harbor": harbor.fit,
    "openai": openai.fit,
    "sharegpt": sharegpt.fit,
    "swe-agent": swe_agent.fit,
    "json": json_text.fit,
    "atif": atif.fit,
}


def layout_of(rows: RowFile, file: str, options: ReadOptions) -> Layout:
    """The layout of an open file. Blocks where the first rows are needed: call it from a worker thread.

    Raises:
        BadParquet: It fits none.
        InvalidSettings: There is no layout of the name that was asked for.
    """
    layout = choose_layout(rows.schema, file, options)
    if layout.name != "json" or options.layout is not None:
        return layout
    # A type does not say what a text holds.
    texts = json_text.text_columns(rows.schema, options)
    head = next((batch for _, batch in rows.batches(texts, 0)), None)
    return choose_layout(rows.schema, file, options, head)


def choose_layout(schema: pa.Schema, file: str, options: ReadOptions, head: pa.RecordBatch | None = None) -> Layout:
    """The layout of a file with these columns: the one that was asked for, else the first that fits. Pure.

    Args:
        schema: Its columns.
        file: Its name, for the error.
        options: The layout, where it is known, and other names of columns.
        head: Its first rows. Types do not tell whether a text is JSON; without them, it is taken to be.

    Raises:
        BadParquet: It has not the columns of the one that was asked for, or of any.
        InvalidSettings: There is no layout of that name.
    """
    if options.layout not in {None, *LAYOUTS}:
        raise InvalidSettings(setting="layout", reason=f"{options.layout!r} is none of {', '.join(LAYOUTS)}")
    if reason := _misnamed(schema, options):
        raise BadParquet(file=file, reason=reason)
    wanted = LAYOUTS if options.layout is None else {options.layout: LAYOUTS[options.layout]}
    found = [(name, fit(schema, options, head)) for name, fit in wanted.items()]
    fitting = [each for _, each in found if not isinstance(each, str)]
    if not fitting:
        raise BadParquet(file=file, reason=_nothing_fits(schema, found))
    # A column of null type fits several; one that holds something is preferred.
    chosen = min(fitting, key=lambda layout: pa.types.is_null(schema.field(layout.messages).type))
    if twice := next((name for name in chosen.columns if schema.names.count(name) > 1), None):
        raise BadParquet(file=file, reason=f"it has {schema.names.count(twice)} columns {twice!r}")
    return chosen


def _misnamed(schema: pa.Schema, options: ReadOptions) -> str | None:
    named = {name: column for name, column in options.columns.items() if name not in ABOUT_FIELDS}
    missing = [f"{column!r} (given for {name})" for name, column in named.items() if column not in schema.names]
    return f"it has no column {', '.join(missing)}; it has {_listed(schema)}" if missing else None


def _nothing_fits(schema: pa.Schema, reasons: Sequence[tuple[str, Layout | str]]) -> str:
    told = "; ".join(f"{name}: {reason}" for name, reason in reasons)
    return f"its columns fit no layout ({told}); it has {_listed(schema)}. --layout and --column say where messages are"


def _listed(schema: pa.Schema) -> str:
    names = [f"{field.name} ({_short(field.type)})" for field in schema]
    return ", ".join(names) or "no columns"


def _short(kind: pa.DataType) -> str:
    text = str(kind)
    return text if len(text) <= LONGEST_TYPE else f"{text[:LONGEST_TYPE]}…"
