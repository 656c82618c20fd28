"""Trajectories as chat messages, for trainers and for the Hub's viewer. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hfsvc.atif import Content, Observation, ObservationResult, Step, TextPart, ToolCall, Trajectory
from hfsvc.export.lines import plain_json
from hfsvc.trajectories.layouts.conversation import CALLS, REASONING
from hfsvc.trajectories.styles.notations.tools import TOOL_FIELDS
from hfsvc.trajectories.styles.provenance import FIELDS, ROLE
from hfsvc.trajectories.styles.roles import Kind, kind_of

NOTHING: Mapping[str, Any] = {}
_ROLES: dict[Kind, str] = {"agent": "assistant", "user": "user", "system": "system", "tool": "tool"}
_WRITTEN = {
    "role",
    "content",
    "tool_call_id",
    "tool_call_ids",
    "channel",
    "recipient",
    *CALLS,
    *REASONING,
    *TOOL_FIELDS,
}


class ChatMessage(NamedTuple):
    """A message of a chat, with the step that it comes of.

    Attributes:
        role: ``system``, ``user``, ``assistant`` or ``tool``, whatever the row calls them; a role that nobody knows stays.
        content: Text; images and recordings are named in it.
        step: Which it comes of.
        reasoning: What the model thought before it.
        calls: What the message calls.
        call_id: The call that this message answers.
        fields: What else the row's message held, and nothing here says.
    """

    role: str
    content: str
    step: Step
    reasoning: str | None = None
    calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None
    fields: Mapping[str, Any] = NOTHING


def chat_messages(trajectory: Trajectory) -> Iterator[ChatMessage]:
    """The messages of a trajectory: one a step, and after it one for each result of its observation.

    A system step that says nothing is there for its results alone.
    """
    for step in trajectory.steps:
        calls = tuple(step.tool_calls or ())
        if not (step.source == "system" and step.message == "" and step.observation):
            fields = further_fields((step.extra or NOTHING).get(FIELDS, NOTHING))
            yield ChatMessage(_role(step), text_of(step.message), step, step.reasoning_content, calls, fields=fields)
        if step.observation:
            yield from _results(step, step.observation)


def further_fields(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a row's message that a chat message has no other place for."""
    return {name: value for name, value in fields.items() if name not in _WRITTEN} if fields else NOTHING


def chat_role(role: str | None) -> str:
    """What a chat calls a speaker that a row calls so."""
    return _ROLES.get(kind_of(role)) or role or "system"


def _role(step: Step) -> str:
    original = (step.extra or NOTHING).get(ROLE)
    return chat_role(original) if isinstance(original, str) and original else _ROLES[step.source]


def _results(step: Step, observation: Observation) -> Iterator[ChatMessage]:
    for result, call_id in zip(observation.results, _answered(step, observation.results), strict=True):
        fields = further_fields((result.extra or NOTHING).get(FIELDS, NOTHING))
        role = "tool" if call_id else "user"
        yield ChatMessage(role, text_of(result.content), step, call_id=call_id, fields=fields)


def _answered(step: Step, results: Sequence[ObservationResult]) -> list[str | None]:
    """The call that each result answers; one that names none goes to a call that has no answer yet, in order."""
    answered = {result.source_call_id for result in results}
    unnamed = sum(result.source_call_id is None for result in results)
    waiting = [call.tool_call_id for call in step.tool_calls or () if call.tool_call_id not in answered]
    # A terminal shows what all calls of a step did at once: that stands behind the last of them.
    left = iter(waiting[-unnamed:] if unnamed else ())
    return [result.source_call_id or next(left, None) for result in results]


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
