"""Rows as ``harbor traces export`` writes them, to ATIF: one step a message, nothing interpreted. Pure.

Source: the export's layout as published in 2025 and 2026. Columns may be missing, extra, in any order or of null type;
``conversations`` is a list of structs with ``role`` and ``content`` in either order, and both may be null.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa

from hfsvc.atif import Agent, SchemaVersion, Source, Step, Trajectory

MESSAGES = "conversations"
TEXT_COLUMNS = ("agent", "model", "model_provider", "date", "task", "episode", "run_id", "trial_name", "result")
SCHEMA_VERSION: SchemaVersion = "ATIF-v1.4"
# The rows do not say which version of the agent wrote them; this is what the format's first consumer expects.
AGENT_VERSION = "1.0"


class Unreadable(NamedTuple):
    """A row that cannot become a trajectory."""

    column: str
    reason: str


def missing_columns(schema: pa.Schema) -> str | None:
    """What a file lacks to be of this layout; None when it fits."""
    for name in (MESSAGES, *TEXT_COLUMNS):
        if (times := schema.names.count(name)) > 1:
            return f"it has {times} columns {name!r}"
    if MESSAGES not in schema.names:
        return f"it has no column {MESSAGES!r}, only {', '.join(schema.names) or 'none'}"
    kind = schema.field(MESSAGES).type
    if pa.types.is_null(kind):
        return None
    if not _is_list(kind) or not pa.types.is_struct(kind.value_type):
        return f"its column {MESSAGES!r} is {kind}, not a list of messages"
    fields = {field.name: field.type for field in kind.value_type}
    if lacking := {"role", "content"} - fields.keys():
        return f"its messages have no field {' and '.join(sorted(lacking))}"
    wrong = [name for name in ("role", "content") if not _is_text(fields[name])]
    return f"the {wrong[0]} of its messages is {fields[wrong[0]]}, not text" if wrong else None


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(is_text(kind) for is_text in texts)


def wanted_columns(schema: pa.Schema) -> list[str]:
    """The columns to read."""
    return [name for name in schema.names if name == MESSAGES or name in TEXT_COLUMNS]


def trajectories_of(batch: pa.RecordBatch, repo: str, first_row: int) -> Iterator[Trajectory | Unreadable]:
    """One trajectory, or the reason why there is none, for every row of a batch.

    Args:
        batch: With the columns of `wanted_columns`.
        repo: Written into ``extra.source``.
        first_row: Number of the batch's first row in the dataset.
    """
    try:
        rows = list(zip(text_rows(batch), _messages(batch), strict=True))
    except UnicodeDecodeError:
        # Parquet does not promise that text is UTF-8. Row by row, so that only the rows that hold it are lost.
        if batch.num_rows == 1:
            yield Unreadable(MESSAGES, "it is no UTF-8")
            return
        for index in range(batch.num_rows):
            yield from trajectories_of(batch.slice(index, 1), repo, first_row + index)
        return
    for number, (row, messages) in enumerate(rows, first_row):
        if messages is None:
            yield Unreadable(MESSAGES, "it is null")
        elif not messages:
            yield Unreadable(MESSAGES, "it is empty")
        else:
            yield _trajectory(row, messages, repo, number)


def text_rows(batch: pa.RecordBatch) -> Iterator[dict[str, str | None]]:
    """The text columns of a batch, row by row; values that are no texts are written as such."""
    columns = {name: _texts(batch.column(name)) for name in batch.schema.names if name in TEXT_COLUMNS}
    for values in zip(*columns.values(), strict=True) if columns else ((),) * batch.num_rows:
        yield dict(zip(columns, values, strict=True))


def _texts(column: pa.Array) -> list[str | None]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        # Python's datetime has no nanoseconds, and Arrow refuses to leave them out.
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        values = column.cast(pa.large_binary()).to_pylist()
    return [None if value is None else _text(value) for value in values]


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _messages(batch: pa.RecordBatch) -> Iterator[list[tuple[str | None, str | None]] | None]:
    column = batch.column(MESSAGES)
    if pa.types.is_null(column.type):
        yield from [None] * batch.num_rows
        return
    # Struct fields by name: both orders exist on the Hub. `flatten` leaves out what lies under null rows.
    structs = column.flatten()
    pairs = list(zip(_field(structs, "role"), _field(structs, "content"), strict=True))
    position = 0
    for length in column.value_lengths().to_pylist():
        yield None if length is None else pairs[position : position + length]
        position += length or 0


def _field(structs: pa.StructArray, name: str) -> list[str | None]:
    # StructArray.field ignores the nulls of the struct itself; flatten applies them.
    index = structs.type.get_field_index(name)
    values: list[Any] = structs.flatten()[index].to_pylist()
    return values


def _trajectory(
    row: dict[str, str | None], messages: list[tuple[str | None, str | None]], repo: str, number: int
) -> Trajectory:
    timestamp = _timestamp(row.get("date"))
    steps = [_step(index, role, text, timestamp) for index, (role, text) in enumerate(messages, 1)]
    return Trajectory(
        schema_version=SCHEMA_VERSION,
        session_id=_session_id(row, number),
        agent=Agent(name=row.get("agent") or "unknown", version=AGENT_VERSION, model_name=row.get("model")),
        steps=steps,
        extra=_extra(row, repo),
    )


def _step(index: int, role: str | None, text: str | None, timestamp: str | None) -> Step:
    source: Source = "agent" if role == "assistant" else "user"
    extra = None if role in {"assistant", "user"} else {"original_role": role}
    return Step(step_id=index, timestamp=timestamp, source=source, message=text or "", extra=extra)


def _session_id(row: dict[str, str | None], number: int) -> str:
    parts = (row.get("task"), row.get("episode"))
    return row.get("run_id") or "__".join(part for part in parts if part) or f"row_{number}"


def _timestamp(date: str | None) -> str | None:
    """The date where it is ISO 8601 as ATIF's readers parse it (rule 11: `fromisoformat`, with ``Z`` for UTC)."""
    try:
        datetime.fromisoformat((date or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return date


def _extra(row: dict[str, str | None], repo: str) -> dict[str, Any]:
    names = ("task", "episode", "trial_name", "model_provider", "run_id", "date")
    return {"source": repo} | {name: row[name] for name in names if row.get(name) is not None}
