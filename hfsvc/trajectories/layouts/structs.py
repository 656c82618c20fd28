"""Messages as a list of structs: the reader that most layouts share. Pure.

A column may be of null type, any message and any field of it null, fields in any order, and further fields there; those
that are not null go to `Message.fields`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from hfsvc.models import LayoutName, ReadOptions
from hfsvc.trajectories.files.arrow_values import (
    cut,
    is_binary,
    is_json,
    is_list,
    is_text,
    item_changes,
    lengths_of,
    texts_of,
    values_of,
    written_texts,
)
from hfsvc.trajectories.files.lenient_json import read_json, read_listed
from hfsvc.trajectories.layouts.conversation import (
    CALLS,
    FURTHER,
    NO_FIELDS,
    NO_UTF8,
    Conversation,
    Message,
    Unreadable,
)
from hfsvc.trajectories.layouts.message_counts import MessageCounts, count_text, counts_of_rows
from hfsvc.trajectories.layouts.metadata import MetadataColumns, columns_read


class MessageShape(NamedTuple):
    """What the messages of a layout look like.

    Attributes:
        name: Of the layout.
        columns: Where the messages may be, the likeliest first.
        role: The field that says who speaks.
        content: The fields that say what; of the later ones the first that is not null, where the first is.
        parts: Whether the content may be something else than text, such as a list of parts.
    """

    name: LayoutName
    columns: tuple[str, ...]
    role: str
    content: tuple[str, ...]
    parts: bool = False


class StructLayout:
    """Rows whose messages are structs of a `MessageShape`, as a file with these columns has them."""

    def __init__(self, shape: MessageShape, messages: str, metadata: MetadataColumns) -> None:
        self.name: LayoutName = shape.name
        self.messages = messages
        self.metadata = metadata
        self._role = shape.role
        self._content = shape.content

    @property
    def columns(self) -> list[str]:
        return [self.messages, *columns_read(self.metadata)]

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        try:
            rows = list(zip(self.metadata.rows(batch), self._messages(batch), strict=True))
        except UnicodeDecodeError:
            # Row by row, so that only the rows that hold it are lost.
            yield from self._one_by_one(batch)
            return
        column = batch.column(self.messages)
        notes = {} if pa.types.is_null(column.type) else item_changes(column)
        for row, (columns, messages) in enumerate(rows):
            if messages:
                yield Conversation(messages, columns, notes.get(row, ()))
            else:
                yield Unreadable(self.messages, "it is null" if messages is None else "it is empty")

    def _one_by_one(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        if batch.num_rows == 1:
            yield Unreadable(self.messages, NO_UTF8)
            return
        for index in range(batch.num_rows):
            yield from self.conversations(batch.slice(index, 1))

    def _messages(self, batch: pa.RecordBatch) -> Iterator[list[Message] | None]:
        column = batch.column(self.messages)
        if pa.types.is_null(column.type):
            return iter([None] * batch.num_rows)
        # `flatten` leaves out what lies under null rows, and under null messages.
        fields = _fields(column.flatten())
        roles = _texts(fields.pop(self._role))
        contents = values_of(fields.pop(self._content[0]))
        others = _objects(fields)
        messages = map(self._merged, roles, contents, others) if others else map(Message, roles, contents)
        return cut(list(messages), lengths_of(column))

    def _merged(self, role: str | None, content: Any, fields: dict[str, Any]) -> Message:
        for name in self._content[1:] if content is None else ():
            if name in fields:
                content = fields.pop(name)
                break
        return Message(role, content, fields or NO_FIELDS)

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        below = [path for path in leaves if path.startswith(f"{self.messages}.")]
        return [path for path in below if path.endswith(f".{self._role}")] or [self.messages]

    def count(self, batch: pa.RecordBatch) -> list[int]:
        if self.messages not in batch.schema.names or pa.types.is_null(batch.column(self.messages).type):
            return [0] * batch.num_rows
        return [length or 0 for length in lengths_of(batch.column(self.messages))]

    def message_counts(self, batch: pa.RecordBatch) -> MessageCounts:
        return self._arrow_counts(batch.column(self.messages)) or counts_of_rows(self.conversations(batch))

    def _arrow_counts(self, column: pa.Array) -> MessageCounts | None:
        if pa.types.is_null(column.type):
            return None
        fields = _fields(column.flatten())
        characters = count_text(*(fields[name] for name in self._content if name in fields))
        if characters is None:
            return None
        try:
            roles = _texts(fields[self._role])
        except UnicodeDecodeError:
            return None
        return MessageCounts([length or None for length in lengths_of(column)], roles, characters)


def _fields(structs: pa.StructArray) -> dict[str, pa.Array]:
    return {field.name: values for field, values in zip(structs.type, structs.flatten(), strict=True)}


def _texts(column: pa.Array) -> list[str | None]:
    return written_texts(column) if is_binary(column.type) else texts_of(column)


def _field(name: str, column: pa.Array) -> list[Any]:
    values = values_of(column)
    if name in CALLS and is_list(column.type) and is_text(column.type.value_type):
        return [read_listed(each) for each in values]
    return values


def _objects(fields: Mapping[str, pa.Array]) -> list[dict[str, Any]]:
    """What each message has of some fields; an empty list where none of them holds anything."""
    filled = {name: _field(name, values) for name, values in fields.items() if values.null_count < len(values)}
    rows = zip(*filled.values(), strict=True) if filled else ()
    made = [{name: value for name, value in zip(filled, row, strict=True) if value is not None} for row in rows]
    return list(map(spread, made)) if FURTHER in filled else made


def spread(held: dict[str, Any]) -> dict[str, Any]:
    """Fields beside which others stand as the JSON text of an object, with these among them."""
    try:
        further = read_json(held[FURTHER]).value if FURTHER in held else {}
    except (TypeError, ValueError, RecursionError):
        return held
    if not isinstance(further, dict):
        return held
    return {name: value for name, value in held.items() if name != FURTHER} | further


def fit_structs(shape: MessageShape, schema: pa.Schema, options: ReadOptions) -> list[StructLayout] | str:
    """The readers of columns of this shape, the likeliest first, or what a file with these columns lacks; types tell.

    A column that is null throughout comes last.
    """
    wanted = override_shape(shape, options)
    present = [name for name in wanted.columns if name in schema.names]
    if not present:
        return f"it has no column {' or '.join(map(repr, wanted.columns))}"
    reasons = {name: _misfit(wanted, name, schema) for name in present}
    fitting = [name for name, reason in reasons.items() if reason is None]
    if not fitting:
        return ", and ".join(filter(None, reasons.values()))
    ordered = sorted(fitting, key=lambda name: pa.types.is_null(schema.field(name).type))
    return [StructLayout(wanted, name, MetadataColumns(schema, ordered, options)) for name in ordered]


def override_shape(shape: MessageShape, options: ReadOptions) -> MessageShape:
    """The shape with the column and the fields that options name."""
    given = options.columns
    return shape._replace(
        columns=(given["messages"],) if "messages" in given else shape.columns,
        role=given.get("role", shape.role),
        content=(given["content"],) if "content" in given else shape.content,
    )


def _misfit(shape: MessageShape, column: str, schema: pa.Schema) -> str | None:
    if (times := schema.names.count(column)) > 1:
        return f"it has {times} columns {column!r}"
    kind = schema.field(column).type
    if pa.types.is_null(kind):
        return None
    if not is_list(kind) or not pa.types.is_struct(kind.value_type):
        return f"its column {column!r} is {kind}, not a list of messages"
    fields = {field.name: field.type for field in kind.value_type}
    if lacking := {shape.role, shape.content[0]} - fields.keys():
        return f"the messages in {column!r} have no field {' and '.join(sorted(lacking))}"
    if not is_text(fields[shape.role]) and not is_binary(fields[shape.role]):
        return f"the {shape.role} of the messages in {column!r} is {fields[shape.role]}, not text"
    return _content_misfit(shape, column, fields[shape.content[0]])


def _content_misfit(shape: MessageShape, column: str, kind: pa.DataType) -> str | None:
    if is_text(kind) or is_binary(kind) or (shape.parts and (is_list(kind) or is_json(kind))):
        return None
    return (
        f"the {shape.content[0]} of the messages in {column!r} is {kind}, not text{' or parts' if shape.parts else ''}"
    )
