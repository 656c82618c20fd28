"""Which version brought which field (RFC 0001, changelogs of v1.0 to v1.8). Fields not named here are as old as v1.0."""

from hfsvc.atif.schema import (
    VERSIONS,
    Agent,
    Atif,
    Metrics,
    ObservationResult,
    SchemaVersion,
    Step,
    SubagentTrajectoryRef,
    ToolCall,
    Trajectory,
)

SINCE: dict[type[Atif], dict[str, int]] = {
    Trajectory: {"extra": 1, "continued_trajectory_ref": 4, "trajectory_id": 7, "subagent_trajectories": 7},
    Agent: {"tool_definitions": 5},
    Step: {"is_copied_context": 5, "llm_call_count": 7},
    ToolCall: {"extra": 7},
    ObservationResult: {"extra": 7},
    SubagentTrajectoryRef: {"trajectory_id": 7},
    Metrics: {"completion_token_ids": 3, "prompt_token_ids": 4},
}
"""Minor version of each field that came after v1.0."""

SYSTEM_OBSERVATIONS_SINCE = 2
CACHED_WITHIN_PROMPT_SINCE = 2
PARTS_SINCE = 6
SESSION_ID_OPTIONAL_SINCE = 7
AUDIO_SINCE = 8


def minor(version: SchemaVersion) -> int:
    """The N of ``ATIF-v1.N``."""
    return VERSIONS.index(version)


def newer_fields(value: Atif, version: int) -> list[tuple[str, int]]:
    """The fields that an object holds although they came after a minor version, and when they came."""
    since = SINCE.get(type(value), {})
    return [(name, came) for name, came in since.items() if came > version and getattr(value, name) is not None]
