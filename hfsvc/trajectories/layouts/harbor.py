"""Rows as ``harbor traces export`` writes them.

Source: the export's layout as published in 2025 and 2026. Columns may be missing, extra, in any order or of null type;
``conversations`` is a list of structs with ``role`` and ``content`` in either order, and both may be null.
"""

from collections.abc import Iterator

import pyarrow as pa

from hfsvc.trajectories.columns import field_of, is_list, is_text, texts_of, written_texts
from hfsvc.trajectories.conversation import Conversation, Message, Unreadable

MESSAGES = "conversations"
TEXT_COLUMNS = (
    "agent",
    "model",
    "model_provider",
    "date",
    "task",
    "episode",
    "run_id",
    "trial_name",
    "result",
    "trace_source",
)


class HarborRows:
    """The layout ``harbor``."""

    name = "harbor"

    def misfit(self, schema: pa.Schema) -> str | None:
        for name in (MESSAGES, *TEXT_COLUMNS):
            if (times := schema.names.count(name)) > 1:
                return f"it has {times} columns {name!r}"
        if MESSAGES not in schema.names:
            return f"it has no column {MESSAGES!r}, only {', '.join(schema.names) or 'none'}"
        return _messages_misfit(schema.field(MESSAGES).type)

    def columns(self, schema: pa.Schema) -> list[str]:
        return [name for name in schema.names if name == MESSAGES or name in TEXT_COLUMNS]

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        try:
            rows = list(zip(_text_rows(batch), _messages(batch), strict=True))
        except UnicodeDecodeError:
            # Row by row, so that only the rows that hold it are lost.
            yield from self._one_by_one(batch)
            return
        for columns, messages in rows:
            if messages:
                yield Conversation(messages, columns)
            else:
                yield Unreadable(MESSAGES, "it is null" if messages is None else "it is empty")

    def _one_by_one(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        if batch.num_rows == 1:
            yield Unreadable(MESSAGES, "it is no UTF-8")
            return
        for index in range(batch.num_rows):
            yield from self.conversations(batch.slice(index, 1))


def _messages_misfit(kind: pa.DataType) -> str | None:
    if pa.types.is_null(kind):
        return None
    if not is_list(kind) or not pa.types.is_struct(kind.value_type):
        return f"its column {MESSAGES!r} is {kind}, not a list of messages"
    fields = {field.name: field.type for field in kind.value_type}
    if lacking := {"role", "content"} - fields.keys():
        return f"its messages have no field {' and '.join(sorted(lacking))}"
    wrong = [name for name in ("role", "content") if not is_text(fields[name])]
    return f"the {wrong[0]} of its messages is {fields[wrong[0]]}, not text" if wrong else None


def _text_rows(batch: pa.RecordBatch) -> Iterator[dict[str, str]]:
    columns = {name: written_texts(batch.column(name)) for name in batch.schema.names if name in TEXT_COLUMNS}
    for values in zip(*columns.values(), strict=True) if columns else ((),) * batch.num_rows:
        yield {name: value for name, value in zip(columns, values, strict=True) if value is not None}


def _messages(batch: pa.RecordBatch) -> Iterator[list[Message] | None]:
    column = batch.column(MESSAGES)
    if pa.types.is_null(column.type):
        yield from [None] * batch.num_rows
        return
    # `flatten` leaves out what lies under null rows.
    structs = column.flatten()
    messages = list(map(Message, texts_of(field_of(structs, "role")), texts_of(field_of(structs, "content"))))
    position = 0
    for length in column.value_lengths().to_pylist():
        yield None if length is None else messages[position : position + length]
        position += length or 0
