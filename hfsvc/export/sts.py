"""The format ``sts``, the Hub's Session Trace Simple Format: a session's header, then a message a line. Pure.

Source: huggingface.co/docs/hub/session-traces-format (2026).
"""

from datetime import UTC, datetime
from typing import Any

from hfsvc.export.chat import ChatMessage, chat_messages, function_of
from hfsvc.export.lines import json_line
from hfsvc.export.naming import session_of, title_of
from hfsvc.models import TrajectoryRow

Json = dict[str, Any]


def session_lines(row: TrajectoryRow) -> bytes:
    """A trajectory as the content of a session's file."""
    agent = row.trajectory.agent
    header = {"type": "session", "harness": agent.name, "id": session_of(row), "name": title_of(row), "row": row.row}
    messages = (_message(each, agent.model_name) for each in chat_messages(row.trajectory))
    return b"".join(map(json_line, [header, *({"type": "message", "message": each} for each in messages)]))


def _message(message: ChatMessage, default_model: str | None) -> Json:
    made: Json = {"role": message.role, "content": message.content}
    optional = {
        "reasoningContent": message.reasoning,
        "toolCalls": [{"id": call.tool_call_id, "function": function_of(call)} for call in message.calls] or None,
        "toolCallId": message.call_id,
        "timestamp": _milliseconds(message.step.timestamp),
        "model": (message.step.model_name or default_model) if message.role == "assistant" else None,
    }
    return made | {name: value for name, value in optional.items() if value is not None}


def _milliseconds(timestamp: str | None) -> int | None:
    """Of the epoch; a time without a zone counts as UTC."""
    try:
        found = datetime.fromisoformat((timestamp or "").replace("Z", "+00:00"))
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
