"""ATIF in nested columns reads back to equal structs."""

import io
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hfsvc import atif
from hfsvc.atif import Trajectory
from hfsvc.trajectories.columns.atif_columns import SCHEMA, atif_batch, trajectories_of

from ...export.documents import BARE, EVERYTHING, as_rows, trajectories


def through_parquet(batch: pa.RecordBatch) -> pa.RecordBatch:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_batches([batch]), file)
    (read,) = pq.read_table(file).combine_chunks().to_batches() or [batch]
    return read


def round_trip(*found: Trajectory) -> list[Trajectory]:
    return trajectories_of(through_parquet(atif_batch(as_rows(found))))


@settings(max_examples=60)
@given(st.lists(trajectories, min_size=1, max_size=3))
def test_any_trajectories_come_back_equal(found: list[Trajectory]) -> None:
    assert round_trip(*found) == found


def test_ordinary_trajectories_lie_in_columns() -> None:
    batch = atif_batch(as_rows([EVERYTHING, BARE]))
    assert batch.column("document").null_count == 2
    assert batch.column("row").to_pylist() == [0, 1]
    assert round_trip(EVERYTHING, BARE) == [EVERYTHING, BARE]


def with_step(**fields: Any) -> Trajectory:
    return msgspec.structs.replace(BARE, steps=[msgspec.structs.replace(BARE.steps[0], **fields)])


@pytest.mark.parametrize(
    "odd",
    [
        with_step(message="half \ud800"),
        with_step(metrics=atif.Metrics(prompt_tokens=1 << 64)),
    ],
    ids=["half a character", "a huge integer"],
)
def test_what_columns_cannot_hold_is_kept_as_a_document_and_others_stay_in_columns(odd: Trajectory) -> None:
    batch = atif_batch(as_rows([BARE, odd, EVERYTHING]))
    assert [text is None for text in batch.column("document").to_pylist()] == [True, False, True]
    assert round_trip(BARE, odd, EVERYTHING) == [BARE, odd, EVERYTHING]


@pytest.mark.parametrize(
    "fields",
    [
        {"extra": None},
        {"extra": {}},
        {"tool_calls": []},
        {"observation": atif.Observation(results=[])},
        {"observation": atif.Observation(results=[atif.ObservationResult()])},
        {"message": ""},
        {"message": []},
        {"reasoning_effort": ""},
        {"reasoning_effort": 0.0},
        {"is_copied_context": False},
        {"llm_call_count": 0},
        {"extra": {"number": 1, "same": 1.0, "null": None, "odd": float("inf")}},
    ],
    ids=str,
)
def test_nothing_and_empty_stay_apart(fields: dict[str, Any]) -> None:
    (found,) = round_trip(with_step(**fields))
    assert found == with_step(**fields)
    assert str(found) == str(with_step(**fields))


def test_a_part_of_a_batch_reads_back() -> None:
    batch = through_parquet(atif_batch(as_rows([BARE, EVERYTHING, BARE])))
    assert trajectories_of(batch.slice(1, 2)) == [EVERYTHING, BARE]
    assert trajectories_of(batch.slice(1, 0)) == []


def arrow_names(kind: pa.DataType) -> set[str]:
    return {kind.field(index).name for index in range(kind.num_fields)}


def test_every_field_of_the_format_has_a_column() -> None:
    step = SCHEMA.field("steps").type.value_type
    assert arrow_names(step) >= set(atif.Step.__struct_fields__)
    assert set(SCHEMA.names) >= set(Trajectory.__struct_fields__)
    assert arrow_names(SCHEMA.field("agent").type) == set(atif.Agent.__struct_fields__)
