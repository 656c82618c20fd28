"""Layouts beside Harbor's: which one a file has, and what its rows become."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc import atif
from hfsvc.errors import BadParquet, InvalidArgument
from hfsvc.models import LayoutName, ReadOptions, Style
from hfsvc.trajectories.files.lenient_json import HALF_CHARACTER, NO_NUMBER
from hfsvc.trajectories.layouts.base import Layout
from hfsvc.trajectories.layouts.conversation import Conversation, Message, Unreadable
from hfsvc.trajectories.layouts.detect import LAYOUTS
from hfsvc.trajectories.styles.convert import STYLES
from tests.trajectories.tables import (
    MESSAGES,
    broken_text,
    choose_layout,
    open_source,
    parquet,
    talk,
    trajectories_of,
    until,
)

DATA = os.environ.get("HFSVC_TEST_DATA")
TEXT = pa.string()
CALL = pa.struct([("function", pa.struct([("arguments", TEXT), ("name", TEXT)])), ("id", TEXT), ("index", pa.null())])
OPENAI = pa.list_(
    pa.struct([
        ("content", TEXT),
        ("function_call", pa.null()),
        ("name", TEXT),
        ("role", TEXT),
        ("tool_call_id", TEXT),
        ("tool_calls", pa.list_(CALL)),
    ])
)
SHAREGPT = pa.list_(pa.struct([("from", TEXT), ("loss", pa.bool_()), ("value", TEXT)]))
SWEAGENT = pa.list_(
    pa.struct([
        ("cutoff_date", TEXT),
        ("mask", pa.bool_()),
        ("role", TEXT),
        ("system_prompt", TEXT),
        ("text", TEXT),
    ])
)


def layout_of(table: pa.Table | pa.Schema, head: pa.RecordBatch | None = None, **options: Any) -> Layout:
    schema = table if isinstance(table, pa.Schema) else table.schema
    return choose_layout(schema, ReadOptions(**options), head)


def read(table: pa.Table, **options: Any) -> list[Conversation | Unreadable]:
    layout = layout_of(table, **options)
    found: list[Any] = []
    for batch in table.select(layout.columns).to_batches():
        found += layout.conversations(batch)
    return found


def messages(kind: pa.DataType, *rows: Sequence[Any] | None, name: str = "messages") -> pa.Table:
    return pa.table({name: pa.array(rows, kind)})


def only(found: list[Conversation | Unreadable]) -> Conversation:
    (each,) = found
    assert isinstance(each, Conversation), each
    return each


# ---- which layout a file has ----------------------------------------------------------------------------------------

SCHEMAS: list[tuple[str, str, list[tuple[str, pa.DataType]]]] = [
    ("harbor", "conversations", [("conversations", MESSAGES), ("messages", MESSAGES)]),
    ("openai", "messages", [("messages", MESSAGES)]),
    ("openai", "messages", [("messages", OPENAI)]),
    ("openai", "trajectory", [("trajectory", OPENAI)]),
    ("openai", "messages", [("conversations", pa.null()), ("messages", OPENAI)]),
    ("openai", "messages", [("messages", pa.list_(pa.struct([("role", TEXT), ("content", pa.list_(CALL))])))]),
    ("sharegpt", "conversations", [("conversations", SHAREGPT)]),
    ("sharegpt", "conversations", [("conversations", SHAREGPT), ("messages", TEXT)]),
    ("swe-agent", "trajectory", [("trajectory", SWEAGENT), ("messages", TEXT)]),
    ("json", "messages", [("messages", TEXT), ("question", TEXT)]),
    ("json", "conversations", [("conversations", pa.large_string())]),
    ("json", "trajectory", [("trajectory", pa.dictionary(pa.int32(), TEXT))]),
    ("harbor", "conversations", [("conversations", pa.null())]),
]


@pytest.mark.parametrize(("name", "column", "fields"), SCHEMAS)
def test_the_types_tell_the_layout(name: str, column: str, fields: list[tuple[str, pa.DataType]]) -> None:
    for ordered in (fields, fields[::-1]):
        found = layout_of(pa.schema(ordered))
        assert (found.name, found.messages) == (name, column)


def test_every_layout_has_a_name_that_can_be_asked_for() -> None:
    assert tuple(LAYOUTS) == get_args(LayoutName)
    with pytest.raises(InvalidArgument, match=r"layout cannot be 'opnai'.*frameworks, harbor.*Did you mean openai"):
        layout_of(pa.schema([("messages", MESSAGES)]), layout="opnai")


def test_what_was_looked_for_is_told_in_three_lines_when_nothing_fits() -> None:
    schema = pa.schema([
        ("messages", pa.list_(pa.int8())),
        ("trajectory", pa.list_(pa.list_(pa.int8()))),
        ("n", pa.int8()),
    ])
    with pytest.raises(BadParquet) as raised:
        layout_of(schema)
    found, looked_for, nearest = str(raised.value).split("\n")
    assert "it has messages (list<item: int8>), trajectory (list<" in found
    assert "n (int8)" in found
    assert "messages, conversations, conversation, trajectory" in looked_for
    assert nearest.startswith("Nearest is the layout openai: its column 'messages' is list<item: int8>, not a list of")
    assert "--column messages=NAME" in nearest


@pytest.mark.parametrize(
    "content",
    [
        parquet(pa.table({"n": [1], "dialog": [[{"speaker": "a", "utterance": "b", "n": 1}]]})),
        parquet(pa.table({"n": ["words"], "dialog": ['[{"speaker": "a", "utterance": "b", "n": 1}]']})),
    ],
    ids=["structs", "JSON"],
)
async def test_the_column_that_would_have_to_be_named_is_told(root: Path, content: bytes) -> None:
    with pytest.raises(BadParquet) as raised:
        await (await open_source(root, {"a.parquet": content})).count()
    advice = (
        "speaker, utterance, n in 'dialog': --column messages=dialog --column role=speaker --column content=utterance"
    )
    assert str(raised.value).endswith(f"Say where messages are: {advice}.")
    columns = {"messages": "dialog", "role": "speaker", "content": "utterance"}
    source = await open_source(root / "named", {"a.parquet": content}, columns=columns)
    trajectory = await source.get_trajectory(0)
    assert trajectory is not None
    assert trajectory.steps[0].message == "b"


def test_a_column_that_was_named_must_be_there() -> None:
    with pytest.raises(BadParquet, match="it has no column 'talk' \\(given for messages\\), 'x' \\(given for task\\)"):
        layout_of(pa.schema([("messages", MESSAGES)]), columns={"messages": "talk", "task": "x", "role": "speaker"})


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(BadParquet, match="it has 2 columns 'model'"):
        layout_of(pa.schema([("messages", MESSAGES), ("model", TEXT), ("model", TEXT)]))


def test_columns_and_fields_that_are_named_are_read() -> None:
    kind = pa.list_(pa.struct([("who", TEXT), ("said", TEXT), ("role", TEXT)]))
    table = messages(kind, [{"who": "gpt", "said": "a", "role": "b"}], name="talk")
    found = only(read(table, columns={"messages": "talk", "role": "who", "content": "said"}))
    assert found.messages == [Message("gpt", "a", {"role": "b"})]


HEADS: list[tuple[dict[str, list[str | None]], str | None]] = [
    ({"messages": ["words", "more"], "trajectory": [None, '[{"role": "user", "content": "a"}]']}, "trajectory"),
    ({"messages": ['["a"]'], "trajectory": ["{}"]}, None),
    ({"messages": ["[]"], "trace": ['[{"from": "human", "value": "a"}]']}, "trace"),
    ({"messages": [None, None], "trace": ["words", None]}, "messages"),
    ({"messages": ["words", '[{"role": "user", "content": "a"}]']}, "messages"),
    ({"messages": ['[{"source": "agent", "action": "run"}]'], "trace": ['[{"role": "a", "content": "b"}]']}, "trace"),
    ({"messages": ['[{"kind": "agent", "said": "run"}]']}, None),
    ({"messages": ['[{"role": "agent", "action": "run"}]']}, None),
    ({"messages": ["", None], "trace": [None, '[{"role": "a", "content": "b"}]']}, "trace"),
]


@pytest.mark.parametrize(("columns", "expected"), HEADS)
def test_the_first_rows_tell_whether_a_text_is_json(columns: dict[str, list[str | None]], expected: str | None) -> None:
    table = pa.table(columns, pa.schema([(name, TEXT) for name in columns]))
    (head,) = table.to_batches()
    if expected is None:
        with pytest.raises(
            BadParquet, match=r"'messages': (it is no JSON|message 0 in it|none of its objects|no message in it)"
        ):
            layout_of(table, head)
    else:
        assert layout_of(table, head).messages == expected


# ---- messages as structs --------------------------------------------------------------------------------------------


def test_openai_messages_keep_what_is_not_null() -> None:
    call = {"function": {"arguments": '{"a": null}', "name": "bash"}, "id": "c1", "index": None}
    rows = [
        {"role": "assistant", "content": "", "tool_calls": [call, None]},
        {"role": "tool", "content": "ok", "tool_call_id": "c1", "name": "bash"},
        None,
    ]
    assert only(read(messages(OPENAI, rows))).messages == [
        Message("assistant", "", {"tool_calls": [{"function": call["function"], "id": "c1"}, None]}),
        Message("tool", "ok", {"tool_call_id": "c1", "name": "bash"}),
        Message(None, None),
    ]


def test_arguments_of_many_functions_in_one_struct_are_those_of_each() -> None:
    kind = pa.list_(
        pa.struct([
            ("role", TEXT),
            ("content", TEXT),
            ("function_call", pa.struct([("arguments", pa.struct([("path", TEXT), ("line", pa.int64())]))])),
        ])
    )
    calls = [{"arguments": {"path": "a"}}, {"arguments": {"line": 3}}, {"arguments": {}}, None]
    rows = [{"role": "assistant", "function_call": call} for call in calls]
    found = [message.fields.get("function_call") for message in only(read(messages(kind, rows))).messages]
    assert found == calls


def test_content_may_be_parts() -> None:
    part = pa.struct([("type", TEXT), ("text", TEXT), ("image_url", pa.struct([("url", TEXT)]))])
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "a.png"}}]
    table = messages(
        pa.list_(pa.struct([("role", TEXT), ("content", pa.list_(part))])),
        [{"role": "user", "content": parts}, {"role": "user", "content": None}],
    )
    assert only(read(table)).messages == [Message("user", parts), Message("user", None)]


def test_sharegpt_messages_are_read_with_the_systems_prompt() -> None:
    table = pa.table({
        "id": ["os_1"],
        "conversations": pa.array([[{"from": "human", "value": "a"}, {"from": "gpt", "value": "b", "loss": True}]]),
        "system": ["be kind"],
    })
    found = only(read(table, columns={"key": "id"}))
    assert found.messages == [Message("human", "a"), Message("gpt", "b", {"loss": True})]
    assert found.columns == {"key": "os_1", "system": "be kind"}


def test_a_turn_of_swe_agent_has_its_text_in_one_of_two_fields() -> None:
    turns = [
        {"role": "system", "system_prompt": "s", "mask": False},
        {"role": "user", "text": "u"},
        {"role": "ai", "text": "a", "system_prompt": "kept", "mask": True},
        {"role": "ai"},
    ]
    assert only(read(messages(SWEAGENT, turns, name="trajectory"))).messages == [
        Message("system", "s", {"mask": False}),
        Message("user", "u"),
        Message("ai", "a", {"system_prompt": "kept", "mask": True}),
        Message("ai", None),
    ]


def test_what_is_no_json_is_written_as_text() -> None:
    kind = pa.list_(
        pa.struct([
            ("role", TEXT),
            ("content", TEXT),
            ("at", pa.timestamp("us")),
            ("cost", pa.decimal128(5, 2)),
            ("raw", pa.binary()),
            ("score", pa.float64()),
            ("by_name", pa.map_(TEXT, pa.int64())),
        ])
    )
    values = {"at": 0, "cost": Decimal("1.50"), "raw": b"\xff", "score": float("nan"), "by_name": {"a": 1}}
    (message,) = only(read(messages(kind, [{"role": "user", "content": "a", **values}]))).messages
    expected = {"at": "1970-01-01 00:00:00", "cost": "1.50", "raw": "\ufffd", "by_name": {"a": 1}}
    assert message == Message("user", "a", expected)


KINDS: dict[str, Callable[[pa.DataType], pa.DataType]] = {
    "list": pa.list_,
    "large list": pa.large_list,
    "list of two": lambda kind: pa.list_(kind, 2),
    "view": pa.list_view,
    "large view": pa.large_list_view,
}
TEXTS = {
    "text": TEXT,
    "large text": pa.large_string(),
    "text view": pa.string_view(),
    "dictionary": pa.dictionary(pa.int16(), TEXT),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", TEXTS)
def test_messages_are_read_however_they_are_stored(kind: str, text: str) -> None:
    rows = [[("user", "a"), ("ai", None)], None, [(None, "b"), ("x", "c")], [("user", "ü"), None]]
    made = [row and [turn and {"role": turn[0], "content": turn[1], "name": turn[1]} for turn in row] for row in rows]
    struct = pa.struct([("content", TEXTS[text]), ("name", TEXTS[text]), ("role", TEXTS[text])])
    column = pa.array(made, KINDS[kind](struct))
    expected = [
        Unreadable("messages", "it is null") if row is None else [_named(*(turn or (None, None))) for turn in row]
        for row in rows
    ]
    for begin in range(4):
        found = read(pa.table({"messages": column}).slice(begin))
        assert [each.messages if isinstance(each, Conversation) else each for each in found] == expected[begin:]


@pytest.mark.skipif(not hasattr(pa, "json_"), reason="this pyarrow has no JSON type")
def test_text_that_is_marked_as_json_is_text() -> None:
    marked = pa.json_(TEXT)
    written = messages(pa.list_(pa.struct([("role", TEXT), ("content", TEXT)])), talk("a"))
    column = written["messages"].cast(pa.list_(pa.struct([("role", TEXT), ("content", marked)])))
    whole = pa.array([json.dumps(talk("a"))]).cast(marked)
    for table in (pa.table({"messages": column}), pa.table({"messages": whole, "task": whole})):
        assert [each.content for each in only(read(table)).messages] == ["a", "a!"]


def _named(role: str | None, text: str | None) -> Message:
    return Message(role, text, {"name": text} if text else {})


# ---- any rows -------------------------------------------------------------------------------------------------------

texts = st.none() | st.text(max_size=8)
calls = st.lists(
    st.none()
    | st.fixed_dictionaries({
        "function": st.none() | st.fixed_dictionaries({"arguments": texts, "name": texts}),
        "id": texts,
        "index": st.none(),
    }),
    max_size=2,
)
openai_messages = st.fixed_dictionaries({
    "role": texts | st.sampled_from(["user", "assistant", "tool", "system"]),
    "content": texts,
    "name": texts,
    "function_call": st.none(),
    "tool_call_id": texts,
    "tool_calls": st.none() | calls,
})
openai_rows = st.none() | st.lists(st.none() | openai_messages, max_size=3)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def expected_message(found: Mapping[str, Any] | None) -> Message:
    fields = without_nulls(dict(found or {}))
    return Message(fields.pop("role", None), fields.pop("content", None), fields)


def expected_row(row: list[dict[str, Any] | None] | None) -> list[Message] | Unreadable:
    if not row:
        return Unreadable("messages", "it is null" if row is None else "it is empty")
    return list(map(expected_message, row))


def said(found: list[Conversation | Unreadable]) -> list[list[Message] | Unreadable]:
    return [each.messages if isinstance(each, Conversation) else each for each in found]


@given(rows=st.lists(openai_rows, min_size=1, max_size=4))
def test_any_row_of_structs_is_read_or_has_a_reason(rows: list[list[dict[str, Any] | None] | None]) -> None:
    table = messages(OPENAI, *rows)
    assert said(read(table)) == list(map(expected_row, rows))
    assert layout_of(table).count(table.to_batches()[0]) == [len(row or []) for row in rows]


@given(rows=st.lists(openai_rows, min_size=1, max_size=4), style=st.sampled_from([*STYLES]))
def test_any_row_of_structs_is_a_valid_document_or_has_a_reason(
    rows: list[list[dict[str, Any] | None] | None], style: Style
) -> None:
    (batch,) = messages(OPENAI, *rows).to_batches()
    assert_valid(list(trajectories_of(batch, "acme/notes", 0, style)), [bool(row) for row in rows])


def assert_valid(found: list[Any], readable: list[bool]) -> None:
    assert [not isinstance(each, Unreadable) for each in found] == readable
    for each in found:
        if isinstance(each, Unreadable):
            continue
        report = atif.check(atif.encode(each))
        assert report.valid, report.findings
        assert report.trajectory == each


# ---- messages as JSON -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"role": "user", "content": "a"}, Message("user", "a")),
        ({"from": "gpt", "value": "a", "loss": None}, Message("gpt", "a")),
        ({"role": "ai", "text": "a"}, Message("ai", "a")),
        ({"role": "user", "content": None, "text": "a"}, Message("user", "a")),
        ({"content": [{"type": "text", "text": "a"}], "role": "user"}, Message("user", [{"type": "text", "text": "a"}])),
        ({"role": "function", "content": "a", "name": "f"}, Message("function", "a", {"name": "f"})),
        ({"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
         Message("assistant", None, {"function_call": {"name": "f", "arguments": "{}"}})),
        ({"role": 3, "content": 4}, Message("3", 4)),
        ({"content": "a"}, Message(None, "a")),
    ],
)  # fmt: skip
def test_a_message_in_json_is_read_by_its_keys(written: dict[str, Any], expected: Message) -> None:
    table = pa.table({"messages": [json.dumps([written])]})
    assert only(read(table)).messages == [expected]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "it is null"),
        ("", "it is empty"),
        ("[", "it is no JSON: Expecting value: line 1 column 2 (char 1)"),
        ("words", "it is no JSON: Expecting value"),
        ('[{"role": "user"', "it is no JSON: Expecting ',' delimiter"),
        ("[]", "it is empty"),
        ("{}", "its JSON is no list of messages"),
        ('"[]"', "it is empty"),
        ('[{}, {"kind": "a"}]', "none of its objects is a message: they have kind"),
        ('[{}, "a"]', "message 1 in it is no object"),
        ("[" * 100_000, "it is no JSON"),
    ],
)
def test_a_text_without_messages_has_a_reason(text: str | None, reason: str) -> None:
    table = pa.table({"messages": pa.array([text, '[{"role": "user", "content": "a"}]'], TEXT)})
    bad, good = read(table, layout="json")
    assert isinstance(bad, Unreadable)
    assert bad.column == "messages"
    assert bad.reason.startswith(reason)
    assert good == Conversation([Message("user", "a")], {})
    assert layout_of(table, layout="json").count(table.to_batches()[0]) == [0, 1]


def test_what_pythons_writer_adds_to_json_is_read() -> None:
    second = '{"role": "user", "content": "a\\ud83d", "score": NaN, "cost": 1e400}'
    table = pa.table({"messages": [f'[{{"role": "system", "content": ""}}, {second}]']})
    found = only(read(table))
    assert found.messages == [Message("system", ""), Message("user", "a\ufffd")]
    assert found.notes == ((1, NO_NUMBER), (1, HALF_CHARACTER))


def test_json_that_is_no_utf_8_spoils_its_row_only() -> None:
    good = b'[{"role": "user", "content": "a"}]'
    table = pa.table({"messages": broken_text(good, b'[{"content": "\xff"}]', good)})
    first, bad, last = read(table)
    assert first == last == Conversation([Message("user", "a")], {})
    assert isinstance(bad, Unreadable)
    assert bad.reason.startswith("it is no JSON: 'utf-8'")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=6,
)
json_messages = st.lists(
    st.dictionaries(
        st.sampled_from(["role", "content", "from", "value", "text", "tool_calls", "thought"]), json_values, max_size=4
    ),
    max_size=3,
)


def says(row: list[dict[str, Any]]) -> bool:
    keys = ("role", "from", "content", "value", "text")
    return any(message.get(key) is not None for message in row for key in keys)


@given(rows=st.lists(json_values | json_messages, min_size=1, max_size=3), style=st.sampled_from([*STYLES]))
def test_any_json_is_a_valid_document_or_has_a_reason(rows: list[Any], style: Style) -> None:
    (batch,) = pa.table({"messages": [json.dumps(row) for row in rows]}).to_batches()
    readable = [
        isinstance(row, list) and bool(row) and all(isinstance(each, dict) for each in row) and says(row)
        for row in rows
    ]
    found = list(trajectories_of(batch, "acme/notes", 0, style))
    assert [not isinstance(each, Unreadable) for each in found] == readable
    for each in found:
        assert isinstance(each, Unreadable) or atif.check(atif.encode(each)).valid


# ---- other columns --------------------------------------------------------------------------------------------------


def facts(columns: Mapping[str, Any], /, **options: Any) -> dict[str, Any]:
    return only(read(pa.table({"messages": pa.array([talk("a")], MESSAGES), **columns}), **options)).columns


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"model_name": ["m"], "instance_id": ["t"], "target": [True]}, {"model": "m", "task": "t", "result": "true"}),
        ({"model": ["m"], "model_name": ["n"]}, {"model": "m"}),
        ({"task": pa.nulls(1), "instance_id": ["t"]}, {"task": "t"}),
        ({"resolved": [0], "reward": [0.5]}, {"result": "0", "reward": 0.5}),
        ({"resolved": [False], "result": [None]}, {"result": "false"}),
        ({"agent": [{"name": "a"}], "date": [3]}, {"date": "3"}),
        ({"exit_status": ["ok"], "cost": [1.5], "flag": [True], "n": [3]},
         {"exit_status": "ok", "cost": 1.5, "flag": True, "n": 3}),
        ({"patch": ["long"], "eval_logs": ["long"], "raw": [b"long"], "test": [{"a": 1}], "__index_level_0__": [1]}, {}),
        ({"trajectory_id": ["x"], "id": ["y"]}, {"trajectory_id": "x", "id": "y"}),
        ({"tools": ["[]"], "tool_definitions": [[{"name": "f"}]]}, {"tools": [{"name": "f"}]}),
    ],
)  # fmt: skip
def test_other_columns_are_read_where_they_are_small(columns: dict[str, Any], expected: dict[str, Any]) -> None:
    made = {name: pa.array(value) if isinstance(value, list) else value for name, value in columns.items()}
    assert facts(made) == expected


def test_large_columns_are_read_on_request() -> None:
    columns = {"patch": ["+a"], "test": [{"a": 1, "b": None}], "id": [7]}
    named = {"patch": "patch", "tests": "test", "key": "id"}
    assert facts(columns, columns=named) == {"patch": "+a", "tests": {"a": 1}, "key": "7"}


def test_one_column_may_have_two_names() -> None:
    assert facts({"id": ["x"]}, columns={"key": "id", "task": "id"}) == {"key": "x", "task": "x"}


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        (pa.array(['[{"name": "f"}]']), '[{"name": "f"}]'),
        (pa.array([[{"name": "f", "strict": None}]]), [{"name": "f"}]),
    ],
)
def test_tools_are_as_they_are_where_a_style_reads_them(tools: pa.Array, expected: Any) -> None:
    assert facts({"tools": tools}, style="structured") == {"tools": expected}


# ---- in files -------------------------------------------------------------------------------------------------------

FILES = {
    "harbor": pa.table({"conversations": pa.array([talk("a"), talk("b")], MESSAGES), "task": ["x", "y"]}),
    "openai": pa.table({"messages": pa.array([talk("a"), talk("b")], OPENAI), "instance_id": ["x", "y"]}),
    "sharegpt": pa.table({
        "conversations": pa.array(
            [[{"from": "human", "value": each}, {"from": "gpt", "value": f"{each}!"}] for each in "ab"], SHAREGPT
        ),
        "task": ["x", "y"],
    }),
    "swe-agent": pa.table({
        "trajectory": pa.array(
            [[{"role": "user", "text": each}, {"role": "ai", "text": f"{each}!"}] for each in "ab"], SWEAGENT
        ),
        "instance_id": ["x", "y"],
    }),
    "json": pa.table({"messages": [json.dumps(talk("a")), json.dumps(talk("b"))], "task": ["x", "y"]}),
}


@pytest.mark.parametrize("layout", FILES)
@pytest.mark.parametrize("asked", [False, True])
async def test_a_dataset_of_any_layout_is_read_listed_and_searched(root: Path, layout: str, asked: bool) -> None:
    files = {"a.parquet": parquet(FILES[layout])}
    source = await open_source(root, files, layout=layout if asked else None)
    assert await source.count() == 2
    found = await source.get_trajectories(0, 9)
    assert [[(step.source, step.message) for step in each.steps] for each in found] == [
        [("user", "a"), ("agent", "a!")],
        [("user", "b"), ("agent", "b!")],
    ]
    page = await source.list_summaries(0, 9)
    assert [(each.task, each.steps) for each in page.items] == [("x", 2), ("y", 2)]
    assert await source.find_rows("y", by="task") == (1,)


async def test_one_dataset_may_have_several_layouts(root: Path) -> None:
    source = await open_source(root, {f"{name}.parquet": parquet(table) for name, table in FILES.items()})
    assert len(await source.get_trajectories(0, 99)) == 2 * len(FILES)


async def test_a_text_that_is_no_json_is_no_layout(root: Path) -> None:
    source = await open_source(root, {"a.parquet": parquet(pa.table({"messages": ["words"], "trace": ["more"]}))})
    with pytest.raises(BadParquet, match="Nearest is the layout json: 'messages': it is no JSON"):
        await source.count()


@pytest.mark.parametrize(
    ("keys", "layout"),
    [(("from", "value"), "sharegpt"), (("role", "content"), "openai"), (("role", "text"), "swe-agent")],
)
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
async def test_the_nearest_layout_is_the_one_whose_keys_a_column_has(
    root: Path, keys: tuple[str, str], layout: str, ending: str
) -> None:
    row = {"dialogue": [dict(zip(keys, ("human", "q"), strict=True))], "x": "y"}
    content = json.dumps(row).encode() if ending == "jsonl" else parquet(pa.Table.from_pylist([row]))
    with pytest.raises(
        BadParquet, match=f"Nearest is the layout {layout}: 'dialogue' has {' and '.join(keys)}"
    ) as raised:
        await (await open_source(root, {f"data/train.{ending}": content})).count()
    assert "(document)" not in str(raised.value)


async def test_a_row_of_broken_json_is_named(root: Path) -> None:
    table = pa.table({"messages": [json.dumps(talk("a")), "[{"]})
    source = await open_source(root, {"a.parquet": parquet(table)})
    seen, error = await until(Exception, source.stream_rows())
    assert [each.row for each in seen] == [0]
    assert "Row 1 in a.parquet cannot be read, column messages: it is no JSON" in str(error)


# ---- real rows ------------------------------------------------------------------------------------------------------

real = pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder with real rows")
REAL = {
    "swe-smith-trajectories": "openai",
    "swe-gym-openhands-sampled": "openai",
    "agentinstruct-os": "harbor",
    "agent-data-collection-os": "sharegpt",
}


@real
@pytest.mark.parametrize("style", [*STYLES])
@pytest.mark.parametrize("name", REAL)
def test_every_real_row_converts_and_is_valid(name: str, style: Style) -> None:
    path = Path(DATA or "") / "hub_layouts" / f"{name}.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    tables = [pa.Table.from_pylist(rows)]
    if (stored := path.with_suffix(".parquet")).exists():
        tables.append(pq.read_table(stored))
    for table in tables:
        assert layout_of(table).name == REAL[name]
        for found, row in zip(read(table), rows, strict=True):
            assert isinstance(found, Conversation)
            check_real(found, row.get("messages") or row["conversations"])
        (batch,) = table.combine_chunks().to_batches()
        assert_valid(list(trajectories_of(batch, "acme/notes", 0, style)), [True] * len(rows))


def check_real(found: Conversation, messages: list[dict[str, Any]]) -> None:
    assert len(found.messages) == len(messages)
    for message, written in zip(found.messages, messages, strict=True):
        kept = without_nulls(written)
        role, content = kept.pop("role", None) or kept.pop("from", None), kept.pop("content", kept.pop("value", None))
        assert message == Message(role, content, kept)
