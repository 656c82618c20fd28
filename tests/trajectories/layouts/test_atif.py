"""Rows of JSON files that are ATIF documents already."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hfsvc import atif
from hfsvc.errors import BadParquet, BadRow
from hfsvc.models import Style
from hfsvc.trajectories.styles.convert import STYLES
from tests.trajectories.tables import numbers, open_source, parquet, rows, until

DATA = os.environ.get("HFSVC_TEST_DATA")


def document(number: int, **fields: Any) -> dict[str, Any]:
    """A document of two steps; `fields` are put in place of its own."""
    steps = [
        {"step_id": 1, "source": "user", "message": f"text {number}"},
        {"step_id": 2, "source": "agent", "message": "done", "reasoning_content": "why", "tool_calls": [
            {"tool_call_id": "c1", "function_name": "bash", "arguments": {"command": "ls"}},
        ], "observation": {"results": [{"source_call_id": "c1", "content": "a"}]}},
    ]  # fmt: skip
    agent = {"name": "agent", "version": "2", "model_name": "model"}
    made = {"schema_version": "ATIF-v1.6", "session_id": f"session-{number}", "agent": agent, "steps": steps}
    return made | fields


def text(value: object) -> bytes:
    return json.dumps(value, indent=1).encode()


def line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


@pytest.mark.parametrize("style", sorted(STYLES))
async def test_documents_pass_through_in_any_form_and_style(root: Path, style: Style) -> None:
    made = [document(number) for number in range(4)]
    files = {
        "lines": {"a.jsonl": b"".join(map(line, made))},
        "array": {"a.json": text(made)},
        "files": {f"run-{number}/agent/trajectory.json": text(each) for number, each in enumerate(made)},
    }
    for form, content in files.items():
        source = await open_source(root / form, content, style=style)
        found = [each async for each in source.stream_rows()]
        assert [json.loads(atif.encode(each.trajectory)) for each in found] == made
        assert [each.row for each in found] == [0, 1, 2, 3]
        fidelity = found[0].fidelity
        assert (fidelity.style, fidelity.messages, fidelity.calls) == ("atif", 2, 1)
        assert (fidelity.reasoning, fidelity.observations, fidelity.tool_definitions) == (1, 1, False)


async def test_an_invalid_document_is_a_bad_row(root: Path) -> None:
    wrong = document(1, steps=[{"step_id": 7, "source": "user", "message": "x"}])
    content = b"".join(map(line, (document(0), wrong, document(2, agent={}), document(3))))
    seen, error = await until(BadRow, (await open_source(root / "a", {"a.jsonl": content})).stream_trajectories())
    assert len(seen) == 1
    assert (error.row, error.column) == (1, None)
    assert "is no valid ATIF document: $.steps[0].step_id" in str(error)
    source = await open_source(root / "b", {"a.jsonl": content}, on_bad_row="skip")
    assert await numbers(source) == [0, 3]
    assert source.skipped_rows == 2


async def test_a_line_that_is_no_json_names_its_line(root: Path) -> None:
    source = await open_source(root, {"a.jsonl": line(document(0)) + b"{\n"})
    _, error = await until(BadRow, source.stream_trajectories())
    assert "line 2 is no JSON" in str(error)


async def test_documents_are_summed_up_and_found(root: Path) -> None:
    made = [
        document(0),
        document(1, extra={"task": "t", "result": 1.0, "trial_name": "trial"}),
        {**document(2), "agent": 5},
    ]
    source = await open_source(root, {"a.json": text(made)}, on_bad_row="skip")
    first, second, third = (await source.list_summaries(0, 9)).items
    assert (first.agent, first.model, first.run_id, first.steps) == ("agent", "model", "session-0", 2)
    assert (second.task, second.result, second.trial_name) == ("t", "1.0", "trial")
    assert (third.agent, third.steps) == (None, 0)
    assert await source.find_rows("session-1") == (1,)
    assert await source.find_rows("trial") == (1,)


async def test_other_json_is_no_document(root: Path) -> None:
    source = await open_source(root / "a", {"a.json": text([{"steps": [], "agent": {}}])})
    with pytest.raises(BadParquet, match="fit no layout; it has steps"):
        await source.count()
    asked = await open_source(root / "b", {"a.json": text([{"steps": []}])}, layout="atif")
    assert await asked.count() == 1
    with pytest.raises(BadParquet, match="its rows have no schema_version and no steps"):
        await (await open_source(root / "c", {"a.parquet": parquet(rows(1))}, layout="atif")).count()


@pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder with real documents")
async def test_real_documents_pass_through_unless_they_are_invalid(root: Path) -> None:
    paths = sorted(Path(DATA or "", "atif").rglob("*.json"))
    source = await open_source(
        root, {f"{number:02}.trajectory.json": path.read_bytes() for number, path in enumerate(paths)},
        on_bad_row="skip",
    )  # fmt: skip
    found = {int(each.file[:2]): each.trajectory async for each in source.stream_rows()}
    assert {paths[number].parent.name == "invalid" for number in found} == {False}
    assert len(found) == sum(path.parent.name != "invalid" for path in paths)
    for number, trajectory in found.items():
        assert trajectory == atif.decode(paths[number].read_bytes())
