"""Columns that hide one another, and JSON wherever a column holds it: rows are looked at, not types."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from hfsvc.models import TrajectoryRow
from tests.trajectories.tables import MESSAGES, open_source, parquet, talk

SHAREGPT = pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())]))
FROM = [{"from": "human", "value": "b"}, {"from": "gpt", "value": "b!"}]
NO_JSON_TYPE = not hasattr(pa, "json_")


async def read(root: Path, content: bytes, name: str = "a.parquet", **options: Any) -> list[TrajectoryRow]:
    source = await open_source(root, {name: content}, **options)
    assert (await source.list_summaries(0, 99)).total == await source.count()
    return [row async for row in source.stream_rows()]


def said(rows: list[TrajectoryRow]) -> list[Any]:
    return [[step.message for step in row.trajectory.steps] for row in rows]


def lines(*rows: Any) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


@pytest.mark.parametrize("empty", [None, []])
@pytest.mark.parametrize("first", ["messages", "conversations"])
async def test_each_row_is_read_from_the_column_that_is_full(root: Path, empty: Any, first: str) -> None:
    plain, other = [talk("a"), empty, talk("c"), empty], [empty, FROM, empty, FROM]
    columns = {"messages": pa.array(plain, MESSAGES), "conversations": pa.array(other, SHAREGPT)}
    table = pa.table({name: columns[name] for name in sorted(columns, reverse=first == "messages")})
    expected = [["a", "a!"], ["b", "b!"], ["c", "c!"], ["b", "b!"]]
    assert said(await read(root / "parquet", parquet(table))) == expected
    rows = [{"messages": one, "conversations": two} for one, two in zip(plain, other, strict=True)]
    assert said(await read(root / "json", lines(*rows), "a.jsonl")) == expected


@pytest.mark.parametrize(
    "empty",
    [pa.nulls(3), pa.nulls(3, MESSAGES), pa.array([[]] * 3, MESSAGES), pa.array(["[]"] * 3), pa.nulls(3, pa.string())],
)
async def test_a_column_that_is_empty_throughout_hides_none(root: Path, empty: pa.Array) -> None:
    for name, other in (("conversations", "messages"), ("messages", "trajectory")):
        table = pa.table({name: empty, other: pa.array([talk("a")] * 3, MESSAGES)})
        assert said(await read(root / name, parquet(table))) == [["a", "a!"]] * 3


async def test_what_all_columns_leave_empty_is_a_bad_row(root: Path) -> None:
    table = pa.table({
        "messages": pa.array([talk("a"), []], MESSAGES),
        "conversations": pa.array([None, None], SHAREGPT),
    })
    source = await open_source(root, {"a.parquet": parquet(table)}, on_bad_row="skip")
    assert [row.row async for row in source.stream_rows()] == [0]
    assert [each.steps for each in (await source.list_summaries(0, 9)).items] == [2, 0]
    statistics = await source.statistics()
    assert (statistics.rows, statistics.bad_rows, statistics.roles["user"].messages) == (2, 1, 1)


async def test_of_full_columns_the_likeliest_counts(root: Path) -> None:
    table = pa.table({"messages": pa.array([talk("a")], MESSAGES), "history": pa.array([talk("b")], MESSAGES)})
    assert said(await read(root, parquet(table))) == [["a", "a!"]]


async def test_results_and_tools_are_those_of_the_column_that_has_them(root: Path) -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    rows: list[dict[str, Any]] = [
        {"result": None, "resolved": True, "reward": None, "tools": "[]", "available_tools": json.dumps([tool])},
        {"result": "", "resolved": None, "reward": 0.5, "tools": json.dumps([tool]), "available_tools": None},
        {"result": "x", "resolved": False, "reward": float("nan"), "tools": None, "available_tools": None},
        {"result": None, "resolved": None, "reward": float("nan"), "tools": None, "available_tools": None},
    ]
    table = pa.Table.from_pylist([{"messages": talk("a"), **row} for row in rows])
    source = await open_source(root / "parquet", {"a.parquet": parquet(table)}, style="structured")
    found = [row async for row in source.stream_rows()]
    assert [(row.trajectory.extra or {}).get("result") for row in found] == ["true", "0.5", "x", None]
    assert [row.trajectory.agent.tool_definitions for row in found] == [[tool], [tool], None, None]
    assert [each.result for each in (await source.list_summaries(0, 9)).items] == ["true", "0.5", "x", None]
    success = await open_source(root / "success", {"a.parquet": parquet(table)}, result="success")
    failure = await open_source(root / "failure", {"a.parquet": parquet(table)}, result="failure")
    assert [await each.count() for each in (success, failure)] == [2, 1]


async def test_a_doubled_column_that_nobody_needs_refuses_no_file(root: Path) -> None:
    columns = [pa.array([talk("a")], MESSAGES), *[pa.array([1])] * 2, *[pa.array(["x"])] * 2]
    table = pa.Table.from_arrays(columns, ["messages", "score", "score", "note", "note"])
    assert said(await read(root, parquet(table))) == [["a", "a!"]]


# ---- JSON in Arrow --------------------------------------------------------------------------------------------------

TALK: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "text", "text": "q"}]},
    {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}]},
    {"role": "tool", "tool_call_id": "c", "content": "r"},
]


def marked(values: Any) -> pa.Array:
    return pa.array(values).cast(pa.json_(pa.string()))


def structs(*, calls: bool) -> pa.Array:
    fields = {
        "role": pa.array([each["role"] for each in TALK]),
        "content": marked([json.dumps(each["content"]) for each in TALK]),
        "tool_call_id": pa.array([each.get("tool_call_id") for each in TALK]),
    }
    texts = [json.dumps(call) for each in TALK for call in each.get("tool_calls", ())]
    fields["tool_calls"] = pa.ListArray.from_arrays(
        pa.array([0, 0, 1, 1], pa.int32()), marked(texts) if calls else texts
    )
    made = pa.StructArray.from_arrays([*fields.values()], [*fields])
    return pa.ListArray.from_arrays(pa.array([0, 3], pa.int32()), made)


@pytest.mark.skipif(NO_JSON_TYPE, reason="this pyarrow has no JSON type")
@pytest.mark.parametrize("column", ["messages", "conversations", "trajectory"])
@pytest.mark.parametrize("form", ["list of JSON", "JSON", "calls of JSON", "calls in texts", "list of texts", "bytes"])
async def test_json_is_decoded_wherever_it_stands(root: Path, column: str, form: str) -> None:
    texts = [json.dumps(each) for each in TALK]
    held = {
        "list of JSON": lambda: pa.ListArray.from_arrays(pa.array([0, 3], pa.int32()), marked(texts)),
        "JSON": lambda: marked([json.dumps(TALK)]),
        "calls of JSON": lambda: structs(calls=True),
        "calls in texts": lambda: structs(calls=False),
        "list of texts": lambda: pa.array([texts]),
        "bytes": lambda: pa.array([json.dumps(TALK).encode()]),
    }[form]()
    tools = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), marked(['{"type": "function", "function": {}}']))
    table = pa.table({column: held, "tools": tools, "task": marked(['"t"']), "resolved": marked(["true"])})
    (row,) = await read(root, parquet(table), style="structured")
    first, second = row.trajectory.steps
    assert first.message == "q"
    assert second.tool_calls is not None
    assert (second.tool_calls[0].function_name, second.tool_calls[0].arguments) == ("f", {"a": 1})
    assert second.observation is not None
    assert [(each.source_call_id, each.content) for each in second.observation.results] == [("c", "r")]
    extra = row.trajectory.extra or {}
    assert (extra["task"], extra["result"], row.fidelity.tool_definitions) == ("t", "true", True)


@pytest.mark.parametrize("layout", ["openai", "json", None])
async def test_a_layout_by_name_reads_json_too(root: Path, layout: str | None) -> None:
    for form, held in (("list", talk("a")), ("text", json.dumps(talk("a")))):
        assert said(await read(root / form, lines({"messages": held}), "a.jsonl", layout=layout)) == [["a", "a!"]]


async def test_sharegpt_and_swe_agent_by_name_read_json_too(root: Path) -> None:
    turns = [{"role": "system", "system_prompt": "s", "text": None}, {"role": "ai", "text": "a"}]
    assert said(await read(root / "a", lines({"trajectory": turns}), "a.jsonl", layout="swe-agent")) == [["s", "a"]]
    assert said(await read(root / "b", lines({"conversations": FROM}), "a.jsonl", layout="sharegpt")) == [["b", "b!"]]


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"conversations": [{"from": ["human", "gpt"], "value": ["b", "b!"]}]}),
        pa.table({
            "messages": pa.array([[[*each.items()] for each in talk("b")]], pa.list_(pa.map_("string", "string")))
        }),
        pa.table({"messages": [[{"role": b"user", "content": b"b"}, {"role": b"assistant", "content": b"b!"}]]}),
        pa.table({"messages": [json.dumps(json.dumps(talk("b")))]}),
        pa.table({"messages": [str(talk("b"))]}),
        pa.table({"conversation": [talk("b")]}),
        pa.table({"traj": [FROM]}),
        pa.table({"messages": [[{"role": "user", "value": "b"}, {"role": "assistant", "value": "b!"}]]}),
    ],
)
async def test_other_forms_of_the_same_are_read(root: Path, table: pa.Table) -> None:
    assert said(await read(root, parquet(table))) == [["b", "b!"]]


async def test_numbers_that_json_cannot_hold_are_told(root: Path) -> None:
    nan = float("nan")
    rows = [
        talk("a"),
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "scores": [{"p": nan}]}],
    ]
    (plain, odd) = await read(root, parquet(pa.Table.from_pylist([{"messages": row} for row in rows])))
    assert plain.fidelity.kept_as_text == ()
    assert [(each.message, each.reason) for each in odd.fidelity.kept_as_text] == [
        (1, "a number that JSON cannot hold is null")
    ]


@pytest.mark.parametrize(
    "said", ["3j", "[{'role': 1j}]", "[{1: {2}}, b'']", "[{" + "[" * 9999, "[{'a': __import__('os')}]"]
)
async def test_a_list_that_python_printed_is_never_run(root: Path, said: str) -> None:
    table = pa.table({"messages": [json.dumps(talk("a")), said]})
    source = await open_source(root, {"a.parquet": parquet(table)}, on_bad_row="skip")
    assert [row.row async for row in source.stream_rows()] == [0]


async def test_half_a_character_does_not_cost_the_row(root: Path) -> None:
    content = b'{"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "\\ud83d!"}]}'
    (row,) = await read(root, content, "a.jsonl")
    assert row.trajectory.steps[1].message == "\ufffd!"
    assert [each.message for each in row.fidelity.kept_as_text] == [1]
