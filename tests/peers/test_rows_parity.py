"""Rows and documents against Harbor's own code: its validator, and its exporter, whose inverse is `structured`.

Runs only where HFSVC_PEERS_HARBOR names a Python that has Harbor 0.25 (pip install --no-deps harbor==0.25.0, and pydantic)
and HFSVC_TEST_DATA a folder of recorded rows and documents.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hfsvc.atif import Step, Trajectory, check, encode
from hfsvc.models import Style
from hfsvc.trajectories.index.episodes import EpisodeRow, superseded
from hfsvc.trajectories.layouts.conversation import Conversation, Message
from hfsvc.trajectories.styles.to_rows import to_rows

from ..trajectories.talks import conversations, convert, recorded_rows, rows_of
from .atif_harbor import Harbor
from .rows_of_harbor import Exporter

HARBOR = os.environ.get("HFSVC_PEERS_HARBOR")
DATA = Path(os.environ.get("HFSVC_TEST_DATA", "/nowhere"))

pytestmark = pytest.mark.skipif(not HARBOR or not DATA.exists(), reason="no Python with Harbor, or no recorded data")

# What the exporter leaves out of a row. Beside that, it makes users of system steps and one text of a step's results;
# it leaves out the results of system steps and of the last agent step, and all that follows it.
LOST = {
    "root": {
        "schema_version",
        "session_id",
        "trajectory_id",
        "notes",
        "final_metrics",
        "continued_trajectory_ref",
        "extra",
        "subagent_trajectories",
    },
    "agent": {"version", "extra"},
    "step": {
        "step_id",
        "timestamp",
        "model_name",
        "reasoning_effort",
        "metrics",
        "is_copied_context",
        "llm_call_count",
        "extra",
    },
    "call": {"tool_call_id", "extra"},
}
# Documents whose messages hold thinking or batches as text: there, `structured` finds more than the document has.
FOUND_MORE = {
    "hello-world-context-summarization-linear-history.trajectory.json",
    "hello-world-context-summarization-linear-history.trajectory.cont-1.json",
    "atif_output_reasoning.json",
}


@pytest.fixture(scope="module")
def harbor() -> Iterator[Harbor]:
    peer = Harbor(str(HARBOR))
    yield peer
    peer.close()


@pytest.fixture(scope="module")
def exporter() -> Iterator[Exporter]:
    peer = Exporter(str(HARBOR))
    yield peer
    peer.close()


@pytest.mark.parametrize("style", get_args(Style))
def test_every_recorded_row_becomes_a_document_that_harbor_accepts(harbor: Harbor, style: Style) -> None:
    rows = [row for folder in ("sft_rows", "hub_layouts") for _, row in recorded_rows(DATA / folder)]
    documents = [encode(convert(row, style)[0]) for row in rows]
    assert len(documents) > 20
    assert [theirs["errors"] for _, theirs in harbor.judge(documents)] == [[]] * len(documents)


@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
)
@given(rows=st.lists(conversations, min_size=10, max_size=20))
def test_every_generated_row_becomes_a_document_that_harbor_accepts(harbor: Harbor, rows: list[Conversation]) -> None:
    documents = [encode(convert(row, style)[0]) for row in rows for style in get_args(Style)]
    assert [theirs["errors"] for _, theirs in harbor.judge(documents)] == [[]] * len(documents)


def recorded_documents() -> Iterator[tuple[str, Trajectory]]:
    for path in sorted((DATA / "atif").rglob("*.json")):
        if trajectory := check(path.read_bytes()).trajectory:
            yield path.name, trajectory


def conversation_of(row: dict[str, Any]) -> Conversation:
    columns = {name: value for name, value in row.items() if name != "conversations"}
    columns["tools"] = columns.pop("tool_definitions", None)
    messages = [Message(message["role"], message["content"]) for message in row["conversations"]]
    return Conversation(messages, {name: value for name, value in columns.items() if value is not None})


def kept(struct: msgspec.Struct, kind: str) -> dict[str, Any]:
    """The fields of an object that the exporter writes."""
    held: dict[str, Any] = msgspec.to_builtins(struct)
    return {name: value for name, value in held.items() if name not in LOST[kind]}


def exported(trajectory: Trajectory) -> dict[str, Any]:
    """What is left of a document after an export."""
    agents = [step for step in trajectory.steps if step.source == "agent"]
    end = [step for step in agents if not step.is_copied_context][-1]
    steps: list[dict[str, Any]] = []
    for step in trajectory.steps[: end.step_id]:
        steps += said(step, last=step is end)
    return kept(trajectory, "root") | {"agent": kept(trajectory.agent, "agent"), "steps": steps}


def said(step: Step, *, last: bool) -> Iterator[dict[str, Any]]:
    made = kept(step, "step") | {"source": "agent" if step.source == "agent" else "user"}
    made.pop("observation", None)
    made["tool_calls"] = [kept(call, "call") for call in step.tool_calls or ()]
    # None at all and an empty one are written alike.
    made = {name: value for name, value in made.items() if value or name not in {"tool_calls", "reasoning_content"}}
    results = step.observation.results if step.observation else []
    texts = [str(result.content) for result in results if result.content is not None]
    observes = step.source == "agent" and texts and not last
    # After a step that called nothing, nobody can tell what an environment says from what a person says.
    as_result = observes and (step.tool_calls or texts[0].startswith(("Previous response had", "New Terminal Output:")))
    yield made | {"observation": "\n".join(texts)} if as_result else made
    if observes and not as_result:
        yield {"source": "user", "message": "\n".join(texts)}


def test_structured_is_the_inverse_of_the_exporter(exporter: Exporter) -> None:
    compared = 0
    for name, trajectory in recorded_documents():
        rows = exporter.rows(encode(trajectory))
        if not rows:
            continue
        conversation = conversation_of(rows[-1])
        found, _ = convert(conversation, "structured")
        assert to_rows(found) == rows_of(conversation), name
        if name not in FOUND_MORE:
            agent = msgspec.structs.replace(trajectory.agent, name=rows[-1]["agent"], model_name=rows[-1]["model"])
            assert exported(found) == exported(msgspec.structs.replace(trajectory, agent=agent)), name
            compared += 1
    assert compared >= 20


def test_documents_are_written_as_the_exporter_writes_them(exporter: Exporter) -> None:
    for name, trajectory in recorded_documents():
        if rows := exporter.rows(encode(trajectory)):
            theirs = rows[-1]["conversations"]
            ours = to_rows(trajectory)
            assert ours[: len(theirs)] == theirs, name
            assert all(row["role"] == "user" for row in ours[len(theirs) :]), name


def test_all_episodes_but_the_last_are_recognised(exporter: Exporter) -> None:
    for name, trajectory in recorded_documents():
        rows = exporter.rows(encode(trajectory))
        named = [EpisodeRow(at, row["trial_name"], row["run_id"], None, row["episode"]) for at, row in enumerate(rows)]
        assert list(superseded(named)) == list(range(len(rows) - 1)), name
        for row in rows:
            assert rows[-1]["conversations"][: len(row["conversations"])] == row["conversations"], name
