"""The objects of ATIF up to v1.8, as msgspec structs (RFC 0001 of the Harbor framework; field order as its models dump).

An optional field that is absent and one that is ``null`` mean the same, so encoding leaves ``None`` out. Unknown fields
are refused everywhere; the places for own data are the ``extra`` objects. What fields must hold together is said in
`hfsvc.atif.rules`. Constructing a struct checks nothing: types and limits are checked where a document is read.
"""

from typing import Annotated, Any, Literal, get_args

import msgspec

SchemaVersion = Literal[
    "ATIF-v1.0",
    "ATIF-v1.1",
    "ATIF-v1.2",
    "ATIF-v1.3",
    "ATIF-v1.4",
    "ATIF-v1.5",
    "ATIF-v1.6",
    "ATIF-v1.7",
    "ATIF-v1.8",
]
"""Every published version. They differ in which fields exist; one set of structs holds them all."""

VERSIONS: tuple[SchemaVersion, ...] = get_args(SchemaVersion)
NEWEST: SchemaVersion = VERSIONS[-1]

Source = Literal["system", "user", "agent"]
ImageMediaType = Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
AudioMediaType = Literal[
    "audio/wav",
    "audio/mpeg",
    "audio/mp4",
    "audio/aac",
    "audio/ogg",
    "audio/flac",
    "audio/webm",
    "audio/aiff",
]
Extra = dict[str, Any]
Count = Annotated[int, msgspec.Meta(ge=0)]


# gc=False: a stream builds hundreds of thousands of these a second, and the collector would walk every live one again
# and again for nothing. A frozen struct cannot hold itself; only an own dict inside `extra` could be made to.
class Atif(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Base of all objects of the format."""


class ImageSource(Atif, frozen=True, kw_only=True):
    """Where the bytes of an image lie (v1.6). `path` is relative to the document's folder, absolute, or a URL."""

    media_type: ImageMediaType
    path: str


class AudioSource(Atif, frozen=True, kw_only=True):
    """Where the bytes of a recording lie (v1.8), and how many seconds it lasts. `path` as in `ImageSource`."""

    media_type: AudioMediaType
    path: str
    duration_sec: Annotated[float, msgspec.Meta(ge=0)] | None = None


class TextPart(Atif, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """Text inside a multimodal message (v1.6)."""

    text: str


class ImagePart(Atif, frozen=True, kw_only=True, tag_field="type", tag="image"):
    """An image inside a multimodal message (v1.6)."""

    source: ImageSource


class AudioPart(Atif, frozen=True, kw_only=True, tag_field="type", tag="audio"):
    """A recording inside a multimodal message (v1.8)."""

    source: AudioSource


ContentPart = TextPart | ImagePart | AudioPart
"""Part of a multimodal message; in JSON its ``type`` says which."""

Content = str | list[TextPart | ImagePart | AudioPart]


class ToolCall(Atif, frozen=True, kw_only=True):
    """A call the agent made. `tool_call_id` is what results of the same step refer to."""

    tool_call_id: str
    function_name: str
    arguments: dict[str, Any]
    extra: Extra | None = None


class SubagentTrajectoryRef(Atif, frozen=True, kw_only=True):
    """A reference to another trajectory: embedded by `trajectory_id` (v1.7), or elsewhere by `trajectory_path`."""

    trajectory_id: str | None = None
    session_id: str | None = None
    trajectory_path: str | None = None
    extra: Extra | None = None


class ObservationResult(Atif, frozen=True, kw_only=True):
    """One result. Without `source_call_id` it belongs to the step as a whole."""

    source_call_id: str | None = None
    content: Content | None = None
    subagent_trajectory_ref: list[SubagentTrajectoryRef] | None = None
    extra: Extra | None = None


class Observation(Atif, frozen=True, kw_only=True):
    """What came back from the environment after a step."""

    results: list[ObservationResult]


class Metrics(Atif, frozen=True, kw_only=True):
    """Tokens and cost of one step. Since v1.2 `cached_tokens` is a part of `prompt_tokens`."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: float | None = None
    prompt_token_ids: list[int] | None = None
    completion_token_ids: list[int] | None = None
    logprobs: list[float] | None = None
    extra: Extra | None = None


class Step(Atif, frozen=True, kw_only=True):
    """One turn. `step_id` counts from 1; the fields from `model_name` to `metrics` but `observation` are the agent's."""

    step_id: Annotated[int, msgspec.Meta(ge=1)]
    timestamp: str | None = None
    source: Source
    model_name: str | None = None
    reasoning_effort: str | float | None = None
    message: Content
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None
    observation: Observation | None = None
    metrics: Metrics | None = None
    is_copied_context: bool | None = None
    llm_call_count: Count | None = None
    extra: Extra | None = None


class FinalMetrics(Atif, frozen=True, kw_only=True):
    """Totals over the trajectory, its subagents' cost included."""

    total_prompt_tokens: int | None = None
    total_completion_tokens: int | None = None
    total_cached_tokens: int | None = None
    total_cost_usd: float | None = None
    total_steps: Count | None = None
    extra: Extra | None = None


class Agent(Atif, frozen=True, kw_only=True):
    """Who acted. `model_name` is the default of the steps."""

    name: str
    version: str
    model_name: str | None = None
    tool_definitions: list[dict[str, Any]] | None = None
    extra: Extra | None = None


class Trajectory(Atif, frozen=True, kw_only=True):
    """A whole document. `session_id` names the run (not unique), `trajectory_id` (v1.7) this document."""

    schema_version: SchemaVersion
    session_id: str | None = None
    trajectory_id: str | None = None
    agent: Agent
    steps: Annotated[list[Step], msgspec.Meta(min_length=1)]
    notes: str | None = None
    final_metrics: FinalMetrics | None = None
    continued_trajectory_ref: str | None = None
    extra: Extra | None = None
    subagent_trajectories: list["Trajectory"] | None = None
