"""The layout ``agent-trace``: files that are one session of an agent each, in the agent's own log. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pyarrow as pa

from hfsvc.models import LayoutName, ReadOptions
from hfsvc.trajectories.files.json import DOCUMENT
from hfsvc.trajectories.files.lenient_json import changes_in, read_json
from hfsvc.trajectories.files.session_logs import SESSION
from hfsvc.trajectories.layouts.conversation import Conversation, Unreadable
from hfsvc.trajectories.layouts.message_counts import CountedByRow
from hfsvc.trajectories.layouts.traces import (
    bare_messages,
    claude_code,
    codex,
    gemini_cli,
    message_lines,
    openhands_log,
)
from hfsvc.trajectories.layouts.traces.turns import Event

_KINDS = (claude_code, codex, gemini_cli, message_lines, bare_messages, openhands_log)
_ABOUT = ("agent", "model", "run_id", "date", "trial_name")


class SessionMetadata:
    """What logs say of their sessions."""

    def __init__(self, column: str) -> None:
        self.columns: Mapping[str, tuple[str, ...]] = dict.fromkeys(_ABOUT, (column,))
        self._column = column

    def texts(self, batch: pa.RecordBatch, names: Collection[str]) -> dict[str, list[str | None]]:
        rows = map(read_session, _texts(batch.column(self._column)))
        said = [row.columns if isinstance(row, Conversation) else {} for row in rows]
        return {name: [each.get(name) for each in said] for name in self.columns if name in names}


class AgentTraceLayout(CountedByRow):
    """Rows that are logs, whole in one column."""

    name: LayoutName = "agent-trace"

    def __init__(self, column: str) -> None:
        self.messages = column
        self.metadata = SessionMetadata(column)

    @property
    def columns(self) -> list[str]:
        return [self.messages]

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        return map(read_session, _texts(batch.column(self.messages)))

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        return [self.messages]

    def count(self, batch: pa.RecordBatch) -> list[int]:
        return [len(row.messages) if isinstance(row, Conversation) else 0 for row in self.conversations(batch)]


def fit(schema: pa.Schema, options: ReadOptions) -> list[AgentTraceLayout] | str:
    """The reader of a file that is a log, or why it is none."""
    if SESSION in schema.names:
        return [AgentTraceLayout(SESSION)]
    if {DOCUMENT, "projectHash", "messages"} <= {*schema.names}:
        # Gemini CLI writes a session as one object.
        return [AgentTraceLayout(DOCUMENT)]
    return "it is no log of one session"


def read_session(text: bytes) -> Conversation | Unreadable:
    """The session that a log tells, a line an event."""
    events, notes = _events(text)
    kind = next((each for each in _KINDS if each.is_of(events)), None)
    if kind is None:
        return Unreadable(SESSION, "its lines are of no agent's log that is known")
    messages, columns, more = kind.read(events)
    if not messages:
        return Unreadable(None, "nobody says anything in its log")
    return Conversation(messages, columns, (*notes, *more))


def _events(text: bytes) -> tuple[list[Event], list[tuple[int, str]]]:
    events: list[Event] = []
    notes: list[tuple[int, str]] = []
    if (whole := _object(text)) is not None:
        return [whole], [(0, word) for word in _changes(text)]
    for number, line in enumerate(text.split(b"\n"), 1):
        if (event := _object(line)) is not None:
            events.append(event)
            notes += ((0, f"line {number} of its log: {word}") for word in _changes(line))
        elif line.strip():
            notes.append((0, f"line {number} of its log is no JSON object, and left out"))
    return events, notes


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        value = read_json(text).value
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _changes(line: bytes) -> list[str]:
    return [word for _, word in changes_in(line.decode(errors="replace"))]


def _texts(column: pa.Array) -> list[bytes]:
    return [each or b"" for each in column.cast(pa.large_binary()).to_pylist()]
