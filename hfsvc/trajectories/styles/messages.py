"""The style ``messages``: an ATIF-v1.4 document of one step a message, nothing interpreted. Pure."""

from datetime import datetime
from typing import Any

from hfsvc.atif import Agent, SchemaVersion, Source, Step, Trajectory
from hfsvc.models import Fidelity
from hfsvc.trajectories.layouts.conversation import Conversation, Message, RowLocation
from hfsvc.trajectories.styles.parts import text_of
from hfsvc.trajectories.styles.provenance import notes_of, survive
from hfsvc.trajectories.styles.roles import kind_of
from hfsvc.trajectories.styles.to_rows import written

SCHEMA_VERSION: SchemaVersion = "ATIF-v1.4"
# The rows do not say which version of the agent wrote them; this is what the format's first consumer expects.
AGENT_VERSION = "1.0"
EXTRA = ("task", "episode", "trial_name", "model_provider", "run_id", "date")
_PLAIN: dict[str | None, Source] = {"assistant": "agent", "user": "user"}
# The tools go along with a row, and stand in no document of this style.
_ELSEWHERE = {"agent", "model", "tools"}


def build(conversation: Conversation, location: RowLocation) -> tuple[Trajectory, Fidelity]:
    """The document of a row, and what was recovered for it: nothing, all stays text."""
    columns = conversation.columns
    timestamp = _timestamp(columns.get("date"))
    steps = [_step(index, message, timestamp) for index, message in enumerate(conversation.messages, 1)]
    trajectory = Trajectory(
        schema_version=SCHEMA_VERSION,
        session_id=_session_id(columns, location.row),
        agent=Agent(name=columns.get("agent") or "unknown", version=AGENT_VERSION, model_name=columns.get("model")),
        steps=steps,
        extra=_extra(columns, location),
    )
    exact = survive(conversation.messages)
    return trajectory, Fidelity(style="messages", messages=len(steps), exact=exact)


def _extra(columns: dict[str, Any], location: RowLocation) -> dict[str, Any]:
    first = {"source": location.repo} | {name: columns[name] for name in EXTRA if name in columns}
    return first | {name: value for name, value in columns.items() if name not in first and name not in _ELSEWHERE}


def _step(index: int, message: Message, timestamp: str | None) -> Step:
    content = message.content
    source = _PLAIN.get(message.role)
    if source and not message.fields and isinstance(content, str) and (source == "user" or not _ends_thought(content)):
        # Nearly every message: nothing of it has to be noted.
        return Step(step_id=index, timestamp=timestamp, source=source, message=content)
    return _noted_step(index, message, timestamp)


def _ends_thought(text: str) -> bool:
    # One character is found at once in most texts, and in most is not there.
    return "<" in text and "</think>" in text


def _noted_step(index: int, message: Message, timestamp: str | None) -> Step:
    text = text_of(message.content)
    if kind_of(message.role) == "agent":
        extra = notes_of(message, "assistant", written(None, text, ()))
        return Step(step_id=index, timestamp=timestamp, source="agent", message=text, extra=extra)
    extra = notes_of(message, "user", text)
    return Step(step_id=index, timestamp=timestamp, source="user", message=text, extra=extra)


def _session_id(columns: dict[str, Any], row: int) -> str:
    parts = (columns.get("task"), columns.get("episode"))
    return columns.get("run_id") or columns.get("key") or "__".join(part for part in parts if part) or f"row_{row}"


def _timestamp(date: str | None) -> str | None:
    """The date where it is ISO 8601 as ATIF's readers parse it (rule 11: `fromisoformat`, with ``Z`` for UTC)."""
    try:
        datetime.fromisoformat((date or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return date
