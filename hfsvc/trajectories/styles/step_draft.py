"""A step that later messages may still add to. Pure."""

from typing import Any

import msgspec

from hfsvc.atif import Content, Observation, ObservationResult, Source, Step, ToolCall
from hfsvc.trajectories.styles.provenance import ROLE


class StepDraft(msgspec.Struct, eq=False, gc=False):
    """A step in the making.

    Attributes:
        end: The message that the next one of this step follows.
        acts: Whether a user's turn after it is the environment's.
        observed: Whether one was.
    """

    source: Source
    message: Content
    end: int
    extra: dict[str, Any] | None
    reasoning: str | None = None
    calls: list[ToolCall] | None = None
    results: list[ObservationResult] = []
    acts: bool = False
    observed: bool = False


def step_of(number: int, draft: StepDraft) -> Step:
    """The step that a draft has become, with its number in the document."""
    return Step(
        step_id=number,
        source=draft.source,
        message=draft.message,
        reasoning_content=draft.reasoning,
        tool_calls=draft.calls,
        observation=Observation(results=draft.results) if draft.results else None,
        extra=draft.extra,
    )


def mark_last(draft: StepDraft) -> None:
    """Say of the last step's observation that it was a message: of other documents, the exporter leaves it out."""
    for number, result in enumerate(draft.results):
        if result.extra is None:
            draft.results[number] = msgspec.structs.replace(result, extra={ROLE: "user"})
