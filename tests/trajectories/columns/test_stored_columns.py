"""Columns of several files as those of one table: what every file has is kept, whatever the types are."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.errors import InvalidArgument
from hfsvc.trajectories.columns.stored_columns import aligned, stored_schema
from hfsvc.trajectories.data_file import DataFile


def file_of(path: str, schema: pa.Schema) -> DataFile:
    return DataFile(path, 0, 1, "content", None, schema, [], ())  # type: ignore[arg-type]


def together(*arrays: pa.Array) -> list[pa.Array]:
    """The same values, in the type that all of these have together."""
    batches = [pa.RecordBatch.from_arrays([each], ["x"]) for each in arrays]
    schema = stored_schema([file_of(f"{index}", each.schema) for index, each in enumerate(batches)], None)
    found = [aligned(each, schema).column("x") for each in batches]
    for each in found:
        each.validate(full=True)
    assert len({each.type for each in found}) == 1
    return found


SHORT = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
LONG = pa.large_list(
    pa.struct([
        ("content", pa.large_string()),
        ("calls", pa.list_(pa.struct([("id", pa.int64()), ("name", pa.string())]))),
        ("role", pa.string()),
        ("nothing", pa.null()),
    ])
)
text = st.none() | st.text(max_size=3)
short = st.fixed_dictionaries({"role": text, "content": text})
call = st.fixed_dictionaries({"id": st.none() | st.integers(0, 9), "name": text})
long = st.fixed_dictionaries({
    "content": text,
    "calls": st.none() | st.lists(st.none() | call, max_size=3),
    "role": text,
    "nothing": st.none(),
})


def rows_of(item: Any) -> Any:
    return st.lists(st.none() | st.lists(st.none() | item, max_size=4), min_size=1, max_size=6)


@given(rows_of(short), rows_of(long), st.integers(0, 3))
def test_structs_in_lists_keep_their_values_and_get_nulls_for_what_they_lack(
    one: list[Any], other: list[Any], skipped: int
) -> None:
    first, second = together(pa.array(one, SHORT).slice(skipped), pa.array(other, LONG).slice(skipped))
    lacking = {"calls": None, "nothing": None}
    assert first.to_pylist() == [
        row if row is None else [each if each is None else each | lacking for each in row] for row in one[skipped:]
    ]
    assert second.to_pylist() == other[skipped:]


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (pa.array([1], pa.int8()), pa.array([1 << 40]), pa.int64()),
        (pa.array([1]), pa.array([0.5]), pa.float64()),
        (pa.array(["a"]), pa.array(["b"], pa.large_string()), pa.large_string()),
        (pa.array([None]), pa.array([["a"]]), pa.list_(pa.string())),
        (pa.array(["a"]).dictionary_encode(), pa.array(["b"]).dictionary_encode(), None),
    ],
)
def test_values_are_kept_in_the_wider_type(one: pa.Array, other: pa.Array, kind: pa.DataType | None) -> None:
    first, second = together(one, other)
    assert (first.to_pylist(), second.to_pylist()) == (one.to_pylist(), other.to_pylist())
    assert kind is None or first.type == kind


def test_two_columns_of_one_name_are_told() -> None:
    twice = pa.schema([("x", pa.string()), ("x", pa.int64())])
    with pytest.raises(InvalidArgument, match=r"columns cannot be x: 0 has 2 columns of this name"):
        stored_schema([file_of("0", twice)], None)


def test_a_text_and_a_list_are_no_one_type() -> None:
    with pytest.raises(InvalidArgument, match="it is string in 0, and list<item: struct<"):
        together(pa.array(["x"]), pa.array([[{"a": 1}]]))
