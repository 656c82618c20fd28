"""The engine ``ray``: it writes what is written without it. Run where Ray is installed."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hfsvc import atif
from hfsvc.errors import BadRow, InvalidArgument, InvalidExport, MissingExtra
from hfsvc.export import ExportRequest, export_shards
from hfsvc.export.ray_engine import export_with_ray
from hfsvc.models import DownloadedDataset, ReadOptions
from hfsvc.testing import FakeDatasetService
from hfsvc.trajectories.source import FileTrajectorySource

from ..builders import REPO, everything
from ..trajectories.tables import parquet, row, rows, talk

WITH_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not WITH_RAY, reason="Ray is not installed")


@pytest.fixture
async def dataset(tmp_path: Path) -> DownloadedDataset:
    datasets = FakeDatasetService(tmp_path / "root", {REPO: files(rows(20))})
    return await datasets.download(everything())


def files(found: list[dict[str, object]]) -> dict[str, bytes]:
    return {"data/a.parquet": parquet(found[:12], row_group_size=5), "data/b.parquet": parquet(found[12:])}


@pytest.mark.skipif(WITH_RAY, reason="Ray is installed")
async def test_without_ray_the_extra_is_named(dataset: DownloadedDataset, tmp_path: Path) -> None:
    with pytest.raises(MissingExtra) as caught:
        await export_with_ray(dataset, ReadOptions(), ExportRequest(path=tmp_path / "a.jsonl"))
    assert "pip install 'hfsvc[ray]'" in str(caught.value)


async def test_workers_of_another_engine_are_refused(dataset: DownloadedDataset, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="Ray has workers of its own"):
        await export_with_ray(dataset, ReadOptions(), ExportRequest(path=tmp_path / "a.jsonl", workers=2))


# ---- with Ray -------------------------------------------------------------------------------------------------------


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


CHOICES: list[dict[str, Any]] = [
    {"dedupe": "messages"},
    {"dedupe": "task", "prefer": "best"},
    {"sample": 7, "seed": 1},
    {"shuffle": True, "seed": 2},
    {"where": "task_1", "rows": tuple(range(4, 18))},
]


@needs_ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("choice", CHOICES, ids=lambda each: next(iter(each)))
async def test_rows_are_chosen_once_for_all_shards_as_they_are_without_ray(
    tmp_path: Path, choice: dict[str, Any]
) -> None:
    held = [row(number, task=f"task_{number % 8}", conversations=talk(f"ask {number % 5}")) for number in range(20)]
    datasets = FakeDatasetService(tmp_path / "root", {REPO: files(held)})
    found, options = await datasets.download(everything()), ReadOptions(**choice)
    asked: dict[str, Any] = {"start": 1, "stop": 19, "stripe": True, "limit": 4, "one_call_a_step": True}
    source = FileTrajectorySource(REPO, datasets=datasets, options=options)
    plain = await export_shards(source, ExportRequest(path=tmp_path / "plain" / "a.jsonl", **asked), 3)
    done = await export_with_ray(found, options, ExportRequest(path=tmp_path / "ray" / "a.jsonl", **asked), 3)
    assert [each.record for each in done] == [each.record for each in plain]
    assert sum(each.rows for each in done) <= 4
    for one, other in zip(plain, done, strict=True):
        assert one.path
        assert other.path
        assert one.path.name == other.path.name
        assert one.path.read_bytes() == other.path.read_bytes()


@pytest.mark.parametrize("asked", [{"shard": (0, 2)}, {"cursor": "x"}, {"format": "tokens"}])
async def test_what_it_cannot_do_is_refused_before_anything_is_written(
    dataset: DownloadedDataset, tmp_path: Path, asked: dict[str, Any]
) -> None:
    with pytest.raises(InvalidExport, match="from the beginning"):
        await export_with_ray(dataset, ReadOptions(), ExportRequest(path=tmp_path / "out.parquet", **asked))
    assert not (tmp_path / "out.parquet").exists()
