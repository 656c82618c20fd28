"""Shapes of files, columns and cells that say the same, and so must be read as the same."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from hfsvc.errors import BadParquet

from .tables import open_source, parquet

TALK = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
ROW = {"messages": TALK, "task": "t"}
TEXT = pa.string()
MESSAGE = pa.struct([("role", TEXT), ("content", TEXT)])


def forms(rows: list[dict[str, Any]]) -> dict[str, bytes]:
    return {
        "a.jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in rows),
        "a.json": json.dumps(rows, indent=1).encode(),
        "a.parquet": parquet(pa.Table.from_pylist(rows)),
    }


async def messages_of(root: Path, file: str, content: bytes) -> list[list[str]]:
    source = await open_source(root / file, {file: content})
    return [[str(step.message) for step in each.trajectory.steps] async for each in source.stream_rows()]


# ---- files ----------------------------------------------------------------------------------------------------------

PRINTED = json.dumps(ROW, indent=2)
FILES = {
    "a list under a key": (json.dumps({"data": [ROW, ROW]}), 2),
    "a list beside other keys": (json.dumps({"version": 2, "eval": {"model": "m"}, "samples": [ROW]}), 1),
    "a list under any one key": (json.dumps({"kitchen": [ROW]}), 1),
    "a row a key": (json.dumps({"x": ROW, "y": ROW}), 2),
    "objects printed one after another": (f"{PRINTED}\n{PRINTED}\n\n{PRINTED}\n", 3),
    "objects without anything between": (json.dumps(ROW) * 2, 2),
    "one object": (PRINTED, 1),
}


@pytest.mark.parametrize("shape", FILES)
async def test_rows_are_found_in_a_json_file(root: Path, shape: str) -> None:
    content, rows = FILES[shape]
    assert await messages_of(root, "a.json", content.encode()) == [["q", "a"]] * rows


async def test_a_row_keeps_the_key_that_it_stood_under(root: Path) -> None:
    source = await open_source(root, {"a.json": json.dumps({"x": ROW, "y": {"id": "z", **ROW}}).encode()})
    assert [(each.trajectory.extra or {})["id"] async for each in source.stream_rows()] == ["x", "z"]


@pytest.mark.parametrize("content", [json.dumps({"data": [{"a": 1}]}), json.dumps({"data": []}), f"{PRINTED} x"])
async def test_other_objects_stay_what_they_are(root: Path, content: str) -> None:
    source = await open_source(root, {"a.json": content.encode()})
    with pytest.raises(BadParquet):
        await source.count()


# ---- types ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[TALK[:1], TALK[1:]]], pa.list_(pa.list_(MESSAGE))),
        pa.array([json.dumps(TALK).encode()], pa.binary(len(json.dumps(TALK)))),
        pa.array([{"turns": TALK}]),
        pa.array([[{"role": "user", "content": [("text", "q")]}]], pa.list_(pa.struct([("role", TEXT), ("content", pa.map_(TEXT, TEXT))]))),
    ],
    ids=["lists in lists", "bytes of one length", "a struct around them", "contents as maps"],
)  # fmt: skip
async def test_types_that_hold_the_same_are_read(root: Path, column: pa.Array) -> None:
    (said,) = await messages_of(root, "a.parquet", parquet(pa.table({"messages": column})))
    assert said[0].strip('{"tex:}') == "q"


async def test_messages_of_which_nothing_is_told_hide_no_others(root: Path) -> None:
    rows = [{"messages": [{"role": None, "content": None}], "trajectory": TALK}]
    for file, content in forms(rows).items():
        assert await messages_of(root, file, content) == [["q", "a"]], file


# ---- turns ----------------------------------------------------------------------------------------------------------

TURNS = [("s", 1, "user", "q"), ("r", 1, "user", "q2"), ("s", 3, "tool", "c"), ("s", 2, "assistant", "b")]
SESSIONS = (
    "session_id",
    "conversation_hash",
    "sessionId",
    "thread",
    "conv_id",
    "dialog_id",
    "trace_id",
    "run_id",
    "task_id",
)


@pytest.mark.parametrize("session", SESSIONS)
async def test_turns_are_put_together_by_whatever_names_their_session(root: Path, session: str) -> None:
    rows = [{session: name, "turn": turn, "role": role, "content": text} for name, turn, role, text in TURNS]
    for file, content in forms(rows).items():
        assert await messages_of(root, file, content) == [["q", "b", "c"], ["q2"]], file


@pytest.mark.parametrize("order", ["turn_idx", "message_id", "order", "timestamp", "created_at"])
async def test_turns_are_ordered_by_their_number_or_their_time(root: Path, order: str) -> None:
    dated = order in {"timestamp", "created_at"}
    rows = [
        {"session_id": name, order: f"2026-01-0{turn}T00:00:00Z" if dated else turn, "role": role, "content": text}
        for name, turn, role, text in TURNS
    ]
    for file, content in forms(rows).items():
        assert await messages_of(root, file, content) == [["q", "b", "c"], ["q2"]], file


# ---- results --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"resolved": True, "log": "x"}, "true"),
        ({"passed": False}, "false"),
        ({"score": 0.5}, "0.5"),
        ("None", None),
        (" ", None),
        ("null", None),
        (float("nan"), None),
        ("Success", "Success"),
    ],
)
async def test_a_result_is_read_in_whatever_form_it_comes(root: Path, result: Any, told: str | None) -> None:
    for file, content in forms([{"messages": TALK, "result": result}]).items():
        source = await open_source(root / file, {file: content})
        assert [each.result for each in (await source.list_summaries(0, 1)).items] == [told], file
        trajectory = await source.get_trajectory(0)
        assert trajectory is not None
        kept = (trajectory.extra or {}).get("result")
        assert (json.loads(kept) if isinstance(kept, str) and kept.startswith("{") else kept) == (
            result if told else None
        )
