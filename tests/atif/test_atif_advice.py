"""What strict checking adds: warnings, never another verdict."""

import json
from typing import Any

import pytest

from hfsvc.atif import check

from .atif_corpus import FULL, SMALL

CALL = {"tool_call_id": "c1", "function_name": "f", "arguments": {}}
OTHER = {"tool_call_id": "c2", "function_name": "f", "arguments": {}}
REF = {"results": [{"subagent_trajectory_ref": [{"trajectory_id": "a"}]}]}


def step(**fields: Any) -> dict[str, Any]:
    return SMALL | {"schema_version": "ATIF-v1.8", "steps": [{"step_id": 1, "source": "agent", "message": ""} | fields]}


def metrics(**fields: Any) -> dict[str, Any]:
    return step(metrics=fields)


def total(**fields: Any) -> dict[str, Any]:
    return metrics(prompt_tokens=3, completion_tokens=1) | {"final_metrics": fields}


def declared(version: int, document: dict[str, Any]) -> dict[str, Any]:
    return document | {"schema_version": f"ATIF-v1.{version}"}


def timed(*times: str) -> dict[str, Any]:
    steps = [{"step_id": n, "source": "user", "message": "", "timestamp": time} for n, time in enumerate(times, 1)]
    return SMALL | {"steps": steps}


AUDIO = [{"type": "audio", "source": {"media_type": "audio/wav", "path": "p"}}]
IMAGE = [{"type": "image", "source": {"media_type": "image/png", "path": "p"}}]

WARNED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "no version": ("no_schema_version", "$.schema_version", {k: v for k, v in SMALL.items() if k != "schema_version"}),
    "converted": ("converted_value", "$.steps[0].step_id", step(step_id="1")),
    "no session": ("no_session_id", "$.session_id", declared(6, step()) | {"session_id": None}),
    "ref without session": (
        "no_session_id",
        "$.steps[0].observation.results[0].subagent_trajectory_ref[0].session_id",
        declared(6, step(observation={"results": [{"subagent_trajectory_ref": [{"trajectory_path": "p"}]}]})),
    ),
    "newer root": ("newer_than_declared", "$.trajectory_id", declared(6, SMALL) | {"trajectory_id": "t"}),
    "newer agent": (
        "newer_than_declared",
        "$.agent.tool_definitions",
        declared(4, SMALL) | {"agent": {"name": "a", "version": "1", "tool_definitions": []}},
    ),
    "newer step": ("newer_than_declared", "$.steps[0].llm_call_count", declared(6, step(llm_call_count=1))),
    "newer call": (
        "newer_than_declared",
        "$.steps[0].tool_calls[0].extra",
        declared(6, step(tool_calls=[CALL | {"extra": {}}])),
    ),
    "newer result": (
        "newer_than_declared",
        "$.steps[0].observation.results[0].extra",
        declared(6, step(observation={"results": [{"extra": {}}]})),
    ),
    "newer metrics": (
        "newer_than_declared",
        "$.steps[0].metrics.prompt_token_ids",
        declared(3, metrics(prompt_token_ids=[])),
    ),
    "parts": ("newer_than_declared", "$.steps[0].message", declared(5, step(message=IMAGE))),
    "audio": (
        "newer_than_declared",
        "$.steps[0].observation.results[0].content",
        declared(7, step(observation={"results": [{"content": AUDIO}]})),
    ),
    "user observation": (
        "observation_elsewhere",
        "$.steps[0].observation",
        step(source="user", observation={"results": []}),
    ),
    "early system observation": (
        "observation_elsewhere",
        "$.steps[0].observation",
        declared(1, step(source="system", observation={"results": []})),
    ),
    "repeated call id": (
        "duplicate_tool_call_id",
        "$.steps[0].tool_calls[1].tool_call_id",
        step(tool_calls=[CALL, CALL]),
    ),
    "dangling": (
        "dangling_ref",
        "$.steps[0].observation.results[0].subagent_trajectory_ref[0].trajectory_id",
        step(observation=REF),
    ),
    "unanswered": (
        "unanswered_call",
        "$.steps[0].tool_calls[1]",
        step(tool_calls=[CALL, OTHER], observation={"results": [{"source_call_id": "c1"}]}),
    ),
    "cached": ("cached_above_prompt", "$.steps[0].metrics.cached_tokens", metrics(prompt_tokens=1, cached_tokens=2)),
    "prompt ids": (
        "length_mismatch",
        "$.steps[0].metrics.prompt_token_ids",
        metrics(prompt_tokens=1, prompt_token_ids=[]),
    ),
    "completion ids": (
        "length_mismatch",
        "$.steps[0].metrics.completion_token_ids",
        metrics(completion_tokens=1, completion_token_ids=[1, 2]),
    ),
    "logprobs": (
        "length_mismatch",
        "$.steps[0].metrics.logprobs",
        metrics(completion_token_ids=[1], logprobs=[0.1, 0.2]),
    ),
    "logprobs by count": (
        "length_mismatch",
        "$.steps[0].metrics.logprobs",
        metrics(completion_tokens=2, logprobs=[0.1]),
    ),
    "negative": ("negative_amount", "$.steps[0].metrics.cost_usd", metrics(cost_usd=-1)),
    "negative total": ("negative_amount", "$.final_metrics.total_cost_usd", total(total_cost_usd=-1)),
    "steps": ("total_steps_differ", "$.final_metrics.total_steps", total(total_steps=2)),
    "tokens": ("total_differs", "$.final_metrics.total_prompt_tokens", total(total_prompt_tokens=4)),
    "time": ("time_runs_back", "$.steps[1].timestamp", timed("2025-01-01T10:00:00Z", "2025-01-01T10:30:00+01:00")),
    "embedded": (
        "cached_above_prompt",
        "$.subagent_trajectories[0].steps[0].metrics.cached_tokens",
        step() | {"subagent_trajectories": [metrics(prompt_tokens=1, cached_tokens=2) | {"trajectory_id": "a"}]},
    ),
}

QUIET: dict[str, dict[str, Any]] = {
    "as the text has it": step(),
    "cached apart before v1.2": declared(1, metrics(prompt_tokens=1, cached_tokens=2)),
    "system observation": step(source="system", observation={"results": []}),
    "a reference that leads somewhere": step(observation=REF)
    | {"subagent_trajectories": [step() | {"trajectory_id": "a"}]},
    "results of the step as a whole": step(tool_calls=[CALL, OTHER], observation={"results": [{"content": "both"}]}),
    "no observation at all": step(tool_calls=[CALL]),
    "a reason in the notes": total(total_steps=2) | {"notes": "one step was cut"},
    "totals with a continuation": total(total_prompt_tokens=4) | {"continued_trajectory_ref": "next.json"},
    "right totals": total(total_prompt_tokens=3, total_completion_tokens=1, total_steps=1),
    "equal times": timed("2025-01-01T10:00:00Z", "2025-01-01T11:00:00+01:00"),
    "times with and without a zone": timed("2025-01-01T10:00:00Z", "2025-01-01T09:00:00"),
}


@pytest.mark.parametrize(("code", "path", "document"), WARNED.values(), ids=WARNED.keys())
def test_warned_of(code: str, path: str, document: dict[str, Any]) -> None:
    report = check(json.dumps(document), strict=True)
    assert report.valid
    assert [(finding.code, finding.path, finding.severity) for finding in report.findings] == [(code, path, "warning")]
    assert check(json.dumps(document)).findings == ()
    assert report.warnings == report.findings
    assert report.errors == ()


@pytest.mark.parametrize("document", QUIET.values(), ids=QUIET.keys())
def test_not_warned_of(document: dict[str, Any]) -> None:
    assert check(json.dumps(document), strict=True).findings == ()


def test_conversions_are_told_of_beside_errors() -> None:
    report = check(json.dumps(step(step_id="1", message=None)), strict=True)
    assert [(finding.code, finding.severity) for finding in report.findings] == [
        ("wrong_type", "error"),
        ("converted_value", "warning"),
    ]


def test_embedded_subagents_may_be_referred_to_from_inside_each_other() -> None:
    assert "dangling_ref" not in {finding.code for finding in check(json.dumps(FULL), strict=True).findings}
