"""Items of OpenAI's Responses API: messages, reasoning, calls and their outputs, bare or as Codex wraps them. Pure.

Source: ``input`` and ``output`` of that API, 2025 and 2026; memories of the Agents SDK.
"""

from collections.abc import Sequence
from typing import Any

from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.layouts.frameworks.pieces import Object
from hfsvc.trajectories.layouts.objects import message_of
from hfsvc.trajectories.layouts.traces.codex import CALLS, read_item
from hfsvc.trajectories.layouts.traces.turns import TurnBuilder

_ITEMS = CALLS | {"function_call_output", "custom_tool_call_output", "reasoning"}


def is_of(objects: Sequence[Object]) -> bool:
    """Whether messages are of this kind."""
    return any(each.get("type") in _ITEMS and each.get("role") is None for each in map(_item, objects))


def read(objects: Sequence[Object]) -> list[Message]:
    """The messages, as the layout ``openai`` has them."""
    turns = TurnBuilder()
    for item in map(_item, objects):
        known = {**item, "type": item.get("type") or ("message" if item.get("role") else None)}
        if known["type"] is None or not read_item(turns, known, item.get("timestamp")):
            other = message_of(item)
            turns.add(other.role, other.content, other.fields)
    turns.close()
    return turns.messages


def _item(found: Object) -> Object:
    payload: Any = found.get("payload")
    return payload if found.get("type") == "response_item" and isinstance(payload, dict) else found
