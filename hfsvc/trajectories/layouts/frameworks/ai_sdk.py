"""Messages of Vercel's AI SDK: the parts of its user interface, and results in envelopes of their type. Pure.

Source: ``UIMessage`` and ``ModelMessage`` of AI SDK 4 and 5, 2025 and 2026.
"""

from collections.abc import Sequence
from typing import Any

from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.layouts.frameworks.pieces import (
    CallPiece,
    Object,
    Piece,
    ResultPiece,
    ThoughtPiece,
    parts_in,
    read_messages,
)

_CONTENTS = ("parts", "content")
_DYNAMIC = frozenset({"dynamic-tool", "tool-call", "tool-result"})


def is_of(objects: Sequence[Object]) -> bool:
    """Whether messages are of this kind."""
    return any(_is_marked(part) for each in objects for part in parts_in(each, *_CONTENTS))


def read(objects: Sequence[Object]) -> list[Message]:
    """The messages, as the layout ``openai`` has them."""
    # What older versions have beside the parts says the same.
    plain = [{name: value for name, value in each.items() if name != "toolInvocations"} for each in objects]
    return read_messages(plain, _content, _pieces)


def _content(message: Object) -> Any:
    return message.get("parts") or message.get("content")


def _is_marked(part: Object) -> bool:
    kind = part.get("type")
    if isinstance(part.get("toolInvocation"), dict):
        return True
    if not isinstance(kind, str) or not isinstance(part.get("toolCallId"), str):
        return False
    return kind == "dynamic-tool" or _output(part) is not None or (kind.startswith("tool-") and kind not in _DYNAMIC)


def _pieces(part: Any) -> list[Piece] | None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "step-start":
        return []
    if kind == "reasoning":
        text = part.get("text") or part.get("reasoning")
        return [ThoughtPiece(text)] if isinstance(text, str) and text else []
    if not isinstance(kind, str) or not kind.startswith(("tool-", "dynamic-tool")):
        return None
    call = part.get("toolInvocation") or part
    return [*_calls(kind, call), *_results(kind, call)]


def _calls(kind: str, call: Object) -> list[Piece]:
    if kind == "tool-result":
        return []
    arguments: Any = next((call[name] for name in ("input", "args") if call.get(name) is not None), {})
    return [CallPiece(call.get("toolName") or kind.removeprefix("tool-"), arguments, call.get("toolCallId"))]


def _results(kind: str, call: Object) -> list[Piece]:
    given = next((call[name] for name in ("output", "result", "errorText") if call.get(name) is not None), None)
    if kind == "tool-call" or given is None:
        return []
    wrapped = _output(call)
    return [ResultPiece(given if wrapped is None else wrapped["value"], call.get("toolCallId"), call.get("toolName"))]


def _output(part: Object) -> Object | None:
    """The envelope of a result, with its ``value``."""
    output = part.get("output")
    return output if isinstance(output, dict) and {"type", "value"} <= output.keys() else None
