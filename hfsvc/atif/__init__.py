"""ATIF, the Agent Trajectory Interchange Format: structs, codec, verdicts and conversion between versions.

Useful on its own; does no I/O. docs/atif.md explains it.
"""

from hfsvc.atif.checking import Report, check
from hfsvc.atif.codec import decode, encode
from hfsvc.atif.converting import Change, Converted, convert_version
from hfsvc.atif.findings import Finding
from hfsvc.atif.media import MediaPath, media_paths
from hfsvc.atif.schema import (
    NEWEST,
    VERSIONS,
    Agent,
    AudioPart,
    AudioSource,
    Content,
    ContentPart,
    FinalMetrics,
    ImagePart,
    ImageSource,
    Metrics,
    Observation,
    ObservationResult,
    SchemaVersion,
    Source,
    Step,
    SubagentTrajectoryRef,
    TextPart,
    ToolCall,
    Trajectory,
)

__all__ = [
    "NEWEST",
    "VERSIONS",
    "Agent",
    "AudioPart",
    "AudioSource",
    "Change",
    "Content",
    "ContentPart",
    "Converted",
    "FinalMetrics",
    "Finding",
    "ImagePart",
    "ImageSource",
    "MediaPath",
    "Metrics",
    "Observation",
    "ObservationResult",
    "Report",
    "SchemaVersion",
    "Source",
    "Step",
    "SubagentTrajectoryRef",
    "TextPart",
    "ToolCall",
    "Trajectory",
    "check",
    "convert_version",
    "decode",
    "encode",
    "media_paths",
]
