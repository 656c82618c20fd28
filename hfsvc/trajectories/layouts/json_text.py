"""The layout ``json``: the messages of a row as JSON in one text. Pure.

A message is an object with ``role`` and ``content``, ``from`` and ``value``, or ``role`` and ``text``; what else it holds
goes to `Message.fields`.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

import msgspec
import pyarrow as pa

from hfsvc.models import LayoutName, ReadOptions
from hfsvc.trajectories.files.arrow_values import is_text, texts_of
from hfsvc.trajectories.layouts.conversation import NO_FIELDS, Conversation, Message, Unreadable
from hfsvc.trajectories.layouts.message_counts import MessageCounts, counts_of_rows
from hfsvc.trajectories.layouts.metadata import MetadataColumns

COLUMNS = ("messages", "conversations", "trajectory", "trace", "history")
ROLES = ("role", "from")
CONTENTS = ("content", "value", "text")
_Objects = list[dict[str, Any]]


class JsonTextLayout:
    """Rows whose messages are JSON, as a file with these columns has them."""

    name: LayoutName = "json"

    def __init__(
        self, messages: str, metadata: MetadataColumns, roles: tuple[str, ...], contents: tuple[str, ...]
    ) -> None:
        self.messages = messages
        self.metadata = metadata
        self._roles = roles
        self._contents = contents

    @property
    def columns(self) -> list[str]:
        return [self.messages, *dict.fromkeys(self.metadata.columns.values())]

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        for columns, found in zip(self.metadata.rows(batch), self._objects(batch), strict=True):
            if isinstance(found, Unreadable):
                yield found
            else:
                yield Conversation([self._message(each) for each in found], columns)

    def _objects(self, batch: pa.RecordBatch) -> list[_Objects | Unreadable]:
        found = [read_objects(text) for text in _texts(batch.column(self.messages))]
        return [Unreadable(self.messages, each) if isinstance(each, str) else each for each in found]

    def _message(self, found: dict[str, Any]) -> Message:
        role = next((name for name in self._roles if name in found), None)
        content = next((name for name in self._contents if found.get(name) is not None), None)
        fields = {name: value for name, value in found.items() if value is not None and name not in {role, content}}
        speaker = found[role] if role else None
        named = speaker is None or isinstance(speaker, str)
        return Message(speaker if named else str(speaker), found[content] if content else None, fields or NO_FIELDS)

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        return [self.messages]

    def count(self, batch: pa.RecordBatch) -> list[int]:
        return [0 if isinstance(each, Unreadable) else len(each) for each in self._objects(batch)]

    def message_counts(self, batch: pa.RecordBatch) -> MessageCounts:
        return counts_of_rows(self.conversations(batch))


def fit(schema: pa.Schema, options: ReadOptions, head: pa.RecordBatch | None = None) -> JsonTextLayout | str:
    """The reader of a file with these columns, or what they lack to hold messages as JSON.

    Args:
        schema: The columns.
        options: Which other names they have.
        head: The first rows; without them any text in a likely column is taken for JSON.
    """
    texts = text_columns(schema, options)
    if not texts:
        return f"it has no text in a column {' or '.join(map(repr, _likely(options)))}"
    fitting = [name for name in texts if head is None or _holds_messages(head, name)]
    if not fitting:
        return f"the text in {' and '.join(map(repr, texts))} is no JSON list of messages"
    given = options.columns
    roles = (given["role"],) if "role" in given else ROLES
    contents = (given["content"],) if "content" in given else CONTENTS
    return JsonTextLayout(fitting[0], MetadataColumns(schema, fitting[0], options), roles, contents)


def text_columns(schema: pa.Schema, options: ReadOptions) -> list[str]:
    """The columns whose text may be the messages, the likeliest first."""
    once = [name for name in _likely(options) if schema.names.count(name) == 1]
    return [name for name in once if _is_written(schema.field(name).type)]


def _likely(options: ReadOptions) -> tuple[str, ...]:
    return (options.columns["messages"],) if "messages" in options.columns else COLUMNS


def _is_written(kind: pa.DataType) -> bool:
    return is_text(kind) and not pa.types.is_null(kind)


def _holds_messages(head: pa.RecordBatch, name: str) -> bool:
    """Whether one of the first rows does, or none of them holds anything."""
    texts = [text for text in _texts(head.column(name)) if text is not None]
    return not texts or any(not isinstance(read_objects(text), str) for text in texts)


def _texts(column: pa.Array) -> list[str | bytes | None]:
    try:
        return [*texts_of(column)]
    except UnicodeDecodeError:
        return [*column.cast(pa.large_binary()).to_pylist()]


def read_objects(text: str | bytes | None) -> _Objects | str:
    """The messages in a JSON text; else why there are none."""
    if text is None:
        return "it is null"
    try:
        found = _decode(text)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON: {error}"
    if not isinstance(found, list):
        return "its JSON is no list of messages"
    strange = next((index for index, each in enumerate(found) if not isinstance(each, dict)), None)
    if strange is not None:
        return f"message {strange} in it is no object"
    return found or "it is empty"


def _decode(text: str | bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        # Python's own writer puts out NaN, which is no JSON, and halves of characters, which are no text.
        found = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
        json.dumps(found, ensure_ascii=False).encode()
        return found


def _finite(number: str) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None
