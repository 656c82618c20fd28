"""A row between layout and style: a list of messages, and its other columns. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

NO_FIELDS: Mapping[str, Any] = {}

CALLS = ("tool_calls", "function_call", "function_calls")
"""Fields of a message that hold calls."""

LIKELY_COLUMNS = ("messages", "conversations", "conversation", "trajectory", "traj", "trace", "history")
"""Columns that may hold messages, the likeliest first."""

FURTHER = "further_fields"
"""A field of our own tables that holds, as the JSON text of an object, the fields that have no column."""

REASONING = ("reasoning_content", "reasoning", "thinking", "thought")
"""Fields of a message that hold what the agent thought."""


NO_UTF8 = "it is no UTF-8"
"""What is said of a row whose text is none."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message as the row has it, nothing interpreted.

    Attributes:
        role: As in the row.
        content: Text, a list of parts, or None.
        fields: What else the message holds that is not null, by the row's names (``tool_calls``, ``name``, …).
    """

    role: str | None
    content: Any
    fields: Mapping[str, Any] = NO_FIELDS


class Conversation(NamedTuple):
    """A row as its layout reads it, not yet ATIF.

    Attributes:
        messages: In the row's order, at least one.
        columns: The row's other columns that are not null, by the names that hfsvc has for them: ``agent``, ``model``,
            ``date``, ``task``, …; any other column under its own name.
        notes: Messages, from 0, that are otherwise than the row has them, and how.
    """

    messages: list[Message]
    columns: dict[str, Any]
    notes: tuple[tuple[int, str], ...] = ()


class RowLocation(NamedTuple):
    """Where a row is: its dataset, commit and file, and its number in dataset and file.

    Attributes:
        repo: The dataset.
        commit: 40 hex digits.
        file: Path of its file below the dataset's folder.
        row: From 0 over the dataset.
        file_row: From 0 over the file.
    """

    repo: str
    commit: str
    file: str
    row: int
    file_row: int


class Unreadable(NamedTuple):
    """A row that cannot become a trajectory; `column` is None where all of it is to blame."""

    column: str | None
    reason: str
