"""The format ``sts``, the Hub's Session Trace Simple Format: a session's header, then a message a line. Pure.

Source: huggingface.co/docs/hub/session-traces-format (2026).
"""

from datetime import UTC, datetime
from typing import Any

from hfsvc.atif import ToolCall
from hfsvc.export.bare_chat import bare_messages, is_bare
from hfsvc.export.chat import ChatMessage, chat_messages, function_of, further_keys
from hfsvc.export.kept import with_kept
from hfsvc.export.lines import json_line
from hfsvc.export.naming import session_of, title_of
from hfsvc.export.trainers import offered_tools
from hfsvc.models import TrajectoryRow
from hfsvc.trajectories.layouts.conversation import FURTHER

Json = dict[str, Any]
_OF_OPENAI = {"role", "content", "reasoning_content", "tool_calls", "tool_call_id"}


def session_lines(row: TrajectoryRow) -> bytes:
    """A trajectory as the content of a session's file; what is kept of the row stands in its header."""
    agent = row.trajectory.agent
    header = {"type": "session", "harness": agent.name, "id": session_of(row), "name": title_of(row), "row": row.row}
    if tools := offered_tools(row):
        header["tools"] = tools
    if is_bare(row):
        time = _milliseconds(row.trajectory.steps[0].timestamp)
        messages = [_bare_message(each, agent.model_name, time) for each in bare_messages(row.trajectory)]
    else:
        messages = [_message(each, agent.model_name) for each in chat_messages(row.trajectory)]
    return b"".join(
        map(json_line, [with_kept(header, row), *({"type": "message", "message": each} for each in messages)])
    )


def _message(message: ChatMessage, default_model: str | None) -> Json:
    optional = {
        "reasoningContent": message.reasoning,
        "toolCalls": list(map(_call, message.calls)) or None,
        "toolCallId": message.call_id,
        FURTHER: message.fields or None,
        "timestamp": _milliseconds(message.step.timestamp),
        "model": (message.step.model_name or default_model) if message.role == "assistant" else None,
    }
    return _made(message.role, message.content, optional)


def _bare_message(message: Json, model: str | None, timestamp: int | None) -> Json:
    """A message of a row in which nothing was interpreted, as the format ``openai`` has it."""
    optional = {
        "reasoningContent": message.get("reasoning_content"),
        "toolCalls": message.get("tool_calls"),
        "toolCallId": message.get("tool_call_id"),
        FURTHER: {name: value for name, value in message.items() if name not in _OF_OPENAI} or None,
        "timestamp": timestamp,
        "model": model if message["role"] == "assistant" else None,
    }
    return _made(message["role"], message["content"], optional)


def _made(role: str, content: str, optional: Json) -> Json:
    return {"role": role, "content": content} | {name: value for name, value in optional.items() if value is not None}


def _call(call: ToolCall) -> Json:
    return {"id": call.tool_call_id, "function": function_of(call), **further_keys(call)}


def _milliseconds(timestamp: str | None) -> int | None:
    """Of the epoch; a time without a zone counts as UTC."""
    try:
        found = datetime.fromisoformat((timestamp or "").replace("Z", "+00:00"))
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
