"""Documents as the Effuse UI takes them: one version, with the fields that its schema requires and ATIF does not. Pure.

Source: src/mainview/socket-client.ts, src/atif/schema.ts and src/effuse/widgets of OpenAgentsInc/openagents (December 2025).
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from hfsvc import atif

VERSION: atif.SchemaVersion = "ATIF-v1.4"
UNKNOWN = "unknown"
SEARCHED = frozenset({"task", "episode"})


def to_effuse(trajectory: atif.Trajectory, own_id: str | None = None) -> atif.Trajectory:
    """A document of the one version that this UI reads, with what its schema requires and ATIF does not.

    Args:
        trajectory: The document.
        own_id: Its `session_id` from now on, where it is given; the one that it had goes to `extra`.
    """
    # Those that say this version as well: they may hold what came later, and lack what it asks for.
    trajectory = atif.convert_version(trajectory, VERSION).trajectory
    return replace(
        trajectory,
        session_id=own_id or trajectory.session_id or UNKNOWN,
        agent=replace(trajectory.agent, model_name=trajectory.agent.model_name or UNKNOWN),
        steps=[step if step.timestamp is not None else replace(step, timestamp="") for step in trajectory.steps],
        final_metrics=trajectory.final_metrics and _fill_totals(trajectory.final_metrics, trajectory.steps),
        extra=_extra(trajectory, own_id),
    )


def id_of_row(trajectory: atif.Trajectory, row: int, trial_name: str | None) -> str:
    """An id that no other row of the dataset has: that UI finds by it what was clicked on.

    Args:
        trajectory: The row's document.
        row: Its number.
        trial_name: The name of its trial, where no other row has that name.
    """
    run = (trajectory.extra or {}).get("run_id")
    shared = run if isinstance(run, str) and run else trajectory.session_id or trajectory.trajectory_id or UNKNOWN
    return trial_name or f"{shared}#{row}"


def unreadable(row: int, sentence: str) -> atif.Trajectory:
    """A document in the place of a row that cannot be shown, whose one step says why."""
    return atif.Trajectory(
        schema_version=VERSION,
        session_id=f"row_{row}",
        agent=atif.Agent(name=UNKNOWN, version=UNKNOWN, model_name=UNKNOWN),
        steps=[atif.Step(step_id=1, source="system", timestamp="", message=sentence)],
        extra={"task": f"Row {row} cannot be read"},
    )


def as_json(trajectory: atif.Trajectory) -> bytes:
    """A document as JSON that browsers read, who know no NaN."""
    try:
        return msgspec.json.encode(trajectory)
    except (UnicodeEncodeError, OverflowError):
        return atif.encode(trajectory)


def _extra(trajectory: atif.Trajectory, own_id: str | None) -> dict[str, Any] | None:
    extra = trajectory.extra and {name: _searchable(name, value) for name, value in trajectory.extra.items()}
    if own_id is None or trajectory.session_id in {None, "", own_id}:
        return extra
    return {"session_id": trajectory.session_id, **(extra or {})}


def _fill_totals(totals: atif.FinalMetrics, steps: list[atif.Step]) -> atif.FinalMetrics:
    """Totals with the three that are required: where they are missing, those of the steps."""
    metrics = [step.metrics for step in steps if step.metrics]
    found = {
        "total_prompt_tokens": sum(each.prompt_tokens or 0 for each in metrics),
        "total_completion_tokens": sum(each.completion_tokens or 0 for each in metrics),
        "total_steps": len(steps),
    }
    return replace(totals, **{name: value for name, value in found.items() if getattr(totals, name) is None})


def _searchable(name: str, value: Any) -> Any:
    """What is searched as text, as text: on anything else the UI's search breaks, and stays broken."""
    if name not in SEARCHED or value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
