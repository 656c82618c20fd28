"""Files whose indexes, footers and pages lie: refused, or read as they were, and never other rows."""

from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hfsvc.trajectories.files.pages.base import MalformedPages
from hfsvc.trajectories.files.pages.footer import TAIL_BYTES, read_footer
from hfsvc.trajectories.files.pages.page_plan import chunk_ranges
from hfsvc.trajectories.files.pages.paged_rows import plan_rows
from tests.trajectories.files.pages.made_files import reading, rows_by_page, rows_by_pyarrow, table_in, written

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
SCHEMA = pa.schema([("messages", MESSAGES), ("task", pa.string()), ("reward", pa.int64())])
RUNS = [(3, 5), (41, 42)]
REFUSED = (MalformedPages, pa.ArrowException, OSError)


def made(**options: object) -> bytes:
    table = table_in(SCHEMA, 60, Random(7))
    return written(table, write_page_index=True, write_page_checksum=True, max_rows_per_page=7, **options)


def parts_of(content: bytes) -> tuple[int, int]:
    """Where the indexes begin, and where the footer does."""
    footer = read_footer(reading(content), len(content))
    return chunk_ranges(footer, 0, None)[-1][1], footer.stop


def with_bytes(content: bytes, changes: dict[int, int]) -> bytes:
    changed = bytearray(content)
    for at, value in changes.items():
        changed[at] = value
    return bytes(changed)


@settings(max_examples=300, deadline=None)
@given(version=st.sampled_from(["1.0", "2.0"]), data=st.data())
def test_no_damage_to_pages_and_indexes_gives_other_rows(version: str, data: st.DataObject) -> None:
    content = made(data_page_version=version)
    pages_stop, footer_start = parts_of(content)
    begin = data.draw(st.sampled_from([4, pages_stop]))
    places = st.integers(begin, footer_start - 1)
    changed = with_bytes(content, data.draw(st.dictionaries(places, st.integers(0, 255), min_size=1, max_size=3)))
    try:
        found = rows_by_page(changed, 0, None, RUNS)
    except REFUSED:
        return
    assert found.to_pylist() == rows_by_pyarrow(content, 0, None, RUNS).to_pylist()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_footer_is_refused_or_read(data: st.DataObject) -> None:
    content = made()
    places = st.integers(parts_of(content)[1], len(content) - 1)
    changed = with_bytes(content, data.draw(st.dictionaries(places, st.integers(0, 255), min_size=1, max_size=3)))
    # No checksum is over it: what it says may be another thing that can be.
    try:
        rows_by_page(changed, 0, None, RUNS)
    except REFUSED:
        return


@given(length=st.integers(0, 400))
def test_a_file_that_is_cut_is_refused(length: int) -> None:
    with pytest.raises(MalformedPages):
        rows_by_page(made()[:-length][-2000:] if length else b"", 0, None, RUNS)


def test_a_row_that_a_group_does_not_have_is_refused() -> None:
    with pytest.raises(MalformedPages, match="60 rows, and no row 60"):
        rows_by_page(made(), 0, None, [(59, 61)])


def test_a_footer_that_is_longer_than_its_file_is_refused() -> None:
    content = made()
    long = content[:-TAIL_BYTES] + len(content).to_bytes(4, "little") + content[-4:]
    with pytest.raises(MalformedPages, match="does not end"):
        rows_by_page(long, 0, None, RUNS)


def test_a_wrong_checksum_of_a_page_is_refused() -> None:
    content = made(compression="none", use_dictionary=False)
    footer = read_footer(reading(content), len(content))
    pages = plan_rows(footer, footer.group(0), ["reward"], RUNS, reading(content))
    last = pages.ranges[0][1] - 1
    with pytest.raises(OSError, match="CRC"):
        rows_by_page(with_bytes(content, {last: content[last] ^ 1}), 0, ["reward"], RUNS)


def test_only_the_pages_that_hold_a_row_are_read() -> None:
    moved: list[tuple[int, int]] = []
    content = made(compression="none", use_dictionary=False)
    read_ranges = reading(content, moved)
    footer = read_footer(read_ranges, len(content))
    plan = plan_rows(footer, footer.group(0), None, [(20, 21)], read_ranges)
    assert all(len(leaf.pages) == 1 and not leaf.whole for leaf in plan.leaves.values())
    assert plan.bytes < sum(stop - start for start, stop in chunk_ranges(footer, 0, None)) / 4


def test_without_an_index_a_row_costs_its_columns() -> None:
    content = written(table_in(SCHEMA, 60, Random(7)))
    footer = read_footer(reading(content), len(content))
    plan = plan_rows(footer, footer.group(0), ["task"], [(20, 21)], reading(content))
    assert plan.ranges == chunk_ranges(footer, 0, ["task"])
    assert rows_by_page(content, 0, ["task"], RUNS).equals(rows_by_pyarrow(content, 0, ["task"], RUNS))
