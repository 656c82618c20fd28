"""What the format's text asks for and no validator enforces, as warnings about a valid trajectory."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from hfsvc.atif.findings import Finding, Path, json_path
from hfsvc.atif.schema import (
    Atif,
    AudioPart,
    Content,
    FinalMetrics,
    Metrics,
    ObservationResult,
    Step,
    SubagentTrajectoryRef,
    Trajectory,
)
from hfsvc.atif.versions import (
    AUDIO_SINCE,
    CACHED_WITHIN_PROMPT_SINCE,
    PARTS_SINCE,
    SESSION_ID_OPTIONAL_SINCE,
    SYSTEM_OBSERVATIONS_SINCE,
    minor,
    newer_fields,
)

Warnings = Iterator[Finding]


def advise(trajectory: Trajectory) -> list[Finding]:
    """Warnings about a trajectory and those embedded in it, in document order within each."""
    return list(_trajectory(trajectory, (), _embedded_ids(trajectory)))


def _warn(code: str, path: Path, message: str, hint: str | None = None) -> Finding:
    return Finding(code=code, path=json_path(path), message=message, severity="warning", hint=hint)


def _embedded_ids(trajectory: Trajectory) -> set[str | None]:
    return {subagent.trajectory_id for subagent in trajectory.subagent_trajectories or ()}


def _trajectory(trajectory: Trajectory, path: Path, root_ids: set[str | None]) -> Warnings:
    version = minor(trajectory.schema_version)
    ids = root_ids | _embedded_ids(trajectory)
    yield from _session(trajectory, version, path)
    yield from _newer(trajectory, version, path)
    yield from _newer(trajectory.agent, version, (*path, "agent"))
    yield from _falling_times(trajectory.steps, path)
    for index, step in enumerate(trajectory.steps):
        yield from _step(step, version, (*path, "steps", index), ids)
    yield from _totals(trajectory, path)
    for index, subagent in enumerate(trajectory.subagent_trajectories or ()):
        yield from _trajectory(subagent, (*path, "subagent_trajectories", index), ids)


def _session(trajectory: Trajectory, version: int, path: Path) -> Warnings:
    if trajectory.session_id is None and version < SESSION_ID_OPTIONAL_SINCE:
        message = f"{trajectory.schema_version} requires a session_id"
        yield _warn("no_session_id", (*path, "session_id"), message, "give the run an id, or declare ATIF-v1.7")


def _newer(value: Atif, version: int, path: Path) -> Warnings:
    for name, came in newer_fields(value, version):
        yield _newer_than_declared((*path, name), f"{name} came", came)


def _newer_than_declared(path: Path, what: str, came: int) -> Finding:
    hint = f"declare ATIF-v1.{came} or newer, or convert the document"
    return _warn("newer_than_declared", path, f"{what} with ATIF-v1.{came}, after the declared version", hint)


def _step(step: Step, version: int, path: Path, ids: set[str | None]) -> Warnings:
    yield from _newer(step, version, path)
    yield from _content(step.message, version, (*path, "message"))
    yield from _calls(step, version, path)
    yield from _observation(step, version, path, ids)
    if step.metrics:
        yield from _metrics(step.metrics, version, (*path, "metrics"))


def _content(content: Content | None, version: int, path: Path) -> Warnings:
    if not isinstance(content, list):
        return
    if version < PARTS_SINCE:
        yield _newer_than_declared(path, "content parts came", PARTS_SINCE)
    elif version < AUDIO_SINCE and any(isinstance(part, AudioPart) for part in content):
        yield _newer_than_declared(path, "audio parts came", AUDIO_SINCE)


def _calls(step: Step, version: int, path: Path) -> Warnings:
    seen: set[str] = set()
    for index, call in enumerate(step.tool_calls or ()):
        place = (*path, "tool_calls", index)
        yield from _newer(call, version, place)
        if call.tool_call_id in seen:
            message = f"{call.tool_call_id[:60]!r} is the id of an earlier call of this step"
            yield _warn("duplicate_tool_call_id", (*place, "tool_call_id"), message, "ids are unique within a step")
        seen.add(call.tool_call_id)


def _observation(step: Step, version: int, path: Path, ids: set[str | None]) -> Warnings:
    if step.observation is None:
        return
    if step.source == "user" or (step.source == "system" and version < SYSTEM_OBSERVATIONS_SINCE):
        message = f"{step.source} steps have no observation in this version"
        hint = "agent steps have one, and from ATIF-v1.2 on system steps"
        yield _warn("observation_elsewhere", (*path, "observation"), message, hint)
    for index, result in enumerate(step.observation.results):
        yield from _result(result, version, (*path, "observation", "results", index), ids)
    yield from _unanswered(step, step.observation.results, path)


def _result(result: ObservationResult, version: int, path: Path, ids: set[str | None]) -> Warnings:
    yield from _newer(result, version, path)
    yield from _content(result.content, version, (*path, "content"))
    for index, ref in enumerate(result.subagent_trajectory_ref or ()):
        yield from _ref(ref, version, (*path, "subagent_trajectory_ref", index), ids)


def _ref(ref: SubagentTrajectoryRef, version: int, path: Path, ids: set[str | None]) -> Warnings:
    yield from _newer(ref, version, path)
    if ref.trajectory_path is None and ref.trajectory_id not in ids:
        message = "the reference leads nowhere: no embedded subagent has this id, and there is no path"
        yield _warn("dangling_ref", (*path, "trajectory_id"), message, "embed the subagent, or name its document")
    if ref.session_id is None and version < SESSION_ID_OPTIONAL_SINCE:
        yield _warn("no_session_id", (*path, "session_id"), "references need a session_id before ATIF-v1.7")


def _unanswered(step: Step, results: list[ObservationResult], path: Path) -> Warnings:
    """Calls without a result, where each result names its call and some do: else nothing can be said."""
    answered = {result.source_call_id for result in results}
    if not answered or None in answered:
        return
    for index, call in enumerate(step.tool_calls or ()):
        if call.tool_call_id not in answered:
            message = "the call has no result, although other calls of its step have one"
            yield _warn("unanswered_call", (*path, "tool_calls", index), message)


def _metrics(metrics: Metrics, version: int, path: Path) -> Warnings:
    yield from _newer(metrics, version, path)
    yield from _negative(metrics, ("prompt_tokens", "completion_tokens", "cached_tokens", "cost_usd"), path)
    within = version >= CACHED_WITHIN_PROMPT_SINCE
    if within and (metrics.cached_tokens or 0) > (metrics.prompt_tokens or 0) and metrics.prompt_tokens is not None:
        message = f"{metrics.cached_tokens} cached tokens are more than the {metrics.prompt_tokens} of the prompt"
        yield _warn(
            "cached_above_prompt", (*path, "cached_tokens"), message, "cached tokens are a part of the prompt's"
        )
    yield from _length(metrics.prompt_token_ids, metrics.prompt_tokens, (*path, "prompt_token_ids"))
    yield from _length(metrics.completion_token_ids, metrics.completion_tokens, (*path, "completion_token_ids"))
    ids = metrics.completion_token_ids
    tokens = metrics.completion_tokens if ids is None else len(ids)
    yield from _length(metrics.logprobs, tokens, (*path, "logprobs"))


def _length(values: list[int] | list[float] | None, wanted: int | None, path: Path) -> Warnings:
    if values is not None and wanted is not None and len(values) != wanted:
        yield _warn("length_mismatch", path, f"the list holds {len(values)} items for {wanted} tokens")


def _negative(value: Atif, names: tuple[str, ...], path: Path) -> Warnings:
    for name in names:
        amount = getattr(value, name)
        if amount is not None and amount < 0:
            yield _warn("negative_amount", (*path, name), f"{name} is below zero")


def _totals(trajectory: Trajectory, path: Path) -> Warnings:
    total = trajectory.final_metrics
    if total is None:
        return
    place = (*path, "final_metrics")
    yield from _total_steps(trajectory, total, place)
    names = ("total_prompt_tokens", "total_completion_tokens", "total_cached_tokens", "total_cost_usd")
    yield from _negative(total, names, place)
    if not _has_other_costs(trajectory):
        for name in names[:3]:
            yield from _total_tokens(trajectory.steps, getattr(total, name), name, place)


def _has_other_costs(trajectory: Trajectory) -> bool:
    """Whether totals may rightly differ from the steps' sums: writers count subagents and continuations in."""
    observations = [step.observation for step in trajectory.steps if step.observation]
    refers = any(result.subagent_trajectory_ref for each in observations for result in each.results)
    copied = any(step.is_copied_context for step in trajectory.steps)
    return refers or copied or bool(trajectory.subagent_trajectories or trajectory.continued_trajectory_ref)


def _total_steps(trajectory: Trajectory, total: FinalMetrics, path: Path) -> Warnings:
    if total.total_steps in {None, len(trajectory.steps)} or trajectory.notes:
        return
    message = f"total_steps is {total.total_steps}, and there are {len(trajectory.steps)} steps"
    yield _warn("total_steps_differ", (*path, "total_steps"), message, "mend it, or say in `notes` why")


def _total_tokens(steps: list[Step], total: int | None, name: str, path: Path) -> Warnings:
    field = name.removeprefix("total_")
    known = [getattr(step.metrics, field) for step in steps if step.metrics]
    counts = [count for count in known if count is not None]
    if total is not None and counts and sum(counts) != total:
        yield _warn("total_differs", (*path, name), f"{name} is {total}, the steps add up to {sum(counts)}")


def _falling_times(steps: list[Step], path: Path) -> Warnings:
    times = [(index, _time(step.timestamp)) for index, step in enumerate(steps) if step.timestamp is not None]
    for (_, before), (index, after) in pairwise(times):
        # A time with a zone and one without cannot be compared.
        if (before.tzinfo is None) == (after.tzinfo is None) and after < before:
            message = f"{steps[index].timestamp} is before the step above it"
            yield _warn("time_runs_back", (*path, "steps", index, "timestamp"), message)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
