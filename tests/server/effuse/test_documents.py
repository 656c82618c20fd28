"""What the Effuse socket makes of documents: whatever they are, the UI's own schema takes them."""

import json
import os
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc import atif
from hfsvc.server.effuse.documents import to_effuse

DATA = os.environ.get("HFSVC_TEST_DATA")


class Agent(msgspec.Struct):
    name: str
    version: str
    model_name: str


class Call(msgspec.Struct):
    tool_call_id: str
    function_name: str
    arguments: Any


class Ref(msgspec.Struct):
    session_id: str
    trajectory_path: str | msgspec.UnsetType = msgspec.UNSET


class Result(msgspec.Struct):
    source_call_id: str | msgspec.UnsetType = msgspec.UNSET
    subagent_trajectory_ref: list[Ref] | msgspec.UnsetType = msgspec.UNSET


class Observation(msgspec.Struct):
    results: list[Result]


class Totals(msgspec.Struct):
    total_prompt_tokens: float
    total_completion_tokens: float
    total_steps: float
    total_cost_usd: float | msgspec.UnsetType = msgspec.UNSET


class Step(msgspec.Struct):
    step_id: int
    timestamp: str
    source: Literal["user", "agent", "system"]
    message: str
    reasoning_content: str | msgspec.UnsetType = msgspec.UNSET
    tool_calls: list[Call] | msgspec.UnsetType = msgspec.UNSET
    observation: Observation | msgspec.UnsetType = msgspec.UNSET


class Extra(msgspec.Struct):
    """What the list searches; `null` counts as absent."""

    task: str | None = None
    episode: str | None = None


class Document(msgspec.Struct):
    """What the UI's schema requires, and its pages take for granted. An optional field may be absent, but not null."""

    schema_version: Literal["ATIF-v1.4"]
    session_id: str
    agent: Agent
    steps: list[Step]
    final_metrics: Totals | msgspec.UnsetType = msgspec.UNSET
    extra: Extra | msgspec.UnsetType = msgspec.UNSET


def read(document: Any) -> Document:
    """What the UI gets of a document."""
    return msgspec.json.decode(atif.encode(to_effuse(atif.decode(json.dumps(document)))), type=Document)


def document(step: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    steps = [{"step_id": 1, "source": "agent", "message": "go"} | (step or {})]
    agent = {"name": "me", "version": "1"}
    return {"schema_version": "ATIF-v1.4", "session_id": "s", "agent": agent, "steps": steps} | fields


def test_without_a_session_it_can_be_opened_and_searched() -> None:
    for session in (None, ""):
        assert read(document(session_id=session)).session_id == "unknown"
    assert read(document(session_id=None, trajectory_id="t", schema_version="ATIF-v1.7")).session_id == "t"


def test_without_a_model_it_is_unknown() -> None:
    assert read(document()).agent.model_name == "unknown"
    assert read(document(agent={"name": "me", "version": "1", "model_name": "m"})).agent.model_name == "m"


def test_totals_that_are_missing_are_those_of_the_steps() -> None:
    metrics = {"prompt_tokens": 7, "completion_tokens": 3}
    whole = read(document({"metrics": metrics}, final_metrics={"total_cost_usd": 0.5})).final_metrics
    assert whole == Totals(7, 3, 1, 0.5)
    said = {"total_prompt_tokens": 0, "total_completion_tokens": 5, "total_steps": 9}
    assert read(document({"metrics": metrics}, final_metrics=said)).final_metrics == Totals(0, 5, 9)
    assert read(document({"metrics": metrics})).final_metrics is msgspec.UNSET


def test_what_is_searched_is_text() -> None:
    extra = read(document(extra={"task": 9007199254740993, "episode": {"id": 1}})).extra
    assert extra == Extra("9007199254740993", '{"id":1}')
    assert read(document(extra={"task": "t", "episode": None})).extra == Extra("t")


def test_one_that_says_the_version_and_holds_what_came_later_is_written_as_that_version() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    observation = {"results": [{"subagent_trajectory_ref": [{"trajectory_path": "x.json"}]}]}
    found = read(document({"message": parts, "observation": observation})).steps[0]
    assert found.message == "a\nb"
    assert isinstance(found.observation, Observation)
    assert found.observation.results[0].subagent_trajectory_ref == [Ref("unknown", "x.json")]


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)
counts = st.none() | st.integers(0, 2**60)
contents = st.text(max_size=5) | st.lists(st.builds(lambda text: {"type": "text", "text": text}, st.text(max_size=3)))
refs = st.lists(
    st.fixed_dictionaries({"trajectory_path": st.just("p")}, optional={"session_id": st.none() | st.text(max_size=2)})
    | st.fixed_dictionaries({"trajectory_id": st.text(min_size=1, max_size=2)})
)
steps = st.fixed_dictionaries(
    {"message": contents},
    optional={
        "timestamp": st.none() | st.just("2025-01-01T00:00:00Z"),
        "observation": st.builds(
            lambda content, ref: {"results": [{"content": content, "subagent_trajectory_ref": ref}]}, contents, refs
        ),
        "metrics": st.fixed_dictionaries({}, optional={"prompt_tokens": counts, "completion_tokens": counts}),
    },
)
fields = st.fixed_dictionaries(
    {"schema_version": st.sampled_from(atif.VERSIONS)},
    optional={
        "session_id": st.none() | st.text(max_size=3),
        "extra": st.dictionaries(st.sampled_from(["task", "episode", "date", "other"]), values),
        "final_metrics": st.fixed_dictionaries(
            {},
            optional={
                "total_prompt_tokens": counts,
                "total_completion_tokens": counts,
                "total_steps": counts,
                "total_cost_usd": st.none() | st.floats(0, 10),
            },
        ),
    },
)


@given(steps, fields)
def test_any_document_is_taken(step: dict[str, Any], more: dict[str, Any]) -> None:
    found = read(document(step, **more))
    assert found.session_id
    assert len(found.steps) == 1


@pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder of recorded documents")
def test_recorded_documents_are_taken() -> None:
    files = [file for file in Path(str(DATA), "atif").rglob("*.json") if file.parent.name != "invalid"]
    assert len(files) > 20
    for file in files:
        made = json.loads(file.read_bytes())
        assert len(read(made).steps) == len(made["steps"]), file
