"""Single rows out of blocks that were written down, and what becomes of those."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hfsvc.models import DownloadedDataset
from hfsvc.testing import FakeDatasetService
from hfsvc.trajectories.files.base import RowGroup
from hfsvc.trajectories.index.row_cache import (
    LARGE_GROUP_BYTES,
    block_rows,
    is_worth_paging,
    is_worth_writing,
    reblocked,
)
from hfsvc.trajectories.index.sidecars import KEPT_OPEN, Sidecars, sidecars_of
from hfsvc.trajectories.source import FileTrajectorySource
from tests.builders import REPO, everything
from tests.trajectories.tables import open_source, parquet, row, rows

A, B = "data/a.parquet", "data/b.parquet"


def stored(root: Path, ending: str = ".rows") -> list[Path]:
    return sorted(path for path in (root / ".hfsvc/rows").rglob("*") if path.name.endswith(ending))


def open_below(root: Path) -> list[str]:
    """The files below a folder that this process has open."""
    targets = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [target for target in targets if target.startswith(str(root))]


async def tasks_at(source: FileTrajectorySource, *numbers: int) -> list[Any]:
    found = [await source.get_trajectory(number) for number in numbers]
    return [each and (each.extra or {})["task"] for each in found]


# ---- what is decided ------------------------------------------------------------------------------------------------


def test_a_block_holds_what_is_quick_to_decode() -> None:
    assert block_rows(RowGroup(0, 1000, 1000 * 25_000)) == 5
    assert block_rows(RowGroup(0, 2, 50_000_000)) == 1
    assert 1 < block_rows(RowGroup(0, 1000, 10)) < 10_000


def test_a_group_is_written_down_at_the_second_row_or_when_it_is_large() -> None:
    small, large = RowGroup(0, 10, 1000), RowGroup(0, 10, LARGE_GROUP_BYTES + 1)
    assert not is_worth_writing(small, 1)
    assert is_worth_writing(small, 2)
    assert is_worth_writing(large, 1)


@pytest.mark.parametrize(
    ("megabytes", "rows_by_page"),
    [(0, 0), (11, 0), (20, 1), (150, 8), (10_000, 16)],
)
def test_what_is_decoded_quickly_is_not_read_by_its_pages(megabytes: int, rows_by_page: int) -> None:
    group = RowGroup(0, 500, megabytes * 1_000_000)
    assert [is_worth_paging(group, asked) for asked in range(20)] == [asked < rows_by_page for asked in range(20)]


@given(lengths=st.lists(st.integers(0, 9), max_size=8), size=st.integers(1, 7))
def test_blocks_hold_the_same_rows_in_equal_parts(lengths: list[int], size: int) -> None:
    total = sum(lengths)
    whole = pa.record_batch({"n": list(range(total))}, schema=pa.schema([("n", pa.int64())]))

    def batches() -> Iterator[tuple[int, pa.RecordBatch]]:
        first = 0
        for length in lengths:
            yield first, whole.slice(first, length)
            first += length

    blocks = list(reblocked(batches(), size))
    assert [value for block in blocks for value in block.column("n").to_pylist()] == list(range(total))
    assert all(block.num_rows == size for block in blocks[:-1])
    assert all(0 < block.num_rows <= size for block in blocks)


# ---- rows by number -------------------------------------------------------------------------------------------------


async def test_rows_are_the_same_before_and_after_they_are_written_down(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(40), row_group_size=17), B: parquet(rows(9, 40))})
    asked = (3, 4, 39, 16, 17, 33, 48, 40, 0, 20, 48)
    expected = [f"task_{number}" for number in asked]
    assert await tasks_at(source, *asked) == expected
    assert stored(root)
    assert await tasks_at(source, *asked) == expected


async def test_the_second_row_of_a_group_writes_that_group_down(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(40), row_group_size=10)})
    await tasks_at(source, 3, 25)
    assert stored(root) == []
    await tasks_at(source, 27)
    (path,) = stored(root)
    assert path.name.endswith(".20.rows")


async def test_a_row_that_was_written_down_is_read_without_its_file(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(40))})
    await tasks_at(source, 3, 25)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pq, "ParquetFile", None)
        assert await tasks_at(source, 31) == ["task_31"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only /proc tells which files are open")
async def test_only_the_files_that_were_read_last_stay_open(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(2 * KEPT_OPEN), row_group_size=1)})
    every = range(2 * KEPT_OPEN)
    await tasks_at(source, *every, *every, *every)
    by_row = sorted(map(str, stored(root)), key=lambda path: int(path.split(".")[-2]))
    assert sorted(open_below(root)) == sorted(by_row[KEPT_OPEN:])


async def test_what_one_reads_is_nobody_elses_meanwhile(root: Path) -> None:
    datasets = FakeDatasetService(root, {REPO: {A: parquet(rows(40))}})
    dataset = await datasets.download(everything())
    await tasks_at(FileTrajectorySource(REPO, datasets=datasets), 1, 2)
    sidecars, (name,) = Sidecars(dataset.repo, sidecars_of(dataset)), [path.name for path in stored(root)]
    with sidecars.open(name) as first:
        pass
    with sidecars.open(name) as again, sidecars.open(name) as other, sidecars.open(name, [0]) as narrow:
        assert again is first
        assert other is not None
        assert other is not first
        assert narrow is not None
        assert len(narrow.schema) == 1 < len(other.schema)


async def test_a_stream_writes_nothing_down(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(40))})
    for _ in range(3):
        assert len([each async for each in source.stream_rows(start=5, stop=30)]) == 25
    assert stored(root) == []


async def test_pages_are_the_same_from_blocks_and_across_groups_and_files(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(40), row_group_size=7), B: parquet(rows(9, 40))})
    for _ in range(3):
        found = await source.get_trajectories(5, 40)
        assert [(each.extra or {})["task"] for each in found] == [f"task_{number}" for number in range(5, 45)]


async def test_another_source_finds_what_was_written_down(root: Path) -> None:
    datasets = FakeDatasetService(root, {REPO: {A: parquet(rows(40))}})
    await datasets.download(everything())
    await tasks_at(FileTrajectorySource(REPO, datasets=datasets), 1, 2)
    (path,) = stored(root)
    written = path.stat().st_mtime_ns
    assert await tasks_at(FileTrajectorySource(REPO, datasets=datasets), 30, 31) == ["task_30", "task_31"]
    assert path.stat().st_mtime_ns == written


async def test_bad_rows_stay_bad(root: Path) -> None:
    made = [row(0), row(1, conversations=None), row(2)]
    source = await open_source(root, {A: parquet(made)}, on_bad_row="skip")
    for _ in range(3):
        assert await tasks_at(source, 0, 1, 2) == ["task_0", None, "task_2"]


# ---- never of other content -----------------------------------------------------------------------------------------


async def test_a_file_of_another_commit_is_never_read_from_old_blocks(root: Path) -> None:
    datasets = FakeDatasetService(root, {REPO: {A: parquet(rows(40))}})
    await datasets.download(everything())
    source = FileTrajectorySource(REPO, datasets=datasets)
    await tasks_at(source, 1, 2)
    await source.list_summaries(0, 5)
    datasets.publish(REPO, A, parquet(rows(40, 100)))
    await datasets.download(everything())
    assert await tasks_at(source, 1, 2, 3) == ["task_101", "task_102", "task_103"]
    assert [each.task for each in (await source.list_summaries(0, 2)).items] == ["task_100", "task_101"]
    assert len(stored(root)) == len(stored(root, ".summaries")) == 1  # Those of the old content are gone.


async def test_a_file_that_somebody_replaced_is_never_read_from_old_blocks(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(40))})
    await tasks_at(source, 1, 2)
    (root / REPO / A).write_bytes(parquet(rows(40, 100)))
    assert await tasks_at(source, 1, 2) == ["task_101", "task_102"]


async def test_blocks_are_not_shared_by_readers_of_other_columns(root: Path) -> None:
    made = [{**row(number), "other": f"other_{number}"} for number in range(20)]
    plain = await open_source(root, {A: parquet(made)})
    renamed = await open_source(root, {A: parquet(made)}, columns={"task": "other"})
    for number in (1, 2, 3):
        assert await tasks_at(plain, number) == [f"task_{number}"]
        assert await tasks_at(renamed, number) == [f"other_{number}"]
    assert (await plain.list_summaries(0, 9, "other_1")).total == 0
    assert (await renamed.list_summaries(0, 20, "other_1")).total == 11


# ---- they may be lost, or not be there ------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [0, 1, 100, -1, -20])
async def test_blocks_that_break_off_are_not_read(root: Path, cut: int) -> None:
    source = await open_source(root, {A: parquet(rows(40))})
    await tasks_at(source, 1, 2)
    await source.list_summaries(0, 5)
    for path in (*stored(root), *stored(root, ".summaries")):
        path.write_bytes(path.read_bytes()[:cut])
    assert await tasks_at(source, 30) == ["task_30"]
    assert (await source.list_summaries(0, 5)).total == 40
    assert await tasks_at(source, 31, 32) == ["task_31", "task_32"]
    assert [path.stat().st_size > 200 for path in stored(root)] == [True]


@pytest.mark.parametrize("seed", range(4))
async def test_blocks_with_a_bit_that_changed_are_not_believed(root: Path, seed: int) -> None:
    chance = Random(seed)
    source = await open_source(root, {A: parquet(rows(400))})
    await tasks_at(source, 1, 2)
    expected = await source.list_summaries(0, 400)
    for _ in range(5):
        await tasks_at(source, 3)
        for path in (*stored(root), *stored(root, ".summaries")):
            written = bytearray(path.read_bytes())
            written[chance.randrange(len(written))] ^= 1 << chance.randrange(8)
            path.write_bytes(written)
        assert await source.list_summaries(0, 400) == expected
        assert await tasks_at(source, *range(0, 400, 7)) == [f"task_{number}" for number in range(0, 400, 7)]


async def test_blocks_that_were_damaged_are_written_anew(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(40))})
    await tasks_at(source, 1, 2)
    (path,) = stored(root)
    written = path.read_bytes()
    path.write_bytes(written[:600] + b"~~~~" + written[604:])
    assert await tasks_at(source, 30, 31) == ["task_30", "task_31"]
    assert path.read_bytes() == written


async def test_where_nothing_can_be_written_rows_are_read_as_they_lie(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(40), row_group_size=7)})
    (root / ".hfsvc").mkdir(exist_ok=True)
    (root / ".hfsvc/rows").write_text("in the way")
    assert await tasks_at(source, 1, 2, 3, 39) == ["task_1", "task_2", "task_3", "task_39"]
    page = await source.list_summaries(8, 4, "task")
    assert (page.total, [each.row for each in page.items]) == (40, [8, 9, 10, 11])
    assert await source.find_rows("task_9") == (9,)


@pytest.mark.skipif(not getattr(os, "geteuid", int)(), reason="nothing is hidden from root")
async def test_where_nothing_may_be_looked_for_rows_are_read_as_they_lie(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(40), row_group_size=7)})
    (root / ".hfsvc").mkdir(mode=0)
    try:
        assert await tasks_at(source, 1, 2) == ["task_1", "task_2"]
        assert (await source.list_summaries(8, 4, "task")).total == 40
        assert await source.find_rows("task_9") == (9,)
    finally:
        (root / ".hfsvc").chmod(0o700)


async def test_beside_a_dataset_outside_of_a_store_nothing_is_written(root: Path, tmp_path: Path) -> None:
    datasets = FakeDatasetService(root, {REPO: {A: parquet(rows(9))}})
    elsewhere = tmp_path / "elsewhere"
    dataset = replace(await datasets.download(everything()), folder=str(elsewhere))
    (root / REPO).rename(elsewhere)

    class Elsewhere(FakeDatasetService):
        async def get_download_info(self, repo: str) -> DownloadedDataset:
            return dataset

    source = FileTrajectorySource(REPO, datasets=Elsewhere(root))
    assert await tasks_at(source, 1, 2, 3) == ["task_1", "task_2", "task_3"]
    assert (await source.list_summaries(0, 9, "task_1")).total == 1
    assert not [*tmp_path.rglob("*.rows"), *tmp_path.rglob("*.summaries")]
