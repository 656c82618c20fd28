"""ATIF, the Agent Trajectory Interchange Format: its structs and codec. Useful on its own; does no I/O."""

from hfsvc.atif.codec import decode, encode
from hfsvc.atif.schema import (
    Agent,
    Content,
    ContentPart,
    FinalMetrics,
    MediaSource,
    Metrics,
    Observation,
    ObservationResult,
    SchemaVersion,
    Source,
    Step,
    SubagentTrajectoryRef,
    ToolCall,
    Trajectory,
)

__all__ = [
    "Agent",
    "Content",
    "ContentPart",
    "FinalMetrics",
    "MediaSource",
    "Metrics",
    "Observation",
    "ObservationResult",
    "SchemaVersion",
    "Source",
    "Step",
    "SubagentTrajectoryRef",
    "ToolCall",
    "Trajectory",
    "decode",
    "encode",
]
