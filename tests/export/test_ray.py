"""The engine ``ray``: what it cuts is tested everywhere, what it runs where Ray is installed."""

import importlib.util
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc import atif
from hfsvc.errors import BadRow, InvalidArgument, MissingExtra
from hfsvc.export import ExportRequest
from hfsvc.export.ray_engine import WorkItem, clip, export_with_ray, split, work_items
from hfsvc.models import DownloadedDataset, ReadOptions
from hfsvc.testing import FakeDatasetService

from ..builders import REPO, everything
from ..trajectories.tables import numbers, open_source, parquet, row, rows

WITH_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not WITH_RAY, reason="Ray is not installed")


def items_of(sizes: list[int]) -> list[WorkItem]:
    items: list[WorkItem] = []
    for number, size in enumerate(sizes):
        first = items[-1].stop if items else 0
        items.append(WorkItem("a.parquet", number, first, first + size))
    return items


SIZES = st.lists(st.integers(1, 50), min_size=1, max_size=12)


@given(SIZES, st.integers(1, 20))
def test_shards_are_whole_items_in_order_and_no_more_than_asked_for(sizes: list[int], shards: int) -> None:
    items = items_of(sizes)
    parts = split(items, shards)
    assert 1 <= len(parts) <= min(shards, len(items))
    assert parts[0][0] == 0
    assert parts[-1][1] == sum(sizes)
    assert all(before[1] == after[0] for before, after in pairwise(parts))
    assert {start for start, _ in parts} <= {item.first for item in items}


def test_shards_are_about_even() -> None:
    assert split(items_of([10] * 8), 4) == [(0, 20), (20, 40), (40, 60), (60, 80)]
    assert split(items_of([10] * 3), 8) == [(0, 10), (10, 20), (20, 30)]
    assert split([], 3) == []


@given(SIZES, st.integers(0, 100), st.integers(0, 100))
def test_items_are_cut_to_the_rows_that_are_wanted(sizes: list[int], first: int, last: int) -> None:
    cut = clip(items_of(sizes), first, last)
    assert [n for item in cut for n in range(item.first, item.stop)] == list(range(first, min(last, sum(sizes))))


@pytest.fixture
async def dataset(tmp_path: Path) -> DownloadedDataset:
    datasets = FakeDatasetService(tmp_path / "root", {REPO: files(rows(20))})
    return await datasets.download(everything())


def files(found: list[dict[str, object]]) -> dict[str, bytes]:
    return {"data/a.parquet": parquet(found[:12], row_group_size=5), "data/b.parquet": parquet(found[12:])}


async def test_work_items_are_row_groups_with_the_numbers_that_the_source_gives(
    dataset: DownloadedDataset, tmp_path: Path
) -> None:
    items = work_items(dataset, ReadOptions())
    assert [(item.file, item.group, item.stop - item.first) for item in items] == [
        ("data/a.parquet", 0, 5),
        ("data/a.parquet", 1, 5),
        ("data/a.parquet", 2, 2),
        ("data/b.parquet", 0, 8),
    ]
    source = await open_source(tmp_path / "other", files(rows(20)))
    assert [n for item in items for n in range(item.first, item.stop)] == await numbers(source)


@pytest.mark.skipif(WITH_RAY, reason="Ray is installed")
async def test_without_ray_the_extra_is_named(dataset: DownloadedDataset, tmp_path: Path) -> None:
    with pytest.raises(MissingExtra) as caught:
        await export_with_ray(dataset, ReadOptions(), ExportRequest(path=tmp_path / "a.jsonl"))
    assert "pip install 'hfsvc[ray]'" in str(caught.value)


# ---- with Ray -------------------------------------------------------------------------------------------------------


async def test_workers_of_another_engine_are_refused(dataset: DownloadedDataset, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="Ray has workers of its own"):
        await export_with_ray(dataset, ReadOptions(), ExportRequest(path=tmp_path / "a.jsonl", workers=2))


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    ray.shutdown()


@needs_ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
async def test_shards_are_written_side_by_side(dataset: DownloadedDataset, tmp_path: Path) -> None:
    request = ExportRequest(path=tmp_path / "out" / "a.jsonl", start=1, stop=19)
    done = await export_with_ray(dataset, ReadOptions(), request, shards=3)
    names = [f"a-{index:05d}-of-00003.jsonl" for index in range(3)]
    assert [each.path for each in done] == [tmp_path / "out" / name for name in names]
    lines = [line for each in done if each.path for line in each.path.read_bytes().splitlines()]
    assert [(atif.decode(line).extra or {})["task"] for line in lines] == [f"task_{n}" for n in range(1, 19)]
    again = await export_with_ray(dataset, ReadOptions(), msgspec.structs.replace(request, resume=True), shards=3)
    assert [each.kept for each in again] == [True] * 3


@needs_ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
async def test_a_bad_row_is_named_as_it_is_without_ray(tmp_path: Path) -> None:
    bad = [row(number, **({"conversations": None} if number == 13 else {})) for number in range(20)]
    dataset = await FakeDatasetService(tmp_path / "root", {REPO: files(bad)}).download(everything())
    with pytest.raises(BadRow) as caught:
        await export_with_ray(dataset, ReadOptions(), ExportRequest(path=tmp_path / "a.jsonl"))
    assert (caught.value.row, caught.value.file) == (13, "data/b.parquet")
    assert (tmp_path / "a-00000-of-00002.jsonl").exists()
    assert not (tmp_path / "a-00001-of-00002.jsonl").exists()
    done = await export_with_ray(dataset, ReadOptions(on_bad_row="skip"), ExportRequest(path=tmp_path / "a.jsonl"))
    assert [each.skipped_rows for each in done] == [0, 1]
