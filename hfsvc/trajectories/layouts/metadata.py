"""The columns beside the messages: which are read, and what hfsvc calls them. Pure.

Source: the columns of public datasets of trajectories in 2025 and 2026.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from hfsvc.models import ReadOptions
from hfsvc.trajectories.files.arrow_values import is_list, is_text, values_of, written_texts
from hfsvc.trajectories.files.lenient_json import read_listed
from hfsvc.trajectories.layouts import results
from hfsvc.trajectories.layouts.base import RowMetadata
from hfsvc.trajectories.layouts.results import is_no_result, only_result, result_text

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
    "result": (*results.COLUMNS, *results.FURTHER_COLUMNS),
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
# What JSON texts hold where there are none.
_NO_TOOLS = frozenset({"[]", "null"})
# Names in `ReadOptions.columns` that are no column's, but of fields of the messages.
ABOUT_FIELDS = frozenset({"role", "content"})


class MetadataColumns:
    """The columns of a file that are read beside its messages.

    Where a file has several columns of one meaning, a row has it from the first that holds something.

    Args:
        schema: Its columns.
        messages: Those that hold the messages.
        options: Which other names columns have.

    Attributes:
        columns: ``{what hfsvc calls it: its columns, the likeliest first}``, in the file's order.
    """

    def __init__(self, schema: pa.Schema, messages: Collection[str], options: ReadOptions) -> None:
        free = [field for field in schema if field.name not in messages]
        # One of two columns of a name cannot be read; only what is known by name is missed.
        once = [field for field in free if schema.names.count(field.name) == 1]
        # What a score or a flag is called tells more of it than that it is the result.
        self._loose = frozenset(() if "result" in options.columns else results.FURTHER_COLUMNS)
        known = [field for field in free if field in once or field.name not in self._loose]
        called = _requested(options) | dict(_known(known, options))
        named = {columns[0] for columns in called.values()} - self._loose
        called |= {field.name: (field.name,) for field in once if field.name not in named and _is_short(field)}
        order = {name: index for index, name in enumerate(schema.names)}
        self.columns = dict(sorted(called.items(), key=lambda item: order.get(item[1][0], -1)))

    def texts(self, batch: pa.RecordBatch, names: Collection[str]) -> dict[str, list[str | None]]:
        """The columns of a batch that hfsvc calls by `names`, as far as the file has them, written as texts."""
        wanted = {name: columns for name, columns in self.columns.items() if name in names}
        return {name: self._joined(name, columns, batch, _texts) for name, columns in wanted.items()}

    def rows(self, batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
        """What every row of a batch has, by hfsvc's names; what is null is left out."""
        columns = {name: self._joined(name, columns, batch, _values) for name, columns in self.columns.items()}
        for values in zip(*columns.values(), strict=True) if columns else ((),) * batch.num_rows:
            yield {name: value for name, value in zip(columns, values, strict=True) if value is not None}

    def _joined(
        self, name: str, columns: Sequence[str], batch: pa.RecordBatch, read: Callable[[str, pa.Array], list[Any]]
    ) -> list[Any]:
        """The values of a column; where it is empty, those of the next one that is not."""
        values: list[Any] = [None] * batch.num_rows
        for column in columns:
            if not any(map(_is_empty, values)):
                break
            more = read(name, batch.column(column))
            if name == "result" and column in self._loose:
                more = [*map(only_result, more)]
            # An empty one is kept as it stands, where there is no other.
            values = [
                two if one is None or (_is_empty(one) and not _is_empty(two)) else one
                for one, two in zip(values, more, strict=True)
            ]
        return values


def columns_read(metadata: RowMetadata, names: Collection[str] | None = None) -> list[str]:
    """The columns that hold what hfsvc calls by `names`; None for all of them."""
    wanted = (columns for name, columns in metadata.columns.items() if names is None or name in names)
    return [*dict.fromkeys(column for columns in wanted for column in columns)]


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", []) or (isinstance(value, str) and value in _NO_TOOLS)


def _requested(options: ReadOptions) -> dict[str, tuple[str, ...]]:
    return {name: (column,) for name, column in options.columns.items() if name not in {"messages", *ABOUT_FIELDS}}


def _known(fields: list[pa.Field], options: ReadOptions) -> Iterator[tuple[str, tuple[str, ...]]]:
    kinds = {field.name: field.type for field in fields if not pa.types.is_null(field.type)}
    for name, columns in NAMES.items():
        if name in options.columns:
            continue
        found = [each for each in columns if each in kinds and (name == "tools" or _is_readable(name, kinds[each]))]
        if found:
            yield name, tuple(found)


def _is_readable(name: str, kind: pa.DataType) -> bool:
    """Whether a column is read as text: a result may be an object or a list that has one."""
    return not _is_nested(kind) or (name == "result" and _may_say_result(kind))


def _may_say_result(kind: pa.DataType) -> bool:
    if is_list(kind):
        return any(
            is_kind(kind.value_type) for is_kind in (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating)
        )
    return pa.types.is_struct(kind) and any(field.name in results.KEYS for field in kind)


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


def _texts(name: str, column: pa.Array) -> list[str | None]:
    return [result_text(each) for each in _as_they_stand(column)] if name == "result" else written_texts(column)


def _values(name: str, column: pa.Array) -> list[Any]:
    if name == "tools":
        return [read_listed(each) for each in (written_texts(column) if is_text(column.type) else values_of(column))]
    if name == "result":
        # The whole object, where it is one: what it says of the result is for summaries.
        return [None if is_no_result(each) else each for each in _as_they_stand(column)]
    return written_texts(column) if is_text(column.type) or name in NAMES or name == "key" else values_of(column)


def _as_they_stand(column: pa.Array) -> list[Any]:
    return values_of(column) if _is_nested(column.type) else written_texts(column)
