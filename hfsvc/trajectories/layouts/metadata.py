"""The columns beside the messages: which are read, and what hfsvc calls them. Pure.

Source: the columns of public datasets of trajectories in 2025 and 2026.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pyarrow as pa

from hfsvc.models import ReadOptions
from hfsvc.trajectories.files.arrow_values import is_list, is_text, values_of, written_texts

# What hfsvc calls a column, and what datasets call it; the first that a file has is it. The row's own key is not among
# them: columns of these names repeat in some datasets, so only who knows the dataset can say which is one.
NAMES: Mapping[str, tuple[str, ...]] = {
    "agent": ("agent",),
    "model": ("model", "model_name"),
    "date": ("date",),
    "task": ("task", "instance_id", "task_id"),
    "episode": ("episode",),
    "run_id": ("run_id",),
    "trial_name": ("trial_name",),
    "result": ("result", "resolved", "target", "reward"),
    "trace_source": ("trace_source",),
    "tools": ("tool_definitions", "tools", "available_tools"),
    "system": ("system", "system_prompt"),
}
# What else is read where it is there, under its own name, beside numbers, flags and times of any name. Other texts are
# read on request only: logs and patches are often larger than the messages.
SHORT_TEXTS = frozenset({
    "dataset",
    "exit_status",
    "harness",
    "id",
    "license",
    "model_provider",
    "original_source",
    "original_teacher",
    "repo",
    "session_id",
    "subset_name",
    "traj_id",
    "trajectory_format",
    "trajectory_id",
    "uuid",
})
# Names in `ReadOptions.columns` that are no column's, but of fields of the messages.
ABOUT_FIELDS = frozenset({"role", "content"})


class MetadataColumns:
    """The columns of a file that are read beside its messages.

    Args:
        schema: Its columns.
        messages: The one that holds the messages.
        options: Which other names columns have.

    Attributes:
        columns: ``{what hfsvc calls it: its column}``, in the file's order.
    """

    def __init__(self, schema: pa.Schema, messages: str, options: ReadOptions) -> None:
        free = [field for field in schema if field.name != messages]
        called = _requested(options) | dict(_known(free, options))
        named = set(called.values())
        called |= {field.name: field.name for field in free if field.name not in named and _is_short(field)}
        order = {name: index for index, name in enumerate(schema.names)}
        self.columns = dict(sorted(called.items(), key=lambda item: order.get(item[1], -1)))

    def texts(self, batch: pa.RecordBatch, names: Collection[str]) -> dict[str, list[str | None]]:
        """The columns of a batch that hfsvc calls by `names`, as far as the file has them, written as texts."""
        wanted = {name: column for name, column in self.columns.items() if name in names}
        return {name: written_texts(batch.column(column)) for name, column in wanted.items()}

    def rows(self, batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
        """What every row of a batch has, by hfsvc's names; what is null is left out."""
        columns = {name: _values(name, batch.column(column)) for name, column in self.columns.items()}
        for values in zip(*columns.values(), strict=True) if columns else ((),) * batch.num_rows:
            yield {name: value for name, value in zip(columns, values, strict=True) if value is not None}


def _requested(options: ReadOptions) -> dict[str, str]:
    return {name: column for name, column in options.columns.items() if name not in {"messages", *ABOUT_FIELDS}}


def _known(fields: list[pa.Field], options: ReadOptions) -> Iterator[tuple[str, str]]:
    kinds = {field.name: field.type for field in fields if not pa.types.is_null(field.type)}
    for name, columns in NAMES.items():
        # Tools are large, and the style `messages` has no place for them.
        if name in options.columns or (name == "tools" and options.style == "messages"):
            continue
        found = [each for each in columns if each in kinds and (name == "tools" or not _is_nested(kinds[each]))]
        if found:
            yield name, found[0]


def _is_short(field: pa.Field) -> bool:
    if field.name in SHORT_TEXTS:
        return not (_is_nested(field.type) or pa.types.is_null(field.type))
    numbers = (
        pa.types.is_boolean,
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_decimal,
        pa.types.is_temporal,
    )
    return not field.name.startswith("__") and any(is_kind(field.type) for is_kind in numbers)


def _is_nested(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) or is_list(kind))


def _values(name: str, column: pa.Array) -> list[Any]:
    as_text = is_text(column.type) or (name in NAMES and name != "tools") or name == "key"
    return written_texts(column) if as_text else values_of(column)
