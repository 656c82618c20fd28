"""What exports of real rows say, when it is read again."""

import os
from pathlib import Path
from typing import Any

import pytest

from hfsvc.export import ExportRequest, export_trajectories
from hfsvc.models import TrajectoryRow

from ..trajectories.tables import open_source

DATA = os.environ.get("HFSVC_TEST_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder with real rows")
DATASETS = [
    "cases/tool-call-roles", "cases/function-calls-field", "cases/bracket-calls", "cases/content-blocks",
    "cases/results-without-ids", "cases/notations", "hub_layouts", "sft_rows",
]  # fmt: skip


async def structured(root: Path, files: dict[str, bytes]) -> list[TrajectoryRow]:
    source = await open_source(root, files, style="structured")
    return [row async for row in source.stream_rows()]


def files_of(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.suffix in {".jsonl", ".parquet"})
    # One file a folder: what a dataset has twice is in there twice.
    return {f"data/{path.name}": path.read_bytes() for path in found if "harbor-export" not in path.parts}


def said(row: TrajectoryRow) -> dict[str, list[Any]]:
    """What a trajectory thinks, calls and gets for it, however its messages are cut."""
    steps = row.trajectory.steps
    return {
        "thinking": [step.reasoning_content for step in steps if step.reasoning_content],
        "calls": [(call.function_name, call.arguments) for step in steps for call in step.tool_calls or ()],
        "results": [
            (str(each.content), _called(step, each.source_call_id) or "")
            for step in steps
            for each in (step.observation.results if step.observation else ())
            # Where one result is of several calls, chats have one without a text for each of the others.
            if each.content
        ],
        "spoken": [(step.source, step.message) for step in steps if step.message],
    }


def _called(step: Any, id: str | None) -> Any:
    return next((call.function_name for call in step.tool_calls or () if call.tool_call_id == id), None)


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("style", ["messages", "structured"])
@pytest.mark.parametrize(("format", "ending"), [("openai", "jsonl"), ("sharegpt", "jsonl"), ("openai", "parquet"), ("sharegpt", "parquet")])  # fmt: skip
async def test_nothing_is_lost(tmp_path: Path, name: str, style: Any, format: Any, ending: str) -> None:
    files = files_of(Path(str(DATA)) / name)
    before = await structured(tmp_path / "before", files)
    source = await open_source(tmp_path / "again", files, style=style)
    path = tmp_path / f"out.{ending}"
    await export_trajectories(source, ExportRequest(path=path, format=format))
    after = await structured(tmp_path / "after", {f"data/train.{ending}": path.read_bytes()})
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        expected, found = said(old), said(new)
        assert sorted(found.pop("results")) == sorted(_told(expected.pop("results"), found_in=said(new)["results"]))
        assert found == expected, (old.file, old.row)


def _told(results: list[Any], *, found_in: list[Any]) -> list[Any]:
    """Results that name no call, as chats have them: there each is an answer to some call."""
    named = dict(found_in)
    return [(content, called if called or content not in named else named[content]) for content, called in results]
