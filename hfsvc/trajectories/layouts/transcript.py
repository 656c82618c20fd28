"""The layout ``transcript``: a row is one text, in which marks such as ``USER:`` say who speaks. Pure.

Source: glaiveai/glaive-function-calling-v2, Guanaco, and other datasets of texts that were made for trainers, 2023 to 2026.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from hfsvc.models import LayoutName, ReadOptions
from hfsvc.trajectories.files.arrow_values import is_binary, is_text, texts_of
from hfsvc.trajectories.layouts.conversation import LIKELY_COLUMNS, NO_UTF8, Conversation, Unreadable
from hfsvc.trajectories.layouts.message_counts import CountedByRow
from hfsvc.trajectories.layouts.metadata import MetadataColumns, columns_read
from hfsvc.trajectories.layouts.speaker_marks import MARKS, spoken, without_mark

COLUMNS = ("chat", "transcript", "dialogue", "dialog", *LIKELY_COLUMNS, "text", "sample")


class TranscriptLayout(CountedByRow):
    """Rows whose messages are one text, as a file with these columns has them."""

    name: LayoutName = "transcript"

    def __init__(self, messages: str, metadata: MetadataColumns) -> None:
        self.messages = messages
        self.metadata = metadata

    @property
    def columns(self) -> list[str]:
        return [self.messages, *columns_read(self.metadata)]

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        for columns, text in zip(self.metadata.rows(batch), _texts(batch.column(self.messages)), strict=True):
            yield self._read(text, columns)

    def _read(self, text: str | bytes | None, columns: dict[str, Any]) -> Conversation | Unreadable:
        if isinstance(text, bytes):
            return Unreadable(self.messages, NO_UTF8)
        if text is None or not text.strip():
            return Unreadable(self.messages, "it is empty")
        if not (messages := spoken(text, 1)):
            return Unreadable(self.messages, f"no marks in it say who speaks, as {MARKS} do")
        if isinstance(system := columns.get("system"), str):
            columns = {**columns, "system": without_mark(system)}
        return Conversation(messages, columns)

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        return [self.messages]

    def count(self, batch: pa.RecordBatch) -> list[int]:
        texts = _texts(batch.column(self.messages))
        return [len(spoken(text, 1)) if isinstance(text, str) else 0 for text in texts]


def fit(schema: pa.Schema, options: ReadOptions) -> list[TranscriptLayout] | str:
    """The readers of columns of text, or what a file with these columns lacks."""
    wanted = (options.columns["messages"],) if "messages" in options.columns else COLUMNS
    fitting = [name for name in wanted if schema.names.count(name) == 1 and _may_be_text(schema.field(name).type)]
    if not fitting:
        return f"it has no text in a column {' or '.join(map(repr, wanted))}"
    return [TranscriptLayout(name, MetadataColumns(schema, fitting, options)) for name in fitting]


def _may_be_text(kind: pa.DataType) -> bool:
    return not pa.types.is_null(kind) and (is_text(kind) or is_binary(kind))


def _texts(column: pa.Array) -> list[str | bytes | None]:
    """The texts of a column; bytes where one is no UTF-8."""
    try:
        return [*(texts_of(column) if is_text(column.type) else map(_decoded, column.to_pylist()))]
    except UnicodeDecodeError:
        return [*map(_decoded, column.cast(pa.large_binary()).to_pylist())]


def _decoded(value: bytes | None) -> str | bytes | None:
    try:
        return value.decode() if value is not None else None
    except UnicodeDecodeError:
        return value
