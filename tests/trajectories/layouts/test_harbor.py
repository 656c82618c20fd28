import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc import atif
from hfsvc.atif import Agent, Step, Trajectory
from hfsvc.errors import BadParquet
from hfsvc.models import ReadOptions
from hfsvc.testing.samples import openthoughts_rows, rows_table
from hfsvc.trajectories.layouts import harbor
from hfsvc.trajectories.layouts.conversation import Unreadable
from hfsvc.trajectories.layouts.structs import StructLayout
from tests.trajectories.tables import (
    DATE,
    MESSAGE,
    MESSAGES,
    broken_text,
    choose_layout,
    row,
    rows,
    table_of,
    talk,
    trajectories_of,
)

DATA = os.environ.get("HFSVC_TEST_DATA")
REPO = "acme/notes"


def fit(schema: pa.Schema) -> StructLayout:
    readers = harbor.fit(schema, ReadOptions())
    assert not isinstance(readers, str), readers
    assert isinstance(readers[0], StructLayout), readers
    return readers[0]


def batches_of(table: pa.Table) -> list[pa.RecordBatch]:
    return list(table.select(fit(table.schema).columns).to_batches())


def convert(table: pa.Table | Sequence[dict[str, Any]], first_row: int = 0) -> list[Trajectory | Unreadable]:
    made = table if isinstance(table, pa.Table) else rows_table(table)
    found: list[Trajectory | Unreadable] = []
    for batch in batches_of(made):
        found += trajectories_of(batch, REPO, first_row + len(found))
    return found


def one(table: pa.Table | Sequence[dict[str, Any]], first_row: int = 0) -> Trajectory:
    (found,) = convert(table, first_row)
    assert isinstance(found, Trajectory)
    return found


def step(role: Any, content: Any) -> Step:
    (found,) = one([row(0, conversations=[{"role": role, "content": content}])]).steps
    return found


def assert_valid(trajectory: Trajectory) -> None:
    for document in (atif.encode(trajectory), msgspec.to_builtins(trajectory)):
        report = atif.check(document)
        assert report.valid, report.findings
        assert report.trajectory == trajectory
    assert trajectory.schema_version == "ATIF-v1.4"


# ---- the mapping ----------------------------------------------------------------------------------------------------


def test_a_row_becomes_one_document_with_a_step_a_message() -> None:
    source_row = {
        "conversations": [{"role": "user", "content": "list"}, {"role": "assistant", "content": '\n{"commands": []}'}],
        "agent": "terminus-2",
        "model": "QuantTrio/GLM-4.6-AWQ",
        "model_provider": "hosted_vllm",
        "date": "2025-11-12T22:22:17.361875",
        "task": "task_1000",
        "episode": "episode-0",
        "run_id": "a32483f6-4898-4a4a-a2c4-a5df39fca16e",
        "trial_name": "task_1000__ocnHCEm",
    }
    assert one([source_row]) == Trajectory(
        schema_version="ATIF-v1.4",
        session_id="a32483f6-4898-4a4a-a2c4-a5df39fca16e",
        agent=Agent(name="terminus-2", version="1.0", model_name="QuantTrio/GLM-4.6-AWQ"),
        steps=[
            Step(step_id=1, timestamp="2025-11-12T22:22:17.361875", source="user", message="list"),
            Step(step_id=2, timestamp="2025-11-12T22:22:17.361875", source="agent", message='\n{"commands": []}'),
        ],
        extra={
            "source": REPO,
            "task": "task_1000",
            "episode": "episode-0",
            "trial_name": "task_1000__ocnHCEm",
            "model_provider": "hosted_vllm",
            "run_id": "a32483f6-4898-4a4a-a2c4-a5df39fca16e",
            "date": "2025-11-12T22:22:17.361875",
        },
    )


def test_the_document_on_the_wire_is_what_its_readers_know() -> None:
    (message,) = [{"role": "assistant", "content": "ls"}]
    document = json.loads(atif.encode(one([row(3, conversations=[message])])))
    assert [*document] == ["schema_version", "session_id", "agent", "steps", "extra"]
    assert document["steps"] == [{"step_id": 1, "timestamp": DATE, "source": "agent", "message": "ls"}]
    assert document["agent"] == {"name": "terminus-2", "version": "1.0", "model_name": "teacher"}


def test_every_row_of_the_sample_is_valid() -> None:
    made = openthoughts_rows(60)
    found = convert(made)
    assert len(found) == 60
    for each, source_row in zip(found, made, strict=True):
        assert isinstance(each, Trajectory)
        assert_valid(each)
        assert [step.message for step in each.steps] == [each["content"] for each in source_row["conversations"]]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, "run-0"),
        ({"run_id": None}, "task_0__episode-1"),
        ({"run_id": ""}, "task_0__episode-1"),
        ({"run_id": None, "episode": None}, "task_0"),
        ({"run_id": None, "task": ""}, "episode-1"),
        ({"run_id": None, "task": None, "episode": None}, "row_7"),
    ],
)
def test_the_session_is_the_run_else_task_and_episode_else_the_row(columns: dict[str, Any], expected: str) -> None:
    assert one([row(0, **columns)], first_row=7).session_id == expected


@pytest.mark.parametrize(("agent", "expected"), [("openhands", "openhands"), (None, "unknown"), ("", "unknown")])
def test_an_agent_without_a_name_is_unknown(agent: str | None, expected: str) -> None:
    assert one([row(0, agent=agent)]).agent == Agent(name=expected, version="1.0", model_name="teacher")


def test_a_row_without_a_model_names_none() -> None:
    assert one([row(0, model=None)]).agent.model_name is None


@pytest.mark.parametrize(("role", "expected"), [("assistant", "agent"), ("user", "user")])
def test_the_two_roles_of_the_export(role: str, expected: str) -> None:
    assert step(role, "a") == Step(step_id=1, timestamp=DATE, source=expected, message="a", extra=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "role", ["system", "tool", "observation", "USER", "human", "developer", "assistants", "", None]
)
def test_any_other_role_is_a_user_and_kept(role: str | None) -> None:
    found = step(role, "a")
    assert (found.source, found.extra) == ("user", {"original_role": role})


@pytest.mark.parametrize("role", ["gpt", "ai", "function_call", "model", "agent", "Assistant", "assistant "])
def test_other_names_of_the_agent_are_the_agent_and_kept(role: str) -> None:
    found = step(role, "a")
    assert (found.source, found.extra) == ("agent", {"original_role": role})


@pytest.mark.parametrize(("content", "expected"), [(None, ""), ("", ""), (" \n", " \n"), ("\x00", "\x00")])
def test_text_is_as_it_was_and_no_text_is_empty(content: str | None, expected: str) -> None:
    assert step("assistant", content).message == expected


@pytest.mark.parametrize(
    "date",
    [
        "2025-11-12T22:22:17.361875",
        "2025-11-12T22:22:17",
        "2025-11-12 22:22:17",
        "2025-11-12T22:22:17Z",
        "2025-11-12T22:22:17.361875+02:00",
        "2025-11-12",
        "20251112T222217Z",
    ],
)
def test_an_iso_8601_date_is_on_every_step_as_it_was(date: str) -> None:
    found = one([row(0, date=date)])
    assert [each.timestamp for each in found.steps] == [date, date]
    assert (found.extra or {})["date"] == date
    assert_valid(found)


@pytest.mark.parametrize(
    "date",
    ["", "yesterday", "1762986137", "12.11.2025", "2025-13-01", "2025-11-12T22:22:17z", "2025-11-12Z22:22:17", "Z"],
)
def test_any_other_date_is_kept_in_extra_only(date: str) -> None:
    found = one([row(0, date=date)])
    assert [each.timestamp for each in found.steps] == [None, None]
    assert (found.extra or {})["date"] == date
    assert_valid(found)


def test_a_row_without_a_date_has_no_timestamps() -> None:
    found = one([row(0, date=None)])
    assert [each.timestamp for each in found.steps] == [None, None]
    assert "date" not in (found.extra or {})


@pytest.mark.parametrize("name", ["task", "episode", "trial_name", "model_provider", "run_id", "date"])
def test_extra_holds_what_the_row_has(name: str) -> None:
    everything = one([row(0)]).extra or {}
    assert [*everything] == ["source", "task", "episode", "trial_name", "model_provider", "run_id", "date"]
    assert one([row(0, **{name: None})]).extra == {key: value for key, value in everything.items() if key != name}


def test_extra_columns_are_left_alone() -> None:
    more = {"instruction": "do", "tool_definitions": "[]", "verifier_output": "ok", "path": "a/b"}
    assert one([row(0, **more)]) == one([row(0)])


def test_the_tools_on_offer_stand_in_no_document() -> None:
    tools = json.dumps([{"type": "function", "function": {"name": "f"}}])
    assert one([row(0, tool_definitions=tools)]) == one([row(0)])


def test_small_columns_beyond_the_first_are_kept() -> None:
    more = {"result": "1.0", "trace_source": "main", "enable_thinking": True, "original_source": "nl2bash"}
    assert one([row(0, **more)]).extra == (one([row(0)]).extra or {}) | more


# ---- every result is valid ------------------------------------------------------------------------------------------

texts = st.none() | st.text(max_size=12)
dates = texts | st.datetimes().map(str) | st.datetimes().map(datetime.isoformat) | st.dates().map(str)
messages = st.none() | st.fixed_dictionaries({
    "role": texts | st.sampled_from(["user", "assistant", "system"]),
    "content": texts,
})
COLUMNS = ("agent", "model", "model_provider", "task", "episode", "run_id", "trial_name", "result")
any_row = st.fixed_dictionaries(
    {"conversations": st.none() | st.lists(messages, max_size=4), "date": dates},
    optional=dict.fromkeys(COLUMNS, texts),
)


def typed(made: Sequence[dict[str, Any]]) -> pa.Table:
    names = [name for name in ("date", *COLUMNS) if any(name in each for each in made)]
    return table_of(
        pa.array([each["conversations"] for each in made], MESSAGES),
        **{name: pa.array([each.get(name) for each in made], pa.string()) for name in names},
    )


@given(made=st.lists(any_row, min_size=1, max_size=5))
def test_every_row_is_a_valid_document_or_has_a_reason(made: list[dict[str, Any]]) -> None:
    found = convert(typed(made))
    assert len(found) == len(made)
    for each, source_row in zip(found, made, strict=True):
        if not source_row["conversations"]:
            reason = "it is null" if source_row["conversations"] is None else "it is empty"
            assert each == Unreadable("conversations", reason)
            continue
        assert isinstance(each, Trajectory)
        assert_valid(each)
        expected = [(message or {}).get("content") or "" for message in source_row["conversations"]]
        assert [step.message for step in each.steps] == expected


@given(made=st.lists(any_row, min_size=1, max_size=9), cut=st.data())
def test_a_slice_of_a_batch_gives_the_same_rows(made: list[dict[str, Any]], cut: st.DataObject) -> None:
    (batch,) = typed(made).combine_chunks().to_batches()
    begin = cut.draw(st.integers(0, len(made)))
    end = cut.draw(st.integers(begin, len(made)))
    whole = list(trajectories_of(batch, REPO, 0))
    assert list(trajectories_of(batch.slice(begin, end - begin), REPO, begin)) == whole[begin:end]


# ---- how columns are stored -----------------------------------------------------------------------------------------

ODD = [
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    None,
    [{"role": "user", "content": "c"}, None, {"role": "assistant", "content": None}],
    [],
    [None],
    None,
    [{"role": None, "content": "d"}],
]
STEPS = [
    [("user", "a"), ("agent", "b")],
    "it is null",
    [("user", "c"), ("user", ""), ("agent", "")],
    "it is empty",
    [("user", "")],
    "it is null",
    [("user", "d")],
]
TYPES = {
    "role first": MESSAGES,
    "content first": pa.list_(pa.struct([("content", pa.string()), ("role", pa.string())])),
    "more fields": pa.list_(
        pa.struct([("a", pa.int32()), ("content", pa.string()), ("b", pa.string()), ("role", pa.string())])
    ),
    "element": pa.list_(pa.field("element", MESSAGE)),
    "item": pa.list_(pa.field("item", MESSAGE)),
    "array": pa.list_(pa.field("array", MESSAGE)),
    "large list": pa.large_list(MESSAGE),
    "large text": pa.list_(pa.struct([("role", pa.large_string()), ("content", pa.large_string())])),
    "text views": pa.list_(pa.struct([("role", pa.string_view()), ("content", pa.string_view())])),
    "dictionaries": pa.list_(
        pa.struct([(name, pa.dictionary(pa.int32(), pa.string())) for name in ("role", "content")])
    ),
}


def outcome(found: Trajectory | Unreadable) -> Any:
    return [(step.source, step.message) for step in found.steps] if isinstance(found, Trajectory) else found.reason


@pytest.mark.parametrize("kind", TYPES)
def test_messages_are_read_however_they_are_stored(kind: str) -> None:
    assert [outcome(each) for each in convert(table_of(pa.array(ODD, TYPES[kind])))] == STEPS


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("begin", range(len(ODD)))
def test_a_slice_is_read_however_it_is_stored(kind: str, begin: int) -> None:
    table = table_of(pa.array(ODD, TYPES[kind])).slice(begin, 3)
    assert [outcome(each) for each in convert(table)] == STEPS[begin : begin + 3]


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind != "text views"])
def test_messages_survive_a_parquet_file(tmp_path: Path, kind: str) -> None:
    pq.write_table(table_of(pa.array(ODD, TYPES[kind])), tmp_path / "a.parquet", row_group_size=2)
    assert [outcome(each) for each in convert(pq.read_table(tmp_path / "a.parquet"))] == STEPS


def test_what_lies_under_a_null_row_is_not_read() -> None:
    """Arrow allows values under a null; the rows after it must not shift."""
    inner = pa.array([{"role": "user", "content": text} for text in "abcd"], MESSAGE)
    offsets, valid = pa.array([0, 1, 3, 4], pa.int32()), pa.py_buffer(b"\x05")
    made = pa.Array.from_buffers(MESSAGES, 3, [valid, offsets.buffers()[1]], children=[inner])
    assert [outcome(each) for each in convert(table_of(made))] == [[("user", "a")], "it is null", [("user", "d")]]


def test_what_lies_under_a_null_message_is_not_read() -> None:
    texts = [pa.array(["user", "user"]), pa.array(["a", "hidden"])]
    inner = pa.StructArray.from_arrays(texts, fields=list(MESSAGE), mask=pa.array([False, True]))
    found = one(table_of(pa.ListArray.from_arrays(pa.array([0, 2], pa.int32()), inner)))
    assert [(step.message, step.extra) for step in found.steps] == [
        ("a", None),
        ("", {"original_role": None, "raw": None}),
    ]


def test_a_list_that_does_not_begin_with_its_values_is_read() -> None:
    inner = pa.array([{"role": "user", "content": text} for text in "abcd"], MESSAGE)
    made = pa.ListArray.from_arrays(pa.array([2, 3, 4], pa.int32()), inner)
    assert [outcome(each) for each in convert(table_of(made))] == [[("user", "c")], [("user", "d")]]


@pytest.mark.parametrize("field", ["role", "content"])
def test_a_field_of_null_type_has_no_values(field: str) -> None:
    kinds = {"role": pa.string(), "content": pa.string(), field: pa.null()}
    message: dict[str, str | None] = {"role": "assistant", "content": "a", field: None}
    found = one(table_of(pa.array([[message]], pa.list_(pa.struct(list(kinds.items()))))))
    assert outcome(found) == ([("user", "a")] if field == "role" else [("agent", "")])


def test_messages_of_null_type_make_every_row_unreadable() -> None:
    assert [outcome(each) for each in convert(table_of(pa.nulls(3), task=["a", "b", "c"]))] == ["it is null"] * 3
    assert [outcome(each) for each in convert(table_of(pa.nulls(2)))] == ["it is null"] * 2


def test_a_batch_without_rows_gives_none() -> None:
    (batch,) = rows_table(rows(1)).to_batches()
    assert list(trajectories_of(batch.slice(0, 0), REPO, 0)) == []


@pytest.mark.parametrize("order", [sorted, lambda names: sorted(names, reverse=True)])
def test_the_order_of_columns_does_not_matter(order: Any) -> None:
    expected = convert(rows(3))
    assert convert(rows_table(rows(3), columns=order(rows(1)[0]))) == expected


def test_missing_columns_and_columns_of_null_type_are_the_same() -> None:
    expected = one(rows_table([row(0)], columns=["conversations"]))
    nulls = {name: pa.nulls(1) for name in row(0) if name != "conversations"}
    assert one(table_of(pa.array([talk("text 0")], MESSAGES), **nulls)) == expected
    assert expected.extra == {"source": REPO}
    assert expected.agent == Agent(name="unknown", version="1.0")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["a", None, "b"]), ["a", None, "b"]),
        (pa.array(["a", None, "b"], pa.large_string()), ["a", None, "b"]),
        (pa.array(["a", None, "b"], pa.string_view()), ["a", None, "b"]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array([0, 2**61, None], pa.timestamp("ms")), ["1970-01-01 00:00:00", str(2**61), None]),
        (pa.array([2**30, 1, None], pa.date32()), [str(2**30), "1970-01-02", None]),
        (pa.array([1, None, 0]), ["1", None, "0"]),
        (pa.array([1.5, None, 0.0]), ["1.5", None, "0.0"]),
        (pa.array([True, None, False]), ["true", None, "false"]),
        (pa.array([b"a", None, b"\xff"]), ["a", None, "\ufffd"]),
        (broken_text(b"a", b"\xffb", b"c"), ["a", "\ufffdb", "c"]),
        (broken_text(b"a", b"\xffb", b"c").dictionary_encode(), ["a", "\ufffdb", "c"]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_other_columns_are_read_as_text_whatever_their_type(column: pa.Array, expected: list[str | None]) -> None:
    found = convert(table_of([talk("a")] * 3, trial_name=column))
    assert [(each.extra or {}).get("trial_name") for each in found if isinstance(each, Trajectory)] == expected


MOMENT = datetime(2025, 11, 12, 22, 22, 17, 361875)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([MOMENT], pa.timestamp("us")),
        pa.array([MOMENT], pa.timestamp("ns")),
        pa.array([MOMENT.replace(tzinfo=UTC)], pa.timestamp("us", tz="UTC")),
        pa.array([MOMENT]).cast(pa.timestamp("ms"), safe=False),
        pa.array([1762986137361875999], pa.timestamp("ns")),
        pa.array([MOMENT.date()]),
    ],
    ids=lambda column: str(column.type),
)
def test_a_date_that_is_no_text_is_a_timestamp_too(column: pa.Array) -> None:
    found = one(table_of([talk("a")], date=column))
    assert (found.steps[0].timestamp or "").startswith("2025-11-12")
    assert_valid(found)


def test_messages_that_are_no_utf_8_make_their_row_unreadable_and_no_other() -> None:
    inner = pa.StructArray.from_arrays(
        [pa.array(["user"] * 4), broken_text(b"a", b"b", b"\xff", b"c")], fields=list(MESSAGE)
    )
    found = convert(
        table_of(pa.ListArray.from_arrays(pa.array([0, 1, 3, 4], pa.int32()), inner), task=["x", "y", "z"]), 5
    )
    assert [outcome(each) for each in found] == [[("user", "a")], "it is no UTF-8", [("user", "c")]]
    assert found[1] == Unreadable("conversations", "it is no UTF-8")


# ---- which files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
def test_a_file_with_messages_fits(kind: str) -> None:
    schema = pa.schema([("conversations", TYPES[kind]), ("task", pa.int8()), ("other", pa.binary())])
    assert fit(schema).columns == ["conversations", "task"]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ([], "it has no columns"),
        (
            [("Conversations", MESSAGES), ("messages", MESSAGES)],
            "it has Conversations (list<item: struct<role: string, content: string>>), messages",
        ),
        ([("conversations", pa.int64())], "is int64, not a list of messages"),
        ([("conversations", pa.list_(MESSAGES))], "not a list of messages"),
        ([("conversations", pa.map_(pa.string(), pa.string()))], "not a list of messages"),
        ([("conversations", pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())])))], "content and role"),
        ([("conversations", pa.list_(pa.struct([("role", pa.string())])))], "no field content"),
        ([("conversations", pa.list_(pa.struct([("role", pa.string()), ("content", MESSAGES)])))], "the content of"),
        ([("conversations", pa.list_(pa.struct([("role", pa.int8()), ("content", pa.string())])))], "the role of"),
        ([("conversations", MESSAGES), ("conversations", MESSAGES)], "2 columns 'conversations'"),
        ([("conversations", MESSAGES), ("run_id", pa.string()), ("run_id", pa.string())], "2 columns 'run_id'"),
    ],
)
def test_a_file_of_another_layout_is_told_what_it_lacks(schema: list[tuple[str, pa.DataType]], said: str) -> None:
    with pytest.raises(BadParquet, match=re.escape(said)):
        choose_layout(pa.schema(schema), ReadOptions(layout="harbor"))


def test_only_the_columns_of_the_layout_are_read() -> None:
    names = ["z", *reversed([*row(0), "result"][1:]), "instruction", "a"]
    schema = pa.schema([(name, pa.string()) for name in names])
    schema = schema.insert(3, pa.field("conversations", MESSAGES))
    assert {*fit(schema).columns} == {*row(0), "result"}


# ---- real rows ------------------------------------------------------------------------------------------------------

real = pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder with real rows")


def check_real(made: list[dict[str, Any]], table: pa.Table) -> None:
    found = convert(table)
    assert len(found) == len(made)
    for each, source_row in zip(found, made, strict=True):
        assert isinstance(each, Trajectory)
        assert_valid(each)
        talked = [(message["role"], message["content"]) for message in source_row["conversations"]]
        assert [("assistant" if step.source == "agent" else "user", step.message) for step in each.steps] == talked
        assert each.session_id == source_row["run_id"]
        assert (each.extra or {})["trial_name"] == source_row["trial_name"]


@real
def test_every_real_row_converts_and_is_valid() -> None:
    folder = Path(DATA or "") / "sft_rows"
    for path in folder.glob("*.parquet"):
        made = [json.loads(line) for line in path.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()]
        check_real(made, pq.read_table(path))


@real
def test_every_real_row_of_the_newer_exporter_converts_and_is_valid() -> None:
    files = sorted((Path(DATA or "") / "sft_rows" / "harbor-export").glob("*.json"))
    assert files
    for path in files:
        made = json.loads(path.read_bytes())
        check_real(made, rows_table(made))
