"""Rows by their pages, equal to what pyarrow reads of the whole row group."""

from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.trajectories.files.pages.made_files import (
    OPTIONS,
    rows_by_page,
    rows_by_pyarrow,
    runs_in,
    schemas,
    table_in,
    written,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    schema=schemas(), rows=st.integers(1, 400), options=OPTIONS, rng=st.randoms(use_true_random=True), data=st.data()
)
def test_rows_by_page_are_what_pyarrow_reads(
    schema: pa.Schema, rows: int, options: dict[str, Any], rng: Random, data: st.DataObject
) -> None:
    table = table_in(schema, rows, rng)
    try:
        content = written(table, **options)
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            groups = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
            leaves = [file.schema.column(index).path for index in range(len(file.schema))]
        names = [*schema.names, *leaves]
        columns = data.draw(st.none() | st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True))
        group = data.draw(st.integers(0, len(groups) - 1))
        runs = runs_in(groups[group], rng)
        expected = rows_by_pyarrow(content, group, columns, runs)
        expected.validate(full=True)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, OSError):
        # pyarrow writes no such file, or does not read what it has written.
        assume(False)
    # Of a group of one row of lists, pyarrow reads none at times.
    assume(len(expected) == sum(last - first for first, last in runs))
    found = rows_by_page(content, group, columns, runs)
    assert found.schema.equals(expected.schema, check_metadata=True)
    # Not the tables: the same values may lie in two dictionaries in another order.
    assert found.to_pylist() == expected.to_pylist()
