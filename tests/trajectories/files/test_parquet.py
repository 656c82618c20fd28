from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hfsvc.errors import BadParquet, NotDownloaded
from hfsvc.trajectories.files.base import BATCH_BYTES
from hfsvc.trajectories.files.dataset_files import LocalFile
from hfsvc.trajectories.files.parquet import groups_from, iter_batches, open_parquet
from tests.builders import MiB
from tests.trajectories.tables import MESSAGES, parquet, table_of

COLUMN = ["n"]


def numbered(count: int, **options: Any) -> bytes:
    return parquet(pa.table({"n": range(count)}), **options)


def put(folder: Path, content: bytes) -> Path:
    (folder / "a.parquet").write_bytes(content)
    return folder


def read(folder: Path, columns: list[str], start: int = 0) -> Iterator[tuple[int, pa.RecordBatch]]:
    with open_parquet(LocalFile(folder / "a.parquet"), "a.parquet", "acme/notes") as opened:
        yield from iter_batches(opened, columns, start)


def conversations(sizes: list[int], **options: Any) -> bytes:
    """Rows of one message each, of `sizes` bytes, no two messages alike."""
    texts = [(f"{number} " + "x" * size)[:size] for number, size in enumerate(sizes)]
    made = pa.array([[{"role": "user", "content": text}] for text in texts], MESSAGES)
    return parquet(table_of(made), **options)


# ---- which rows -----------------------------------------------------------------------------------------------------


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 300), group=st.integers(1, 120), start=st.integers(0, 320))
def test_every_row_from_the_start_on_comes_once_with_its_number(
    tmp_path: Path, count: int, group: int, start: int
) -> None:
    found = read(put(tmp_path, numbered(count, row_group_size=group)), COLUMN, start)
    pairs = [(first + index, value) for first, batch in found for index, value in enumerate(batch["n"].to_pylist())]
    assert pairs == [(number, number) for number in range(start, count)]


def test_row_groups_before_the_start_are_not_read(tmp_path: Path) -> None:
    content = conversations([1000] * 20, row_group_size=10, compression="none", use_dictionary=False)
    folder = put(tmp_path, content)
    first = pq.ParquetFile(folder / "a.parquet").metadata.row_group(0)
    begin = first.column(0).data_page_offset
    damaged = content[:begin] + bytes(first.total_byte_size - begin) + content[first.total_byte_size :]
    put(tmp_path, damaged)
    assert [number for number, _ in read(folder, ["conversations"], start=10)] == [10]
    with pytest.raises(BadParquet):
        list(read(folder, ["conversations"], start=9))


def test_dictionaries_inside_of_lists_are_read_across_row_groups(tmp_path: Path) -> None:
    """Each row group has its own, and Arrow cannot join those."""
    message = pa.struct([("role", pa.string()), ("content", pa.dictionary(pa.int32(), pa.string()))])
    made = [[{"role": "user", "content": f"text {number}"}] for number in range(9)]
    folder = put(tmp_path, parquet(table_of(pa.array(made, pa.list_(message))), row_group_size=2))
    found = list(read(folder, ["conversations"], start=3))
    assert found[0][0] == 3
    assert [value for _, batch in found for value in batch["conversations"].to_pylist()] == made[3:]


def test_row_groups_without_rows_are_passed_over(tmp_path: Path) -> None:
    schema = pa.schema([("n", pa.int64())])
    with pq.ParquetWriter(tmp_path / "a.parquet", schema) as writer:
        for values in ([], [0], [], [], [1, 2], []):
            writer.write_table(pa.table({"n": pa.array(values, pa.int64())}))
    groups = pq.ParquetFile(tmp_path / "a.parquet")
    assert groups.num_row_groups == 6
    assert [groups_from(groups, row) for row in (0, 1, 3)] == [([1, 2, 3, 4, 5], 0), ([4, 5], 1), ([], 3)]
    assert [value for _, batch in read(tmp_path, COLUMN, 1) for value in batch["n"].to_pylist()] == [1, 2]


def test_no_column_at_all_still_counts_rows(tmp_path: Path) -> None:
    found = list(read(put(tmp_path, numbered(100)), [], 10))
    assert sum(batch.num_rows for _, batch in found) == 90


# ---- how much at a time ---------------------------------------------------------------------------------------------

WIDE: dict[str, Callable[[], bytes]] = {
    "even rows": lambda: conversations([60_000] * 400, use_dictionary=False),
    "one row among many": lambda: conversations([100] * 900 + [4 * MiB] + [100] * 900),
    "wide rows in a row": lambda: conversations([10] * 2000 + [MiB] * 20 + [10] * 2000),
    "wide rows at the end": lambda: conversations([10] * 3000 + [300_000] * 60, use_dictionary=False),
    "many row groups": lambda: conversations([50_000] * 300, row_group_size=7),
    "repeated text": lambda: parquet(
        table_of(pa.array([[{"role": "user", "content": "x" * 200_000}] * 4] * 150, MESSAGES))
    ),
    "long talks": lambda: parquet(table_of(pa.array([[{"role": "user", "content": "x" * 9}] * 2000] * 500, MESSAGES))),
}


@pytest.mark.parametrize("kind", WIDE)
def test_a_batch_holds_at_most_eight_megabytes(tmp_path: Path, kind: str) -> None:
    sizes = [batch.nbytes for _, batch in read(put(tmp_path, WIDE[kind]()), ["conversations"])]
    assert max(sizes) <= BATCH_BYTES == 8 * MiB


@pytest.mark.parametrize("kind", WIDE)
def test_batches_of_wide_rows_are_numbered_without_gaps(tmp_path: Path, kind: str) -> None:
    expected = 0
    for first, batch in read(put(tmp_path, WIDE[kind]()), ["conversations"]):
        assert first == expected
        assert batch.num_rows > 0
        expected += batch.num_rows
    assert expected == pq.ParquetFile(tmp_path / "a.parquet").metadata.num_rows


def test_what_is_read_at_once_stays_small_where_the_footer_hides_the_size(tmp_path: Path) -> None:
    """Text in a dictionary counts once in the footer, and as often as it occurs in memory."""
    repeated = [[{"role": "user", "content": "x" * 50_000}] * 4] * 1500
    folder = put(tmp_path, parquet(table_of(pa.array(repeated, MESSAGES))))
    before = pa.total_allocated_bytes()
    most = 0
    for _, batch in read(folder, ["conversations"]):
        assert batch.nbytes <= BATCH_BYTES
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 48 * MiB


def test_a_row_larger_than_a_batch_comes_alone(tmp_path: Path) -> None:
    found = list(read(put(tmp_path, conversations([10, 10, 9 * MiB, 10])), ["conversations"]))
    assert [(first, batch.num_rows) for first, batch in found if batch.nbytes > BATCH_BYTES] == [(2, 1)]
    assert sum(batch.num_rows for _, batch in found) == 4


def test_narrow_rows_come_many_at_a_time(tmp_path: Path) -> None:
    assert len(list(read(put(tmp_path, numbered(6400)), COLUMN))) <= 100


# ---- what is no parquet ---------------------------------------------------------------------------------------------


def test_a_missing_file_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(NotDownloaded) as raised:
        list(read(tmp_path, COLUMN))
    assert (raised.value.repo, raised.value.missing) == ("acme/notes", ("a.parquet",))


@pytest.mark.parametrize(
    "content",
    [b"", b"PAR1", b"not parquet", b"PAR1" + bytes(100) + b"PAR1", numbered(100)[:-1], numbered(100)[:200]],
    ids=["empty", "magic", "text", "no footer", "last byte gone", "cut"],
)
def test_what_is_no_parquet_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadParquet, match=r"a\.parquet"):
        list(read(put(tmp_path, content), COLUMN))


def test_a_folder_is_no_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").mkdir()
    with pytest.raises(BadParquet):
        list(read(tmp_path, COLUMN))
