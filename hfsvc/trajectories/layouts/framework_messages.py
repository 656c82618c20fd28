"""The layout ``frameworks``: messages as agents' frameworks and other model APIs have them. Pure.

Their objects say in another way than ``role`` and ``content`` who speaks, or hold calls where others hold text. Each kind is
a module of `hfsvc.trajectories.layouts.frameworks`, told by what a row's objects have.
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from hfsvc.models import LayoutName, ReadOptions
from hfsvc.trajectories.files.arrow_values import is_json, is_list
from hfsvc.trajectories.layouts.conversation import LIKELY_COLUMNS, Conversation, Message, Unreadable
from hfsvc.trajectories.layouts.frameworks import (
    ai_sdk,
    autogen,
    bedrock,
    gemini_contents,
    langchain,
    llama_stack,
    response_items,
)
from hfsvc.trajectories.layouts.frameworks.pieces import Object
from hfsvc.trajectories.layouts.in_turn import OF_NO_FRAMEWORK
from hfsvc.trajectories.layouts.message_counts import CountedByRow
from hfsvc.trajectories.layouts.metadata import MetadataColumns, columns_read
from hfsvc.trajectories.layouts.objects import find_objects, may_hold_objects

COLUMNS = (*LIKELY_COLUMNS, "contents", "items", "response_items", "input", "turns")
KINDS = (langchain, response_items, bedrock, ai_sdk, gemini_contents, llama_stack, autogen)
# What structs have somewhere in them, where they are of one of the kinds.
_MARKS = frozenset({
    *("type", "lc", "data", "kwargs", "payload", "parts", "input_messages"),
    *("toolUse", "toolResult", "reasoningContent", "toolCallId", "toolInvocation"),
})  # fmt: skip


class FrameworkLayout(CountedByRow):
    """Rows whose messages are those of a framework."""

    name: LayoutName = "frameworks"

    def __init__(self, messages: str, metadata: MetadataColumns) -> None:
        self.messages = messages
        self.metadata = metadata

    @property
    def columns(self) -> list[str]:
        return [self.messages, *columns_read(self.metadata)]

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        for columns, found in zip(self.metadata.rows(batch), find_objects(batch.column(self.messages)), strict=True):
            read = found if isinstance(found, str) else read_objects(found.objects)
            if isinstance(found, str) or isinstance(read, str):
                yield Unreadable(self.messages, str(read))
            else:
                yield Conversation(read, columns, found.notes)

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        return [self.messages]

    def count(self, batch: pa.RecordBatch) -> list[int]:
        found = find_objects(batch.column(self.messages))
        read = (each if isinstance(each, str) else read_objects(each.objects) for each in found)
        return [0 if isinstance(each, str) else len(each) for each in read]


def fit(schema: pa.Schema, options: ReadOptions) -> list[FrameworkLayout] | str:
    """The readers of columns that may hold messages of a framework, or what a file with these columns lacks."""
    wanted = (options.columns["messages"],) if "messages" in options.columns else COLUMNS
    fitting = [name for name in wanted if schema.names.count(name) == 1 and _may_hold(schema.field(name).type)]
    if not fitting:
        return f"it has no objects in a column {' or '.join(map(repr, wanted))}"
    metadata = MetadataColumns(schema, fitting, options)
    return [FrameworkLayout(name, metadata) for name in fitting]


def _may_hold(kind: pa.DataType) -> bool:
    if is_list(kind):
        inner = kind.value_type
        return may_hold_objects(kind) or is_json(inner) or (pa.types.is_struct(inner) and _is_marked(inner))
    return may_hold_objects(kind)


def _is_marked(kind: pa.DataType) -> bool:
    """Whether a type has, at any depth, a field that tells a framework, or hides what it has."""
    if is_json(kind):
        return True
    fields = [kind.field(index) for index in range(kind.num_fields)]
    return any(field.name in _MARKS or _is_marked(field.type) for field in fields)


def read_objects(objects: Sequence[Object]) -> list[Message] | str:
    """The messages that a row's objects tell; else why they are of no framework."""
    kind = next((each for each in KINDS if each.is_of(objects)), None)
    if kind is None:
        return OF_NO_FRAMEWORK
    return kind.read(objects) or "nobody says anything in it"
