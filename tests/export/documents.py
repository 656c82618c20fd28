"""Trajectories to export: made up by hypothesis, with everything the format has, and plain ones."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from hfsvc import atif
from hfsvc.atif import Trajectory
from hfsvc.models import Fidelity, TrajectoryRow

from ..atif.atif_corpus import FULL, SMALL

texts = st.text(max_size=12)
# Halves of characters, which no UTF-8 can hold, and integers of any size.
odd_texts = st.text(st.characters(exclude_categories=()), max_size=4)
integers = st.integers()
numbers = st.floats(allow_nan=False)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | integers | numbers | texts | odd_texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
extras = st.dictionaries(texts, json_values, max_size=2)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def few(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=2)


images = st.builds(atif.ImageSource, media_type=st.sampled_from(["image/png", "image/gif"]), path=texts)
sounds = st.builds(
    atif.AudioSource,
    media_type=st.sampled_from(["audio/wav", "audio/ogg"]),
    path=texts,
    duration_sec=maybe(st.floats(min_value=0, allow_nan=False)),
)
parts = (
    st.builds(atif.TextPart, text=texts)
    | st.builds(atif.ImagePart, source=images)
    | st.builds(atif.AudioPart, source=sounds)
)
contents = texts | odd_texts | few(parts)
refs = st.builds(
    atif.SubagentTrajectoryRef,
    trajectory_id=maybe(texts),
    session_id=maybe(texts),
    trajectory_path=maybe(texts),
    extra=maybe(extras),
)
results = st.builds(
    atif.ObservationResult,
    source_call_id=maybe(texts),
    content=maybe(contents),
    subagent_trajectory_ref=maybe(few(refs)),
    extra=maybe(extras),
)
calls = st.builds(atif.ToolCall, tool_call_id=texts, function_name=texts, arguments=extras, extra=maybe(extras))
metrics = st.builds(
    atif.Metrics,
    prompt_tokens=maybe(integers),
    completion_tokens=maybe(integers),
    cached_tokens=maybe(integers),
    cost_usd=maybe(numbers),
    prompt_token_ids=maybe(few(integers)),
    completion_token_ids=maybe(few(integers)),
    logprobs=maybe(few(numbers)),
    extra=maybe(extras),
)
counts = st.integers(min_value=0)
steps = st.builds(
    atif.Step,
    step_id=st.integers(min_value=1),
    timestamp=maybe(texts),
    source=st.sampled_from(["system", "user", "agent"]),
    model_name=maybe(texts),
    reasoning_effort=maybe(texts | numbers),
    message=contents,
    reasoning_content=maybe(texts),
    tool_calls=maybe(few(calls)),
    observation=maybe(st.builds(atif.Observation, results=few(results))),
    metrics=maybe(metrics),
    is_copied_context=maybe(st.booleans()),
    llm_call_count=maybe(counts),
    extra=maybe(extras),
)
agents = st.builds(
    atif.Agent,
    name=texts,
    version=texts,
    model_name=maybe(texts),
    tool_definitions=maybe(few(extras)),
    extra=maybe(extras),
)
final_metrics = st.builds(
    atif.FinalMetrics,
    total_prompt_tokens=maybe(integers),
    total_completion_tokens=maybe(integers),
    total_cached_tokens=maybe(integers),
    total_cost_usd=maybe(numbers),
    total_steps=maybe(counts),
    extra=maybe(extras),
)


def _trajectories(subagents: st.SearchStrategy[Any]) -> st.SearchStrategy[Trajectory]:
    return st.builds(
        Trajectory,
        schema_version=st.sampled_from(atif.VERSIONS),
        session_id=maybe(texts),
        trajectory_id=maybe(texts),
        agent=agents,
        steps=st.lists(steps, min_size=1, max_size=2),
        notes=maybe(texts),
        final_metrics=maybe(final_metrics),
        continued_trajectory_ref=maybe(texts),
        extra=maybe(extras),
        subagent_trajectories=subagents,
    )


trajectories = _trajectories(maybe(st.lists(_trajectories(st.none()), max_size=1)))

EVERYTHING = atif.decode(json.dumps(FULL))
BARE = atif.decode(json.dumps(SMALL))


def talk(number: int, *, answer: str = "", **extra: Any) -> Trajectory:
    """A short conversation, as a row becomes one."""
    return Trajectory(
        schema_version="ATIF-v1.4",
        session_id="run-1",
        agent=atif.Agent(name="terminus-2", version="1.0", model_name="teacher"),
        steps=[
            atif.Step(step_id=1, source="user", message=f"question {number}", timestamp="2025-11-12T22:22:17"),
            atif.Step(step_id=2, source="agent", message=answer or f"answer {number}"),
        ],
        extra={"task": f"task_{number}", "trial_name": f"task_{number}__abc"} | extra,
    )


def as_rows(found: Sequence[Trajectory]) -> list[TrajectoryRow]:
    """Rows of a file, numbered from 0."""
    fidelity = Fidelity(style="messages", messages=1)
    return [
        TrajectoryRow(row=number, file="a.parquet", cursor=str(number), trajectory=each, fidelity=fidelity)
        for number, each in enumerate(found)
    ]
