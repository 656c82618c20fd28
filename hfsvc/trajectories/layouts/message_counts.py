"""Counts of messages and characters by who speaks, without making Python's texts of them. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from hfsvc.atif import TextPart, Trajectory
from hfsvc.trajectories.layouts.conversation import Conversation, Unreadable


class MessageCounts(NamedTuple):
    """How many messages the rows of a batch have, who speaks in them, and how much.

    Attributes:
        lengths: Messages of every row; None for a row that cannot be read.
        roles: Who speaks, message after message over all rows that can be read.
        characters: How many characters each of them has; a message without text has none.
    """

    lengths: list[int | None]
    roles: list[str | None]
    characters: list[int]


class CountedByRow(ABC):
    """A layout whose messages are counted row by row, as its conversations have them."""

    @abstractmethod
    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Trajectory | Unreadable]:
        """As `Layout.conversations`."""

    def message_counts(self, batch: pa.RecordBatch) -> MessageCounts:
        """As `Layout.message_counts`."""
        return counts_of_rows(self.conversations(batch))


def count_text(*columns: pa.Array) -> list[int] | None:
    """Characters of every text, 0 for null, without making Python's texts of them.

    Args:
        columns: Where a text may be; the first of them that is not null is counted.

    Returns:
        None where Arrow cannot count them: columns of other types, or text that is no UTF-8.
    """
    kinds = {column.type for column in columns}
    if kinds not in ({pa.string()}, {pa.large_string()}):
        return None
    texts = pc.call_function("coalesce", [*columns])
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return None
    counted: list[int] = pc.call_function("utf8_length", [texts]).fill_null(0).to_pylist()
    return counted


def counts_of_rows(rows: Iterable[Conversation | Trajectory | Unreadable]) -> MessageCounts:
    """The counts of rows that were read already."""
    lengths: list[int | None] = []
    messages: list[tuple[str | None, int]] = []
    for row in rows:
        found = [] if isinstance(row, Unreadable) else [*_messages(row)]
        lengths.append(len(found) or None)
        messages += found
    return MessageCounts(lengths, [role for role, _ in messages], [characters for _, characters in messages])


def _messages(row: Conversation | Trajectory) -> Iterator[tuple[str | None, int]]:
    if isinstance(row, Trajectory):
        return ((step.source, count_characters(step.message)) for step in row.steps)
    return ((message.role, count_characters(message.content)) for message in row.messages)


def count_characters(content: Any) -> int:
    """Characters of the text in a message's content: a text, a list of parts, or nothing."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, TextPart):
        return len(content.text)
    if isinstance(content, dict):
        return count_characters(content.get("text"))
    return sum(map(count_characters, content)) if isinstance(content, list | tuple) else 0
