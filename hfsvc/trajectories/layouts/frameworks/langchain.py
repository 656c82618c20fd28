"""Messages of LangChain: a ``type`` for a role, plain, in ``data``, or as the constructor of a class. Pure.

Source: ``message_to_dict``, ``dumpd`` and ``model_dump`` of langchain-core 0.1 to 1.0; threads of LangGraph.
"""

from collections.abc import Sequence
from typing import Any

from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.layouts.frameworks.pieces import Object, without_empty

_ROLES = {
    "human": "user",
    "HumanMessageChunk": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}
_READ = frozenset({"type", "role", "content", "tool_calls", "invalid_tool_calls", "additional_kwargs"})
_BLOCKS = frozenset({"tool_use", "tool_call"})


def is_of(objects: Sequence[Object]) -> bool:
    """Whether messages are of this kind."""
    return all(_plain(each) is not None for each in objects)


def read(objects: Sequence[Object]) -> list[Message]:
    """The messages, as the layout ``openai`` has them."""
    return [_message(found) for each in objects if (found := _plain(each)) is not None]


def _plain(found: Object) -> Object | None:
    """A message with its type and its fields side by side; None for something else."""
    fields = found.get("kwargs") if "lc" in found else found.get("data")
    if isinstance(fields, dict):
        found = {"type": _type(found), **fields}
    is_message = found.get("role") is None and found.get("type") in _ROLES
    return found if is_message and ("content" in found or "tool_calls" in found) else None


def _type(found: Object) -> Any:
    named = found.get("id")
    if found.get("type") != "constructor" or not isinstance(named, list) or not named:
        return found.get("type")
    # As in ["langchain", "schema", "messages", "HumanMessage"].
    return str(named[-1]).removesuffix("Chunk").removesuffix("Message").lower()


def _message(found: Object) -> Message:
    more = found.get("additional_kwargs")
    more = more if isinstance(more, dict) else {}
    fields = without_empty(found, _READ)
    calls = [_call(each) for name in ("tool_calls", "invalid_tool_calls") for each in found.get(name) or ()]
    if calls:
        fields["tool_calls"] = calls
        # The same calls as the API had them.
        more = {name: value for name, value in more.items() if name not in {"tool_calls", "function_call"}}
    content = found.get("content")
    if calls and isinstance(content, list):
        content = [each for each in content if not (isinstance(each, dict) and each.get("type") in _BLOCKS)]
    return Message(_ROLES[found["type"]], content, without_empty(more, ()) | fields)


def _call(call: Any) -> Any:
    if not isinstance(call, dict) or "function" in call:
        return call
    more = without_empty(call, {"id", "name", "args", "type"})
    return {
        "id": call.get("id"),
        "type": "function",
        "function": {"name": call.get("name"), "arguments": call.get("args")},
        **more,
    }
