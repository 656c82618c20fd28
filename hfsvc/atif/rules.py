"""The rules that fields must keep together (numbers as in Harbor's validator, 0.25), on read trajectories.

They also take a partly read trajectory, in which unreadable values are `msgspec.UNSET`: these count as given, and a rule
that would need to know them says nothing.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec import UNSET

from hfsvc.atif.findings import Finding, Path, json_path
from hfsvc.atif.schema import Observation, ObservationResult, Step, SubagentTrajectoryRef, ToolCall, Trajectory

AGENT_FIELDS = ("model_name", "reasoning_effort", "reasoning_content", "tool_calls", "metrics")
MAX_EMBEDDING = 254
"""Levels of subagents inside subagents; pydantic stops there."""

Note = Callable[[str, Path, str, str], None]


def broken_rules(trajectory: Trajectory) -> list[Finding]:
    """Every place where a trajectory and those embedded in it break a rule between fields."""
    found: list[Finding] = []

    def note(code: str, path: Path, message: str, hint: str) -> None:
        found.append(Finding(code=code, path=json_path(path), message=message, hint=hint))

    _check_trajectory(trajectory, (), note)
    return found


def _readable(value: object) -> bool:
    return value is not UNSET


def is_timestamp(text: str) -> bool:
    """Rule 11: ISO 8601 as Python reads it, with an upper-case Z for UTC."""
    try:
        datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return False
    return True


def _check_trajectory(trajectory: Trajectory, path: Path, note: Note, depth: int = 0) -> None:
    for index, step in enumerate(trajectory.steps or ()):
        if _readable(step):
            _check_step(step, index, path, note)
    if trajectory.subagent_trajectories:
        _check_subagents(trajectory.subagent_trajectories, (*path, "subagent_trajectories"), note, depth + 1)


def _check_step(step: Step, index: int, parent: Path, note: Note) -> None:
    path = (*parent, "steps", index)
    _step_number(step, index, path, note)
    _timestamp(step, path, note)
    if step.source == "agent":
        _llm_fields(step, path, note)
    else:
        _agent_fields(step, path, note)
    if step.observation:
        _results(step.observation, step.tool_calls, (*path, "observation", "results"), note)


def _step_number(step: Step, index: int, path: Path, note: Note) -> None:
    """Rule 5."""
    if step.step_id != index + 1 and _readable(step.step_id):
        message = f"step {index + 1} of the list has the id {step.step_id}"
        note("step_id_out_of_order", (*path, "step_id"), message, "number the steps 1, 2, 3 … in list order")


def _timestamp(step: Step, path: Path, note: Note) -> None:
    """Rule 11."""
    if isinstance(step.timestamp, str) and not is_timestamp(step.timestamp):
        message = f"{step.timestamp[:40]!r} is no ISO 8601 time"
        note("bad_timestamp", (*path, "timestamp"), message, "write it as 2025-10-11T10:30:00Z, or leave it out")


def _agent_fields(step: Step, path: Path, note: Note) -> None:
    """Rule 8."""
    for field in AGENT_FIELDS:
        if getattr(step, field) is not None and _readable(step.source):
            message = f"only agent steps have {field}, and this is a {step.source} step"
            note("agent_field_elsewhere", (*path, field), message, "remove it, empty or not, or move it into `extra`")


def _llm_fields(step: Step, path: Path, note: Note) -> None:
    """Rule 10."""
    if step.llm_call_count != 0:
        return
    for field in ("metrics", "reasoning_content"):
        if getattr(step, field) is not None:
            message = f"llm_call_count is 0, so no model was asked and there is no {field}"
            note("llm_field_without_call", (*path, field), message, "remove it, empty or not, or mend llm_call_count")


def _results(observation: Observation, calls: list[ToolCall] | None, path: Path, note: Note) -> None:
    known = _call_ids(calls)
    for index, result in enumerate(observation.results or ()):
        if _readable(result):
            _source_call(result, known, (*path, index), note)
            if result.subagent_trajectory_ref:
                _refs(result.subagent_trajectory_ref, (*path, index, "subagent_trajectory_ref"), note)


def _call_ids(calls: list[ToolCall] | None) -> set[Any]:
    """The ids that results of the step may name; `UNSET` among them where not all are known."""
    if not _readable(calls):
        return {None, UNSET}
    return {None} | {call.tool_call_id if _readable(call) else UNSET for call in calls or ()}


def _source_call(result: ObservationResult, known: set[Any], path: Path, note: Note) -> None:
    """Rule 13."""
    call = result.source_call_id
    if call is None or call in known or UNSET in known or not _readable(call):
        return
    message = f"{call[:60]!r} is the id of no tool call of this step"
    hint = "a result stands in the step of its call; drop source_call_id, or keep the id in `extra`"
    note("dangling_source_call_id", (*path, "source_call_id"), message, hint)


def _refs(refs: list[SubagentTrajectoryRef], path: Path, note: Note) -> None:
    """Rule 15."""
    for index, ref in enumerate(refs):
        if _readable(ref) and ref.trajectory_id is None and ref.trajectory_path is None:
            message = "a reference needs trajectory_id or trajectory_path"
            hint = "session_id alone names a run, not a document, whatever the declared version"
            note("unresolvable_ref", (*path, index), message, hint)


def _check_subagents(subagents: list[Trajectory], path: Path, note: Note, depth: int) -> None:
    """Rule 17, and each embedded document by all the others."""
    if depth > MAX_EMBEDDING:
        message = f"subagents are embedded more than {MAX_EMBEDDING} levels deep"
        note("embedded_too_deep", path, message, "put them into documents of their own, and refer to these by path")
        return
    seen: set[Any] = set()
    for index, subagent in enumerate(subagents):
        if _readable(subagent):
            _subagent_id(subagent, seen, (*path, index, "trajectory_id"), note)
            seen.add(subagent.trajectory_id)
            _check_trajectory(subagent, (*path, index), note, depth)


def _subagent_id(subagent: Trajectory, seen: set[Any], path: Path, note: Note) -> None:
    if subagent.trajectory_id is None:
        note("missing_trajectory_id", path, "an embedded subagent has no trajectory_id", "give it one of its own")
    elif subagent.trajectory_id in seen and _readable(subagent.trajectory_id):
        message = f"{subagent.trajectory_id[:60]!r} is the id of another subagent beside this one"
        note("duplicate_trajectory_id", path, message, "ids are unique within one subagent_trajectories list")
