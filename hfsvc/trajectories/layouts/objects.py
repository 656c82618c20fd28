"""The layout ``json``: messages as objects, in JSON or in any other column that is no list of like structs. Pure.

A message is an object with ``role`` and ``content``, ``from`` and ``value``, or ``role`` and ``text``; what else it holds
goes to `Message.fields`. A row has them as a JSON text, a list of JSON texts or of maps, a struct of lists, or bytes.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from hfsvc.models import LayoutName, ReadOptions
from hfsvc.trajectories.files.arrow_values import is_binary, is_list, is_text, item_changes, texts_of, values_of
from hfsvc.trajectories.files.lenient_json import read_items, read_json, read_listed
from hfsvc.trajectories.layouts.conversation import (
    CALLS,
    LIKELY_COLUMNS,
    NO_FIELDS,
    NO_UTF8,
    Conversation,
    Message,
    Unreadable,
)
from hfsvc.trajectories.layouts.message_counts import CountedByRow
from hfsvc.trajectories.layouts.metadata import MetadataColumns, columns_read
from hfsvc.trajectories.layouts.structs import MessageShape, override_shape

SHAPE = MessageShape("json", LIKELY_COLUMNS, "role", ("content",), parts=True)
ROLES = ("role", "from")
CONTENTS = ("content", "value", "text", "system_prompt", "parts")
# Python's own parser takes long for long texts.
LONGEST_LITERAL = 1 << 20
Objects = list[dict[str, Any]]


class FoundObjects(NamedTuple):
    """The objects of a row, and which of them are otherwise than the row has them."""

    objects: Objects
    notes: tuple[tuple[int, str], ...] = ()


class ObjectLayout(CountedByRow):
    """Rows whose messages are objects, as a file with these columns has them.

    Args:
        name: Of the layout.
        messages: The column that holds the objects.
        metadata: The other columns.
        roles: Keys that say who speaks; the first that is there counts.
        contents: Keys that say what; the first that is not null counts.
    """

    def __init__(
        self,
        name: LayoutName,
        messages: str,
        metadata: MetadataColumns,
        roles: tuple[str, ...],
        contents: tuple[str, ...],
    ) -> None:
        self.name: LayoutName = name
        self.messages = messages
        self.metadata = metadata
        self._roles = roles
        self._contents = contents

    @property
    def columns(self) -> list[str]:
        return [self.messages, *columns_read(self.metadata)]

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        for columns, found in zip(self.metadata.rows(batch), find_objects(batch.column(self.messages)), strict=True):
            yield Unreadable(self.messages, found) if isinstance(found, str) else self._conversation(found, columns)

    def _conversation(self, found: FoundObjects, columns: dict[str, Any]) -> Conversation | Unreadable:
        if self._says(found.objects):
            return Conversation([self._message(each) for each in found.objects], columns, found.notes)
        keys = ", ".join(dict.fromkeys(key for each in found.objects[:3] for key in each))
        return Unreadable(self.messages, f"none of its objects is a message: they have {keys or 'nothing'}")

    def _says(self, objects: Objects) -> bool:
        keys = (*self._roles, *self._contents)
        return any(each.get(key) is not None for each in objects for key in keys)

    def _message(self, found: dict[str, Any]) -> Message:
        return message_of(found, self._roles, self._contents)

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        return [self.messages]

    def count(self, batch: pa.RecordBatch) -> list[int]:
        found = find_objects(batch.column(self.messages))
        return [0 if isinstance(each, str) or not self._says(each.objects) else len(each.objects) for each in found]


def message_of(
    found: Mapping[str, Any], roles: tuple[str, ...] = ROLES, contents: tuple[str, ...] = CONTENTS
) -> Message:
    """An object as a message: the first of `roles` that is there, and the first of `contents` that is not null."""
    role = next((name for name in roles if name in found), None)
    content = next((name for name in contents if found.get(name) is not None), None)
    fields = {
        name: read_listed(value) if name in CALLS else value
        for name, value in found.items()
        if value is not None and name not in {role, content}
    }
    speaker = found[role] if role else None
    named = speaker is None or isinstance(speaker, str)
    return Message(speaker if named else str(speaker), found[content] if content else None, fields or NO_FIELDS)


def fit(schema: pa.Schema, options: ReadOptions) -> list[ObjectLayout] | str:
    """The readers of columns that may hold messages as objects, of any shape, or what a file with these columns lacks."""
    given = options.columns
    roles = (given["role"],) if "role" in given else ROLES
    contents = (given["content"],) if "content" in given else CONTENTS
    return fit_objects(override_shape(SHAPE, options), schema, options, roles, contents)


def fit_objects(
    shape: MessageShape, schema: pa.Schema, options: ReadOptions, roles: tuple[str, ...], contents: tuple[str, ...]
) -> list[ObjectLayout] | str:
    """The same with these keys of messages, under the name of the shape."""
    once = [name for name in shape.columns if schema.names.count(name) == 1]
    kinds = {name: schema.field(name).type for name in once}
    fitting = [
        name for name, kind in kinds.items() if may_hold_objects(kind) or _may_be_messages(shape, kind, roles, contents)
    ]
    if not fitting:
        return f"it has no text in a column {' or '.join(map(repr, shape.columns))}"
    return [
        ObjectLayout(shape.name, name, MetadataColumns(schema, fitting, options), roles, contents) for name in fitting
    ]


def may_hold_objects(kind: pa.DataType) -> bool:
    """Whether values of a type may be lists of objects, if only written as text."""
    if pa.types.is_null(kind):
        return False
    if is_list(kind):
        inner = kind.value_type
        return is_text(inner) or is_binary(inner) or pa.types.is_map(inner)
    return is_text(kind) or is_binary(kind) or pa.types.is_struct(kind)


def _may_be_messages(shape: MessageShape, kind: pa.DataType, roles: tuple[str, ...], contents: tuple[str, ...]) -> bool:
    """Whether lists are of structs with a text for a role, and a content, if under names of two shapes; or in pairs."""
    if not is_list(kind):
        return False
    inner = kind.value_type
    if shape.parts and is_list(inner):
        return may_hold_objects(inner) or _may_be_messages(shape, inner, roles, contents)
    if not pa.types.is_struct(inner):
        return False
    speaks = any(field.name in roles and is_text(field.type) for field in inner)
    return speaks and any(field.name in contents and _may_be_content(shape, field.type) for field in inner)


def _may_be_content(shape: MessageShape, kind: pa.DataType) -> bool:
    return is_text(kind) or is_binary(kind) or (shape.parts and pa.types.is_nested(kind))


def find_objects(column: pa.Array) -> list[FoundObjects | str]:
    """For every row of a column its objects, or why there are none."""
    changes = item_changes(column) if is_list(column.type) else {}
    try:
        return [_found(value, changes.get(row, ())) for row, value in enumerate(_values(column))]
    except UnicodeDecodeError:
        if len(column) == 1:
            return [NO_UTF8]
        return [each for row in range(len(column)) for each in find_objects(column.slice(row, 1))]


def _values(column: pa.Array) -> list[Any]:
    kind = column.storage.type if isinstance(column, pa.ExtensionArray) else column.type
    if is_binary(kind):
        return [*column.cast(pa.large_binary()).to_pylist()]
    if is_text(kind):
        try:
            return [*texts_of(column.storage if isinstance(column, pa.ExtensionArray) else column)]
        except UnicodeDecodeError:
            return [*column.cast(pa.large_binary()).to_pylist()]
    return values_of(column)


def _found(value: Any, notes: tuple[tuple[int, str], ...]) -> FoundObjects | str:
    if isinstance(value, str | bytes):
        if not value.strip():
            return "it is empty"
        try:
            value, notes = read_json(value)
            if isinstance(value, str):
                # Some writers put JSON into JSON.
                value, notes = read_json(value)
        except (ValueError, RecursionError) as error:
            if (value := _written_by_python(value)) is None:
                return f"it is no JSON: {error}"
    if isinstance(value, dict):
        value = _transposed(value)
    value, more = read_items(value)
    found = _listed(value)
    return found if isinstance(found, str) else FoundObjects(found, (*notes, *more))


def _written_by_python(text: Any) -> Any:
    """The list that Python printed, as tables have it whose writers knew no JSON; None where a text is none."""
    if not isinstance(text, str) or not text.lstrip().startswith("[{") or len(text) > LONGEST_LITERAL:
        return None
    try:
        # Once through JSON, which has no tuples, sets and bytes.
        return msgspec.json.decode(msgspec.json.encode(ast.literal_eval(text.strip())))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _listed(value: Any) -> Objects | str:
    if value is None:
        return "it is null"
    if isinstance(value, list) and value and all(isinstance(each, list) for each in value):
        # Turns in pairs.
        value = [each for pair in value for each in pair]
    if not isinstance(value, list):
        return "its JSON is no list of messages"
    strange = next((index for index, each in enumerate(value) if not isinstance(each, dict)), None)
    if strange is not None:
        return f"message {strange} in it is no object"
    return value or "it is empty"


def _transposed(value: dict[str, Any]) -> Any:
    """Lists by key as objects in a list: what `datasets` makes of a sequence of structs. Anything else as it is."""
    columns = {key: each for key, each in value.items() if each is not None}
    lists = [each for each in columns.values() if isinstance(each, list)]
    if len(columns) == 1 and len(lists) == 1 and lists[0] and all(isinstance(each, dict) for each in lists[0]):
        return lists[0]
    is_table = bool(columns.keys() & {*ROLES}) and len(lists) == len(columns) and len(set(map(len, lists))) == 1
    if not is_table:
        return next((columns[name] for name in LIKELY_COLUMNS if isinstance(columns.get(name), list)), value)
    return [dict(zip(columns, each, strict=True)) for each in zip(*lists, strict=True)]
