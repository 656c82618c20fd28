"""Trajectories as the chats that templates take: messages with arguments as objects, and the tools on offer. Pure."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from hfsvc.export.trainers import openai_row
from hfsvc.models import TrajectoryRow
from hfsvc.train.chat_template import Message


class Chat(NamedTuple):
    """A chat: its messages, and the schemas of the tools on offer where they are known."""

    messages: list[Message]
    tools: list[Any] | None = None


def chat_of(row: TrajectoryRow) -> Chat:
    """The chat of a trajectory, with the messages that the format ``openai`` has of it."""
    found = openai_row(row)
    return Chat([_with_objects(each) for each in found["messages"]], found.get("tools"))


def _with_objects(message: Message) -> Message:
    calls = message.get("tool_calls")
    return {**message, "tool_calls": [_call(each) for each in calls]} if calls else message


def _call(call: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**call, "function": {**call["function"], "arguments": _arguments(call["function"].get("arguments"))}}


def _arguments(text: Any) -> Any:
    """The object that arguments are; a text that is none stays as it is."""
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return text
    return {} if found is None else found if isinstance(found, dict) else text
