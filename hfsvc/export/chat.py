"""Trajectories as chat messages, for trainers and for the Hub's viewer. Pure."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from hfsvc.atif import Content, Observation, Step, TextPart, ToolCall, Trajectory
from hfsvc.export.lines import plain_json
from hfsvc.trajectories.styles.provenance import ROLE

_ROLES = {"agent": "assistant", "user": "user", "system": "system"}


class ChatMessage(NamedTuple):
    """A message of a chat, with the step that it comes of.

    Attributes:
        role: ``system``, ``user``, ``assistant`` or ``tool``; any other role of the row's own stays.
        content: Text; images and recordings are named in it.
        step: Which it comes of.
        reasoning: What the model thought before it.
        calls: What the message calls.
        call_id: The call that this message answers.
    """

    role: str
    content: str
    step: Step
    reasoning: str | None = None
    calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None


def chat_messages(trajectory: Trajectory) -> Iterator[ChatMessage]:
    """The messages of a trajectory: one a step, and after it one for each result of its observation.

    A system step that says nothing is there for its results alone.
    """
    for step in trajectory.steps:
        calls = tuple(step.tool_calls or ())
        if not (step.source == "system" and step.message == "" and step.observation):
            yield ChatMessage(_role(step), text_of(step.message), step, step.reasoning_content, calls)
        if step.observation:
            yield from _results(step, step.observation)


def _role(step: Step) -> str:
    original = (step.extra or {}).get(ROLE)
    return original if isinstance(original, str) and original else _ROLES[step.source]


def _results(step: Step, observation: Observation) -> Iterator[ChatMessage]:
    answered = {result.source_call_id for result in observation.results}
    # A terminal shows what all calls of a step did at once: that stands behind the last of them.
    open_calls = [call.tool_call_id for call in step.tool_calls or () if call.tool_call_id not in answered]
    for result in observation.results:
        call_id = result.source_call_id or (open_calls[-1] if open_calls else None)
        yield ChatMessage("tool" if call_id else "user", text_of(result.content), step, call_id=call_id)


def text_of(content: Content | None) -> str:
    """Content as text; an image or a recording as its type and path in brackets."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = (part.text if isinstance(part, TextPart) else _media_text(part.source) for part in content)
    return "\n".join(parts)


def _media_text(source: Any) -> str:
    return f"[{source.media_type}: {source.path}]"


def function_of(call: ToolCall) -> dict[str, str]:
    """What a call calls, as chat formats have it: the arguments are JSON text."""
    return {"name": call.function_name, "arguments": plain_json(call.arguments)}
