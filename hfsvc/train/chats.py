"""Trajectories as chats: the messages and tools of the format ``openai``, and the same as templates take them. Pure."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from hfsvc.export.trainers import openai_row
from hfsvc.models import TrajectoryRow
from hfsvc.train.chat_template import ChatTemplate, Message, TemplateRefused


class Chat(NamedTuple):
    """A chat: its messages, with arguments of calls as JSON text, and the schemas of tools where they are known."""

    messages: list[Message]
    tools: list[Any] | None = None


def chat_of(row: TrajectoryRow) -> Chat:
    """The chat of a trajectory."""
    found = openai_row(row)
    return Chat(found["messages"], found.get("tools"))


def for_template(template: ChatTemplate, chat: Chat) -> list[Message]:
    """The messages of a chat as a template takes them: arguments of calls as objects, or where it wants text, as text.

    Raises:
        TemplateRefused: It takes neither.
    """
    made = [_with_objects(each) for each in chat.messages]
    try:
        template.render(made, chat.tools)
    except TemplateRefused as refusal:
        # DeepSeek-V3's joins arguments to texts; what is wrong with other messages stays wrong.
        if made == chat.messages:
            raise
        try:
            template.render(chat.messages, chat.tools)
        except TemplateRefused:
            raise refusal from None
        return chat.messages
    return made


def _with_objects(message: Message) -> Message:
    calls = message.get("tool_calls")
    return {**message, "tool_calls": [_call(each) for each in calls]} if isinstance(calls, list) else message


def _call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, Mapping):
        return call
    return {**call, "function": {**function, "arguments": _arguments(function.get("arguments"))}}


def _arguments(text: Any) -> Any:
    """The object that arguments are; a text that is none stays as it is."""
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return text
    return {} if found is None else found if isinstance(found, dict) else text
