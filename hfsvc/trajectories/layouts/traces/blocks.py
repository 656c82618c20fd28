"""Messages whose content is blocks: text, thinking, calls and results, as Anthropic's API and Pi name them. Pure."""

from typing import Any

from hfsvc.trajectories.layouts.traces.turns import Event, TurnBuilder, kept_of, text_or_parts

_OF_CALLS = frozenset({"id", "type", "index", "function", "name", "arguments"})
_CALLS = frozenset({"tool_use", "toolCall", "server_tool_use"})


def read_blocks(turns: TurnBuilder, message: Event, event: Event) -> None:
    """Add a message to the turns; `event` is the line it stands in."""
    role, content = message.get("role"), message.get("content")
    kept = kept_of(event) | kept_of(message)
    if role == "assistant":
        _read_agent(turns, message, kept)
    elif role in {"toolResult", "tool"}:
        name = message.get("toolName") or message.get("name")
        fields = kept | ({"name": name} if name else {})
        turns.answer(_plain(content), message.get("toolCallId") or message.get("tool_call_id"), fields)
    else:
        _read_other(turns, role, content, kept)


def _read_agent(turns: TurnBuilder, message: Event, kept: dict[str, Any]) -> None:
    content = message.get("content")
    for thought in (message.get("reasoningContent"), message.get("reasoning_content")):
        if isinstance(thought, str) and thought:
            turns.think(thought)
    for block in content if isinstance(content, list) else [content]:
        if not isinstance(block, dict):
            turns.say(block, kept)
            continue
        kind = block.get("type")
        if kind in {"thinking", "redacted_thinking"}:
            turns.think(block.get("thinking") or block.get("data") or "")
        elif kind in _CALLS:
            turns.call(block.get("name"), block.get("input", block.get("arguments")), block.get("id"), kept)
        else:
            turns.say([block], kept)
    for call in message.get("toolCalls") or message.get("tool_calls") or ():
        function = call.get("function") or call
        turns.call(function.get("name"), function.get("arguments"), call.get("id"), kept, _beside(call))
    if not turns.is_open:
        turns.add("assistant", "", kept)


def _beside(call: Event) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name not in _OF_CALLS}


def _read_other(turns: TurnBuilder, role: Any, content: Any, kept: dict[str, Any]) -> None:
    blocks = content if isinstance(content, list) else [content]
    results = [each for each in blocks if isinstance(each, dict) and each.get("type") == "tool_result"]
    for each in results:
        failed = {"isError": True} if each.get("is_error") else {}
        turns.answer(_plain(each.get("content")), each.get("tool_use_id"), kept | failed)
    said = [each for each in blocks if each is not None and each not in results]
    if said or not results:
        turns.add(str(role), text_or_parts(said), kept)


def _plain(content: Any) -> Any:
    return text_or_parts(content) if isinstance(content, list) else content if content is not None else ""
