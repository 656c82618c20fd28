"""Trajectories as chat messages, for trainers and for the Hub's viewer. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hfsvc.atif import Content, ObservationResult, Step, TextPart, ToolCall, Trajectory
from hfsvc.export.lines import plain_json
from hfsvc.trajectories.layouts.conversation import CALLS, REASONING
from hfsvc.trajectories.styles.notations.openai_calls import id_of
from hfsvc.trajectories.styles.notations.tools import TOOL_FIELDS
from hfsvc.trajectories.styles.provenance import COLUMN, FIELDS, INDEX, PART, RAW, ROLE
from hfsvc.trajectories.styles.roles import Kind, kind_of

NOTHING: Mapping[str, Any] = {}
_ROLES: dict[Kind, str] = {"agent": "assistant", "user": "user", "system": "system", "tool": "tool"}
_WRITTEN = {"role", "content", "tool_call_id", "tool_call_ids", "recipient", *CALLS, *REASONING, *TOOL_FIELDS}
_OF_CALLS = {"id", "type", "function", "unread"}
_NOTES = {ROLE, RAW, FIELDS, INDEX, COLUMN, PART}


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


def chat_messages(trajectory: Trajectory, *, all_answered: bool = False) -> Iterator[ChatMessage]:
    """The messages of a trajectory: one a step, and after it one for each result of its observation.

    Where results name no call and are fewer than the calls that wait, the last calls get them, and the others one without
    a text; with `all_answered` so does every other call that something follows: chat templates ask for it.

    A system step that says nothing is there for its results alone.
    """
    last = trajectory.steps[-1] if all_answered else None
    for step in trajectory.steps:
        calls = tuple(step.tool_calls or ())
        if not (step.source == "system" and step.message == "" and step.observation):
            fields = further_fields((step.extra or NOTHING).get(FIELDS, NOTHING))
            yield ChatMessage(_role(step), text_of(step.message), step, step.reasoning_content, calls, fields=fields)
        results = step.observation.results if step.observation else []
        yield from _results(step, results, calls if all_answered and step is not last else ())


def further_fields(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a row's message that a chat message has no other place for."""
    return {name: value for name, value in fields.items() if _is_further(name, value)} if fields else NOTHING


def _is_further(name: str, value: Any) -> bool:
    return name not in _WRITTEN and (name, value) != ("channel", "analysis")


def chat_role(role: str | None) -> str:
    """What a chat calls a speaker that a row calls so."""
    return _ROLES.get(kind_of(role)) or role or "system"


def _role(step: Step) -> str:
    original = (step.extra or NOTHING).get(ROLE)
    return chat_role(original) if isinstance(original, str) and original else _ROLES[step.source]


def _results(step: Step, results: list[ObservationResult], to_answer: tuple[ToolCall, ...]) -> Iterator[ChatMessage]:
    answered = {result.source_call_id for result in results}
    unnamed = sum(result.source_call_id is None for result in results)
    waiting = [call.tool_call_id for call in step.tool_calls or () if call.tool_call_id not in answered]
    shared = waiting[:-unnamed] if unnamed else []
    left = iter(waiting[len(shared) :])
    for result in results:
        if result.source_call_id is None:
            # A terminal shows what all calls of a step did at once: that stands behind the last of them.
            yield from (ChatMessage("tool", "", step, call_id=each) for each in shared)
            shared = []
        yield _result(step, result, result.source_call_id or next(left, None))
    unanswered = {*left} & {call.tool_call_id for call in to_answer}
    yield from (ChatMessage("tool", "", step, call_id=each) for each in waiting if each in unanswered)


def _result(step: Step, result: ObservationResult, call_id: str | None) -> ChatMessage:
    extra = result.extra or NOTHING
    said = {name: value for name, value in extra.items() if name not in _NOTES}
    fields = further_fields({**said, **extra.get(FIELDS, NOTHING)})
    is_tools = kind_of(extra.get(ROLE)) == "tool" or PART in extra
    if call_id is None and not step.tool_calls and not is_tools:
        # A chat has no result where nothing was called.
        return ChatMessage("user", text_of(result.content), step, fields=fields)
    id = call_id or id_of(extra.get(FIELDS, NOTHING).get("tool_call_id"))
    return ChatMessage("tool", text_of(result.content), step, call_id=id, fields=fields)


def text_of(content: Content | None) -> str:
    """Content as text; an image or a recording as its type and path in brackets."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = (part.text if isinstance(part, TextPart) else _media_text(part.source) for part in content)
    return "\n".join(parts)


def _media_text(source: Any) -> str:
    return f"[{source.media_type}: {source.path}]"


def further_keys(call: ToolCall) -> Mapping[str, Any]:
    """What else a call says of itself."""
    return {name: value for name, value in (call.extra or NOTHING).items() if name not in _OF_CALLS}


def function_of(call: ToolCall) -> dict[str, str]:
    """What a call calls, as chat formats have it: the arguments are JSON text."""
    return {"name": call.function_name, "arguments": plain_json(call.arguments)}
