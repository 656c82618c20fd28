"""The layout ``turns``: a row a turn, which `hfsvc.trajectories.files.turn_rows` puts together by session. Pure.

Source: SALT-NLP/SWE-chat (2026), whose turns are of types; tables of ``role`` and ``content``.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from hfsvc.models import LayoutName, ReadOptions
from hfsvc.trajectories.files.arrow_values import values_of
from hfsvc.trajectories.files.lenient_json import read_listed
from hfsvc.trajectories.files.turn_rows import GROUPED, ORDERS, SPEAKERS, TEXTS
from hfsvc.trajectories.layouts.conversation import CALLS, NO_UTF8, REASONING, Conversation, Unreadable
from hfsvc.trajectories.layouts.message_counts import CountedByRow
from hfsvc.trajectories.layouts.metadata import MetadataColumns, columns_read
from hfsvc.trajectories.layouts.traces.turns import TurnBuilder

_FIELDS = (*CALLS, *REASONING, "tool_call_id", "tool_call_ids", "name", "tool_name", "timestamp")
# Types of turns, and the roles that say the same.
_ROLES = {
    "user_prompt": "user",
    "user_message": "user",
    "assistant_response": "assistant",
    "assistant_message": "assistant",
    "tool_use": "tool_call",
    "tool_result": "tool",
    "tool_results": "tool",
}
_THINKING = frozenset({"assistant_thinking", "thinking", "reasoning"})


class TurnsMetadata:
    """The columns beside what is said; a session has of each what its first turn with a value has."""

    def __init__(self, turn: MetadataColumns) -> None:
        self.columns: Mapping[str, tuple[str, ...]] = turn.columns
        self._turn = turn

    def texts(self, batch: pa.RecordBatch, names: Collection[str]) -> dict[str, list[str | None]]:
        return self._turn.texts(self._firsts(batch), names)

    def rows(self, batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
        """What every session of a batch has, by hfsvc's names; what is null is left out."""
        return self._turn.rows(self._firsts(batch))

    def _firsts(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        names = [name for name in columns_read(self._turn) if name in batch.schema.names]
        arrays = [_firsts(batch.column(name)) for name in names]
        if not names:
            return pa.record_batch([pa.nulls(batch.num_rows)], [""])
        return pa.RecordBatch.from_arrays(arrays, names=names)


class TurnsLayout(CountedByRow):
    """Rows that are the turns of a session each."""

    name: LayoutName = "turns"

    def __init__(self, schema: pa.Schema, speaker: str, text: str, options: ReadOptions) -> None:
        self.messages = text
        self._speaker = speaker
        self._fields = [name for name in _FIELDS if name in schema.names]
        turn = pa.schema([(field.name, field.type.value_type) for field in schema])
        session = schema.metadata[GROUPED].decode()
        self.metadata = TurnsMetadata(
            MetadataColumns(turn, (speaker, text, *ORDERS, *self._fields), _with_run(options, session))
        )

    @property
    def columns(self) -> list[str]:
        return [self._speaker, self.messages, *self._fields, *columns_read(self.metadata)]

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        for row, columns in enumerate(self.metadata.rows(batch)):
            try:
                turns = [*self._turns(batch.slice(row, 1))]
            except UnicodeDecodeError:
                yield Unreadable(self.messages, NO_UTF8)
                continue
            yield _conversation(turns, columns) if turns else Unreadable(self.messages, "it is empty")

    def _turns(self, batch: pa.RecordBatch) -> Iterator[tuple[Any, Any, dict[str, Any]]]:
        speakers, texts = (values_of(batch.column(name))[0] for name in (self._speaker, self.messages))
        fields = {name: values_of(batch.column(name))[0] for name in self._fields}
        for turn, (speaker, text) in enumerate(zip(speakers, texts, strict=True)):
            if speaker is not None or text is not None:
                more = {name: values[turn] for name, values in fields.items() if values[turn] is not None}
                yield speaker, text, {name: read_listed(each) if name in CALLS else each for name, each in more.items()}

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        return self.columns

    def count(self, batch: pa.RecordBatch) -> list[int]:
        return [len(row.messages) if isinstance(row, Conversation) else 0 for row in self.conversations(batch)]


def fit(schema: pa.Schema, options: ReadOptions) -> list[TurnsLayout] | str:
    """The reader of a file whose rows were put together, or why they were not."""
    if GROUPED not in (schema.metadata or {}):
        return "its rows are no turns with a session, a role and a text"
    given = options.columns
    speakers = (given["role"],) if "role" in given else SPEAKERS
    texts = (given["messages"],) if "messages" in given else (given["content"],) if "content" in given else TEXTS
    speaker = next((name for name in speakers if name in schema.names), None)
    text = next((name for name in texts if name in schema.names and name != speaker), None)
    if speaker is None or text is None:
        return "its turns have no role and no text"
    return [TurnsLayout(schema, speaker, text, options)]


def _with_run(options: ReadOptions, session: str) -> ReadOptions:
    return msgspec.structs.replace(options, columns={"run_id": session, **options.columns})


def _firsts(column: pa.Array) -> pa.Array:
    values, kind = column, column.type.value_type
    found = [next((each for each in row if each.is_valid), None) for row in (scalar.values for scalar in values)]
    return pa.array([None if each is None else each.as_py() for each in found], kind)


def _conversation(turns: list[tuple[Any, Any, dict[str, Any]]], columns: dict[str, Any]) -> Conversation:
    builder = TurnBuilder()
    for speaker, text, fields in turns:
        role = _ROLES.get(str(speaker), None if speaker is None else str(speaker))
        if speaker in _THINKING and isinstance(text, str):
            builder.think(text)
        elif role == "assistant" and builder.thinks:
            builder.say(text, fields)
            builder.close()
        else:
            builder.add(role, text, fields)
    builder.close()
    return Conversation(builder.messages, columns)
