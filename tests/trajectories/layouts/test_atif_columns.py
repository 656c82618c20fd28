"""ATIF documents in columns: as the export writes them, and as others store them."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from hfsvc.atif import Trajectory
from hfsvc.errors import BadParquet
from hfsvc.export import ExportRequest, export_trajectories
from tests.trajectories.tables import open_source, parquet

STEPS = [
    {"step_id": 1, "source": "user", "message": [{"type": "text", "text": "look"}, {"type": "image", "source": {"media_type": "image/png", "path": "a.png"}}]},
    {"step_id": 2, "source": "agent", "message": "[1]", "reasoning_content": "{hm}", "reasoning_effort": 0.5,
     "tool_calls": [{"tool_call_id": "c", "function_name": "f", "arguments": {"x": None, "y": [], "z": "{}"}}],
     "observation": {"results": [{"source_call_id": "c", "content": "{\"a\": 1}", "extra": {"n": None}}]},
     "metrics": {"prompt_tokens": 5, "cost_usd": 0.5}, "extra": {"deep": {"a": [None, {}]}}},
    {"step_id": 3, "source": "agent", "message": ""},
]  # fmt: skip
DOCUMENT = {
    "schema_version": "ATIF-v1.7",
    "session_id": "s1",
    "trajectory_id": "t1",
    "agent": {"name": "a", "version": "2", "model_name": "m", "tool_definitions": [{"type": "function", "n": None}]},
    "steps": STEPS,
    "notes": "{no object}",
    "final_metrics": {"total_prompt_tokens": 5},
    "extra": {"task": "t", "big": 2**70},
}


async def read(root: Path, files: dict[str, bytes]) -> list[Trajectory]:
    return [each async for each in (await open_source(root, files, style="structured")).stream_trajectories()]


async def test_what_the_export_wrote_as_parquet_is_read_back(root: Path, tmp_path: Path) -> None:
    odd = {**DOCUMENT, "extra": {"half": "\ud83d"}}
    lines = "\n".join(json.dumps(each) for each in (DOCUMENT, odd)).encode()
    before = await read(root / "jsonl", {"a.jsonl": lines})
    source = await open_source(root / "again", {"a.jsonl": lines})
    await export_trajectories(source, ExportRequest(path=tmp_path / "out.parquet"))
    assert await read(root / "parquet", {"a.parquet": (tmp_path / "out.parquet").read_bytes()}) == before


@pytest.mark.parametrize("column", ["trajectory", "atif", "document"])
async def test_a_document_may_stand_whole_in_a_column(root: Path, column: str) -> None:
    (before,) = await read(root / "json", {"a.json": json.dumps(DOCUMENT).encode()})
    text = pa.table({"id": ["x"], column: [json.dumps(DOCUMENT)]})
    plain = {name: value for name, value in DOCUMENT.items() if name not in {"extra", "steps"}} | {
        "steps": [{**STEPS[2], "step_id": 1}]
    }
    struct = pa.table({column: pa.array([plain])})
    assert await read(root / "text", {"a.parquet": parquet(text)}) == [before]
    (found,) = await read(root / "struct", {"a.parquet": parquet(struct)})
    assert [step.message for step in found.steps] == [""]
    rows = [{"id": 1, column: DOCUMENT}]
    assert await read(root / "lines", {"a.jsonl": "\n".join(map(json.dumps, rows)).encode()}) == [before]


async def test_summaries_tell_of_documents_in_columns(root: Path, tmp_path: Path) -> None:
    source = await open_source(root / "again", {"a.json": json.dumps(DOCUMENT).encode()})
    await export_trajectories(source, ExportRequest(path=tmp_path / "out.parquet"))
    again = await open_source(root / "parquet", {"a.parquet": (tmp_path / "out.parquet").read_bytes()})
    page = await again.list_summaries(0, 9)
    assert [(each.agent, each.model, each.task, each.steps) for each in page.items] == [("a", "m", "t", 3)]


async def test_a_text_that_is_no_document_is_none(root: Path) -> None:
    table = pa.table({"trajectory": [json.dumps({"steps": []})]})
    with pytest.raises(BadParquet, match="Nearest is the layout json: 'trajectory': its JSON is no list of messages"):
        await read(root, {"a.parquet": parquet(table)})
