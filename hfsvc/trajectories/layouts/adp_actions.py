"""The layout ``adp``: actions and observations of the Agent Data Protocol, which are no messages. Pure.

Source: the standardised files of neulab/agent-data-collection (2025): a list in ``content``, each with its ``class_``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from hfsvc.models import LayoutName, ReadOptions
from hfsvc.trajectories.files.arrow_values import is_list
from hfsvc.trajectories.layouts.conversation import Conversation, Message, Unreadable
from hfsvc.trajectories.layouts.message_counts import CountedByRow
from hfsvc.trajectories.layouts.metadata import MetadataColumns, columns_read
from hfsvc.trajectories.layouts.objects import find_objects, may_hold_objects

COLUMN, CLASS = "content", "class_"
# Of a page that was observed, what tells most of it in words.
_PAGE = ("axtree", "html", "url")
_READ = frozenset({CLASS, "content", "description", "function", "kwargs", "language", "source"})


class AdpLayout(CountedByRow):
    """Rows whose messages are told by actions and observations."""

    name: LayoutName = "adp"

    def __init__(self, messages: str, metadata: MetadataColumns) -> None:
        self.messages = messages
        self.metadata = metadata

    @property
    def columns(self) -> list[str]:
        return [self.messages, *columns_read(self.metadata)]

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        for columns, found in zip(self.metadata.rows(batch), find_objects(batch.column(self.messages)), strict=True):
            if isinstance(found, str):
                yield Unreadable(self.messages, found)
            elif not any(CLASS in each for each in found.objects):
                yield Unreadable(self.messages, f"none of its objects has a {CLASS}")
            else:
                messages = [_message(number, each) for number, each in enumerate(found.objects)]
                yield Conversation(messages, columns, found.notes)

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        return [self.messages]

    def count(self, batch: pa.RecordBatch) -> list[int]:
        found = find_objects(batch.column(self.messages))
        return [0 if isinstance(each, str) else len(each.objects) for each in found]


def fit(schema: pa.Schema, options: ReadOptions) -> list[AdpLayout] | str:
    """The reader of a column that may hold actions, or what a file with these columns lacks."""
    name = options.columns.get("messages", COLUMN)
    if schema.names.count(name) != 1 or not _may_hold_actions(schema.field(name).type):
        return f"it has no actions with a {CLASS} in a column {name!r}"
    return [AdpLayout(name, MetadataColumns(schema, (name,), options))]


def _may_hold_actions(kind: pa.DataType) -> bool:
    if is_list(kind) and pa.types.is_struct(kind.value_type):
        return CLASS in {field.name for field in kind.value_type}
    return may_hold_objects(kind)


def _message(number: int, found: Mapping[str, Any]) -> Message:
    fields = {name: value for name, value in found.items() if name not in _READ and value is not None}
    kind, said = found.get(CLASS), found.get("description") or ""
    if kind == "api_action":
        return Message("assistant", said, fields | _call(number, found.get("function"), found.get("kwargs")))
    if kind == "code_action":
        code = {"code": found.get("content")}
        return Message("assistant", said, fields | _call(number, found.get("language") or "code", code))
    if kind == "message_action":
        return Message("assistant", found.get("content"), fields | ({"thought": said} if said else {}))
    if found.get("source") == "user":
        return Message("user", found.get("content"), fields)
    content = found.get("content") or next((found[name] for name in _PAGE if found.get(name)), "")
    return Message("tool", content, fields)


def _call(number: int, name: Any, arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"id": f"action_{number}", "type": "function", "function": function}]}
