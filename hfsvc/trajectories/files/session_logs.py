"""Files that are one session of an agent each, as a single row: the logs that agents keep of what they do.

Source: the Hub's format ``agent-traces`` (2026): Claude Code, Codex, Gemini CLI, Pi and their like, and the Hub's own
Session Trace Simple Format; the events of OpenHands.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

import msgspec
import pyarrow as pa

from hfsvc.trajectories.files.base import RowGroup
from hfsvc.trajectories.files.json_documents import Document
from hfsvc.trajectories.files.turn_rows import SESSIONS

SESSION = "(session)"
"""The column that holds the whole log, a line an event."""

# The first line may be about something else than the session.
_LOOKED_AT = 32
# What the lines of a log have together, by who writes it; of these keys one line of those looked at has all.
_MARKS: tuple[frozenset[str], ...] = (
    frozenset({"type", "sessionId", "uuid", "message"}),
    frozenset({"type", "timestamp", "payload"}),
    frozenset({"type", "arguments", "call_id"}),
    frozenset({"sessionId", "projectHash", "startTime"}),
    frozenset({"source", "action", "args"}),
    frozenset({"source", "observation", "extras"}),
)
_HEADERS = frozenset({"session", "session_start"})
# Datasets have these; a row that has one is no event.
_ROWS = ("messages", "conversations", "conversation", "trajectory", "traj", "steps")
_read = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def is_session(documents: Iterable[Document]) -> bool:
    """Whether lines are the events of one session, as the first of them tell. Pure."""
    lines = [each for each in map(_object, islice(documents, _LOOKED_AT)) if each is not None]
    if any(name in line for line in lines for name in _ROWS) or len(lines) < 2:
        return False
    return any(mark <= line.keys() for line in lines for mark in _MARKS) or _has_header(lines) or _are_messages(lines)


def _are_messages(lines: Sequence[Mapping[str, msgspec.Raw]]) -> bool:
    """Whether a file is the list of one conversation's messages, as mini-swe-agent writes it."""
    alike = all("role" in line and ("content" in line or "tool_calls" in line) for line in lines)
    return alike and not any(name in line for line in lines for name in SESSIONS)


def _has_header(lines: Sequence[Mapping[str, msgspec.Raw]]) -> bool:
    head, *others = lines
    return _type(head) in _HEADERS and any(_type(each) == "message" and "message" in each for each in others)


def _object(document: Document) -> Mapping[str, msgspec.Raw] | None:
    try:
        return _read(document.text)
    except (ValueError, RecursionError):
        return None


def _type(line: Mapping[str, msgspec.Raw]) -> str:
    return bytes(line.get("type", b"")).decode(errors="replace").strip('"')


class SessionRowFile:
    """An open log as a file of one row.

    Args:
        documents: Gives its lines, from the first on.
        size: Its bytes on disk.
    """

    schema: pa.Schema = pa.schema([(SESSION, pa.large_string())])
    rows = 1

    def __init__(self, documents: Callable[[], Iterator[Document]], size: int) -> None:
        self._documents = documents
        self._size = size

    @property
    def leaves(self) -> list[str]:
        return [SESSION]

    @property
    def groups(self) -> tuple[RowGroup, ...]:
        return (RowGroup(0, 1, self._size),)

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        if start == 0:
            # Between strings, where alone JSON may have one, the end of a line is a blank.
            whole = b"\n".join(each.text.strip().replace(b"\n", b" ") for each in self._documents())
            # As bytes first: Arrow would refuse what is no UTF-8.
            yield 0, pa.record_batch([pa.array([whole], pa.large_binary()).view(pa.large_string())], [SESSION])
