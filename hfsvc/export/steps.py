"""The format ``steps``: a flat table of one row a step, for queries. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from hfsvc.atif import Metrics, Observation, Step, ToolCall
from hfsvc.export.chat import text_of
from hfsvc.export.lines import plain_json
from hfsvc.export.naming import session_of, title_of
from hfsvc.models import TrajectoryRow
from hfsvc.trajectories.columns.column_kinds import batch_of

SCHEMA = pa.schema({
    "row": pa.int64(),
    "trajectory": pa.string(),
    "name": pa.string(),
    "step_id": pa.int64(),
    "timestamp": pa.string(),
    "source": pa.string(),
    "model": pa.string(),
    "reasoning_effort": pa.string(),
    "message": pa.string(),
    "reasoning": pa.string(),
    "calls": pa.int32(),
    "functions": pa.list_(pa.string()),
    "tool_calls": pa.string(),
    "results": pa.int32(),
    "observation": pa.string(),
    "prompt_tokens": pa.int64(),
    "completion_tokens": pa.int64(),
    "cached_tokens": pa.int64(),
    "cost_usd": pa.float64(),
    "is_copied_context": pa.bool_(),
    "llm_call_count": pa.int64(),
    "extra": pa.string(),
})
_NO_METRICS = Metrics()


def steps_batch(rows: Sequence[TrajectoryRow]) -> pa.RecordBatch:
    """The steps of trajectories as a batch of `SCHEMA`; those of embedded subagents are left out."""
    return batch_of([step for row in rows for step in _steps(row)], SCHEMA)


def _steps(row: TrajectoryRow) -> Iterator[dict[str, Any]]:
    key, name, agent = session_of(row), title_of(row), row.trajectory.agent
    for step in row.trajectory.steps:
        model = (step.model_name or agent.model_name) if step.source == "agent" else None
        head = {"row": row.row, "trajectory": key, "name": name, "model": model}
        yield head | _facts(step) | _calls(step.tool_calls or []) | _observed(step.observation) | _spent(step.metrics)


def _facts(step: Step) -> dict[str, Any]:
    return {
        "step_id": step.step_id,
        "timestamp": step.timestamp,
        "source": step.source,
        "reasoning_effort": None if step.reasoning_effort is None else str(step.reasoning_effort),
        "message": text_of(step.message),
        "reasoning": step.reasoning_content,
        "is_copied_context": step.is_copied_context,
        "llm_call_count": step.llm_call_count,
        "extra": None if step.extra is None else plain_json(step.extra),
    }


def _calls(calls: list[ToolCall]) -> dict[str, Any]:
    functions = [call.function_name for call in calls]
    return {"calls": len(calls), "functions": functions, "tool_calls": plain_json(calls) if calls else None}


def _observed(observation: Observation | None) -> dict[str, Any]:
    results = observation.results if observation else []
    texts = [text_of(result.content) for result in results if result.content is not None]
    return {"results": len(results), "observation": "\n".join(texts) if texts else None}


def _spent(metrics: Metrics | None) -> dict[str, Any]:
    found = metrics or _NO_METRICS
    names = ("prompt_tokens", "completion_tokens", "cached_tokens")
    return {name: getattr(found, name) for name in names} | {"cost_usd": found.cost_usd}
