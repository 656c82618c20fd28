"""Rows that stand for kinds of datasets, kept beside the project: what each must become."""

import os
from pathlib import Path
from typing import Any

import pytest

from hfsvc import atif
from hfsvc.atif import Step
from hfsvc.export.sharegpt_turns import sharegpt_row
from hfsvc.export.trainers import openai_row
from hfsvc.models import TrajectoryRow
from hfsvc.trajectories.styles.to_rows import to_rows
from tests.trajectories.tables import open_source

DATA = os.environ.get("HFSVC_TEST_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder with cases")


async def rows_of(root: Path, name: str) -> list[TrajectoryRow]:
    folder = Path(str(DATA)) / "cases" / name
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    source = await open_source(root, files, style="structured")
    rows = [row async for row in source.stream_rows()]
    for row in rows:
        report = atif.check(atif.encode(row.trajectory))
        assert report.valid, report.findings
        assert row.fidelity.exact
        assert report.trajectory is not None
        assert to_rows(report.trajectory) == to_rows(row.trajectory)
    return rows


def calls(row: TrajectoryRow) -> list[tuple[str, dict[str, Any]]]:
    found = [call for step in row.trajectory.steps for call in step.tool_calls or ()]
    return [(call.function_name, call.arguments) for call in found]


def answers(row: TrajectoryRow) -> list[tuple[str, Any]]:
    """What came of each call that a result names."""
    return [answer for step in row.trajectory.steps for answer in _answers(step)]


def _answers(step: Step) -> list[tuple[str, Any]]:
    names = {call.tool_call_id: call.function_name for call in step.tool_calls or ()}
    results = step.observation.results if step.observation else []
    return [(names[each.source_call_id], each.content) for each in results if each.source_call_id]


def assert_answered_once(row: TrajectoryRow) -> None:
    """Every call of an export has one answer."""
    messages = openai_row(row)["messages"]
    made = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
    assert sorted(made) == sorted(message["tool_call_id"] for message in messages if message["role"] == "tool")
    assert sharegpt_row(row)["conversations"]


async def test_roles_of_calls_and_results(root: Path) -> None:
    (row,) = await rows_of(root, "tool-call-roles")
    assert calls(row) == [("aqi", {"city": "Oslo"}), ("aqi", {"city": "Rome"})]
    assert answers(row) == [("aqi", '{"aqi": 10}'), ("aqi", '{"aqi": 72}')]
    assert row.trajectory.steps[1].reasoning_content == "\nTwo calls.\n"
    assert row.trajectory.agent.tool_definitions
    assert (row.fidelity.calls, row.fidelity.answered, row.fidelity.kept_as_text) == (2, 2, ())
    assert_answered_once(row)


async def test_calls_of_python_in_a_field(root: Path) -> None:
    (row,) = await rows_of(root, "function-calls-field")
    assert calls(row) == [
        ("weather.forecast", {"q": "Paris", "days": 5}),
        ("weather.forecast", {"q": "Madrid", "days": 5}),
    ]
    assert row.trajectory.steps[2].observation is not None
    assert row.trajectory.agent.tool_definitions
    assert row.fidelity.notations == {"function_calls": 2}


async def test_calls_in_brackets(root: Path) -> None:
    (row,) = await rows_of(root, "bracket-calls")
    assert calls(row) == [("Trends", {"city": "Oslo", "limit": 3}), ("Trends", {"city": "Rome"})]
    (step,) = [step for step in row.trajectory.steps if step.observation]
    assert step.tool_calls
    assert step.observation
    assert len(step.observation.results) == 1


async def test_blocks(root: Path) -> None:
    (row,) = await rows_of(root, "content-blocks")
    assert calls(row) == [("bash", {"command": "ls"})]
    assert answers(row) == [("bash", "a.py")]
    (step,) = [step for step in row.trajectory.steps if step.tool_calls]
    assert (step.reasoning_content, step.message) == ("Use ls.", "I look.")
    assert [step.source for step in row.trajectory.steps] == ["system", "user", "agent", "agent"]
    assert_answered_once(row)


async def test_results_without_ids(root: Path) -> None:
    for row in await rows_of(root, "results-without-ids"):
        assert sorted(answers(row)) == [("first", "result of first"), ("second", "result of second")]
        assert_answered_once(row)


async def test_notations(root: Path) -> None:
    rows = await rows_of(root, "notations")
    for row in rows:
        ((name, arguments),) = calls(row)
        assert (name, arguments) in [("search", {"q": "x"}), ("execute", {"command": "ls"})], row.trajectory.extra
        assert len(answers(row)) == 1
        assert (row.fidelity.answered, row.fidelity.kept_as_text) == (1, ())
        assert_answered_once(row)
    assert len(rows) >= 10
