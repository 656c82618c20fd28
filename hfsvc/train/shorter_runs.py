"""Trajectories made shorter: their tool outputs changed, or some of their turns alone. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from hfsvc.atif import Content, ObservationResult, Step, TextPart, Trajectory
from hfsvc.trajectories.styles.content_blocks import with_results
from hfsvc.trajectories.styles.parts import text_of
from hfsvc.trajectories.styles.provenance import FIELDS, INDEX, RAW, ROLE
from hfsvc.trajectories.styles.roles import kind_of

Change = Callable[[str], str]
"""What is done to the text of an output."""
replace = msgspec.structs.replace


class Turns(NamedTuple):
    """The steps of a trajectory: those before the first answer, and each answer with what follows it, up to the next."""

    head: Sequence[Step]
    turns: Sequence[Sequence[Step]]


def with_outputs(trajectory: Trajectory, change: Change) -> Trajectory:
    """A trajectory whose tool outputs are changed: results of observations, and messages and blocks of tools.

    What says how a changed text stood in the row is left out: it does not stand there any more.
    """
    return replace(trajectory, steps=[_with_outputs(step, change) for step in trajectory.steps])


def turns_of(trajectory: Trajectory) -> Turns:
    """The turns of a trajectory."""
    steps = trajectory.steps
    starts = [number for number, step in enumerate(steps) if step.source == "agent"]
    first, *ends = *starts, len(steps)
    return Turns(steps[:first], [steps[start:end] for start, end in zip(starts, ends, strict=True)])


def episode_of(trajectory: Trajectory, steps: Sequence[Step]) -> Trajectory:
    """A trajectory of some of the steps of another one."""
    kept = [replace(_unplaced(step), step_id=number) for number, step in enumerate(steps, 1)]
    return replace(trajectory, steps=kept)


def _with_outputs(step: Step, change: Change) -> Step:
    made = step
    if step.observation:
        results = [_with_content(each, change) for each in step.observation.results]
        if results != step.observation.results:
            made = replace(made, observation=replace(step.observation, results=results))
    extra = step.extra or {}
    if step.source != "agent" and kind_of(extra.get(ROLE)) == "tool":
        message = _changed(step.message, change)
        return made if message == step.message else replace(made, message=message, extra=_without_original(extra))
    blocks = with_results(extra.get(RAW), change)
    return made if blocks == extra.get(RAW) else replace(made, message=text_of(blocks), extra={**extra, RAW: blocks})


def _with_content(result: ObservationResult, change: Change) -> ObservationResult:
    content = None if result.content is None else _changed(result.content, change)
    if content == result.content:
        return result
    return replace(result, content=content, extra=_without_original(result.extra or {}))


def _changed(content: Content, change: Change) -> Content:
    if isinstance(content, str):
        return change(content)
    return [replace(part, text=change(part.text)) if isinstance(part, TextPart) else part for part in content]


def _without_original(extra: Mapping[str, Any]) -> dict[str, Any] | None:
    fields = {name: value for name, value in extra.get(FIELDS, {}).items() if name != "content"}
    made = {name: value for name, value in extra.items() if name not in {RAW, FIELDS}}
    return made | ({FIELDS: fields} if fields else {}) or None


def _unplaced(step: Step) -> Step:
    """A step whose results stand behind it, wherever they stood in the row."""
    if not step.observation or not any(INDEX in (each.extra or {}) for each in step.observation.results):
        return step
    results = [
        replace(each, extra={name: value for name, value in (each.extra or {}).items() if name != INDEX} or None)
        for each in step.observation.results
    ]
    return replace(step, observation=replace(step.observation, results=results))
