"""Statistics of datasets on disk agree with what streams of them give, whatever the layout."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from hfsvc.errors import InvalidArgument
from hfsvc.trajectories import divided_reading, reading_order
from hfsvc.trajectories.layouts.message_counts import count_characters
from hfsvc.trajectories.selection import RowRange

from .tables import broken_text, open_source, parquet, row, rows, table_of

DATA = os.environ.get("HFSVC_TEST_DATA")
SWE_AGENT = pa.list_(pa.struct([("role", pa.string()), ("system_prompt", pa.string()), ("text", pa.string())]))
PARTS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(pa.struct([("text", pa.string())])))]))
VIEW = pa.string_view()
TURNS = [("system", "be good"), ("user", "é😀"), ("ai", ""), ("ai", None)]

FILES: dict[str, tuple[str, bytes]] = {
    "harbor": ("a.parquet", parquet(rows(130))),
    "sharegpt": ("a.parquet", parquet(pa.table({"conversations": [[{"from": "human", "value": "é"}]] * 3}))),
    "parts": (
        "a.parquet",
        parquet(pa.table({"messages": pa.array([[{"role": "user", "content": [{"text": "abc"}]}]], PARTS)})),
    ),
    "swe-agent": (
        "a.parquet",
        parquet(
            pa.table({
                "trajectory": pa.array(
                    [[{"role": role, "system_prompt": None, "text": text} for role, text in TURNS],
                     [{"role": "system", "system_prompt": "prompt", "text": None}]],
                    SWE_AGENT,
                )
            })
        ),
    ),
    "views": (
        "a.parquet",
        parquet(
            pa.table({
                "trajectory": pa.array(
                    [[{"role": role, "system_prompt": text, "text": None} for role, text in TURNS]],
                    pa.list_(pa.struct([("role", pa.string()), ("system_prompt", VIEW), ("text", VIEW)])),
                )
            })
        ),
    ),
    "lines": ("a.jsonl", b"".join(json.dumps(row(number)).encode() + b"\n" for number in range(5)) + b"broken\n"),
    "bad rows": (
        "a.parquet",
        parquet(
            table_of(
                pa.ListArray.from_arrays(
                    [0, 1, 1, 2, 3],
                    pa.StructArray.from_arrays([pa.array(["user"] * 3), broken_text(b"a", b"\xff", b"bcd")], ["role", "content"]),
                ),
            )
        ),
    ),
}  # fmt: skip


async def check(root: Path, name: str, content: bytes) -> None:
    """Compare both ways over one file."""
    source = await open_source(root, {name: content}, on_bad_row="skip")
    found = await source.statistics()
    streamed = [each.trajectory async for each in source.stream_rows()]
    steps = [step for each in streamed for step in each.steps]
    assert (found.rows, found.bad_rows) == (await source.count(), source.skipped_rows)
    assert (found.steps.count, found.steps.total) == (len(streamed), len(steps))
    assert found.characters.total == sum(count_characters(step.message) for step in steps)
    assert found.characters.count == sum(each.messages for each in found.roles.values()) == len(steps)
    assert sum(each.count for each in found.characters.buckets) == len(steps)
    models = Counter(summary.model for summary in (await source.list_summaries(0, 9999)).items)
    models.pop(None, None)
    assert found.models == models


@pytest.mark.parametrize("kind", FILES)
async def test_statistics_agree_with_the_stream(root: Path, kind: str) -> None:
    await check(root, *FILES[kind])


@pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder with real rows")
async def test_statistics_of_real_rows_agree_with_the_stream(root: Path) -> None:
    paths = [*Path(DATA or "", "hub_layouts").iterdir(), *Path(DATA or "", "sft_rows").rglob("*.*")]
    assert paths
    for number, path in enumerate(each for each in paths if each.is_file()):
        await check(root / str(number), path.name, path.read_bytes())


async def test_roles_are_named_as_the_rows_name_them(root: Path) -> None:
    found = await (await open_source(root, dict([FILES["swe-agent"]]))).statistics()
    said = {role: (each.messages, each.characters) for role, each in found.roles.items()}
    assert said == {"system": (2, 13), "user": (1, 2), "ai": (2, 0)}


async def test_filters_leave_rows_out(root: Path) -> None:
    made: list[dict[str, Any]] = [row(number, result=str(number % 2)) for number in range(10)]
    source = await open_source(root, {"a.parquet": parquet(made)}, result="success")
    found = await source.statistics()
    assert (found.rows, found.results) == (await source.count(), {"1": 5})
    assert found.rows == 5


async def test_what_the_style_structured_recovers_is_counted_in_any_style(root: Path) -> None:
    call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    said = [("user", "q"), ("assistant", f"<think>t</think>{call}"), ("user", "r"), ("assistant", "<tool_call>{")]
    talk = [{"role": role, "content": content} for role, content in said]
    source = await open_source(root, {"a.parquet": parquet([row(0, conversations=talk)] * 3)}, style="messages")
    found = (await source.statistics()).recovered
    assert (found.reasoning, found.calls, found.answered, found.observations, found.kept_as_text) == (3, 3, 3, 3, 3)
    assert found.notations == {"tool_call": 3}


MANY = {
    "a.parquet": parquet(
        [
            row(n, conversations=[] if n % 50 == 3 else row(n)["conversations"], model=f"m{n % 7}", result=str(n))
            for n in range(400)
        ],
        row_group_size=30,
    ),
    "b.parquet": parquet(rows(90, 400)),
}


@pytest.mark.parametrize(
    "options", [{}, {"style": "structured"}, {"shuffle": True, "seed": 3}, {"where": "model:m3"}], ids=str
)
async def test_several_workers_count_what_one_does(
    root: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(divided_reading, "LEAST_BYTES", 2000)
    monkeypatch.setattr(reading_order, "WINDOW_BYTES", 1)
    alone = await (await open_source(root, MANY, **options)).statistics()
    source = await open_source(root, MANY, **options)
    told = list[tuple[int, int]]()
    source.use_workers(2)
    source.watch(lambda done, total: told.append((done, total)))
    assert len((await source.divide(RowRange())).begins) > 2
    together = await source.statistics()
    assert together == alone
    # Dictionaries are equal in any order, and are shown in one.
    assert str(together) == str(alone)
    assert told
    assert {total for _, total in told} == {490}


async def test_workers_are_a_number(root: Path) -> None:
    source = await open_source(root, MANY)
    with pytest.raises(InvalidArgument, match="from 0 on"):
        source.use_workers(-1)
