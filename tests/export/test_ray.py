"""The engine ``ray``: it writes what is written without it. Run where Ray is installed."""

import io
import os
import pickle
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pyarrow.parquet as pq
import pytest

from hfsvc import atif, ray_cluster
from hfsvc.aio.cancellation import only_error
from hfsvc.errors import BadRow, EngineUnusable, InvalidArgument, InvalidExport, MissingExtra, WorkerLost
from hfsvc.export import ExportRequest, RowsExported, export_shards, ray_engine
from hfsvc.export.ray_engine import export_with_ray
from hfsvc.export.ray_worker import SharedDataset, write_shard
from hfsvc.models import DownloadedDataset, ReadOptions
from hfsvc.testing import FakeDatasetService
from hfsvc.testing.samples import rows_table
from hfsvc.trajectories.source import FileTrajectorySource

from ..builders import REPO, everything
from ..ray_nodes import WITH_RAY, Nodes, has_open, kill, needs_ray, open_pipe, two_nodes, workers_of
from ..trajectories.tables import parquet, row, rows, talk


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
def cluster() -> Iterator[Nodes]:
    with two_nodes() as nodes:
        yield nodes


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


# Row groups of any size, some across the borders of shards, one of a single row.
GROUPS = [1, 7, 30, 4, 18]


@needs_ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a.jsonl.zst", "a.parquet", "a.steps"])
async def test_shards_are_of_the_same_bytes_whatever_the_row_groups(tmp_path: Path, name: str) -> None:
    held = {"a.parquet": grouped(GROUPS), "b.parquet": grouped([9])}
    datasets = FakeDatasetService(tmp_path / "root", {REPO: held})
    dataset = await datasets.download(everything())
    source = FileTrajectorySource(REPO, datasets=datasets, options=ReadOptions(style="structured"))
    format: Any = "steps" if name.endswith(".steps") else None
    plain = await export_shards(source, ExportRequest(path=tmp_path / "plain" / name, format=format), 4)
    request = ExportRequest(path=tmp_path / "ray" / name, format=format)
    done = await export_with_ray(dataset, ReadOptions(style="structured"), request, 4)
    assert [each.path.read_bytes() for each in plain if each.path] == [
        each.path.read_bytes() for each in done if each.path
    ]
    assert [each.record for each in plain] == [each.record for each in done]
    assert [each.rows for each in done] == [17, 17, 17, 18]


def grouped(groups: list[int]) -> bytes:
    """A file with row groups of so many rows."""
    made = io.BytesIO()
    table = rows_table(rows(sum(groups)))
    with pq.ParquetWriter(made, table.schema) as writer:
        for start, stop in pairwise(accumulate(groups, initial=0)):
            writer.write_table(table.slice(start, stop - start), row_group_size=stop - start)
    return made.getvalue()


@needs_ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
async def test_a_relative_output_lies_in_the_folder_of_the_caller(
    dataset: DownloadedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = await export_with_ray(dataset, ReadOptions(), ExportRequest(path=Path("out/a.jsonl")), 2)
    assert [each.target for each in done] == [f"out/a-0000{index}-of-00002.jsonl" for index in range(2)]
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [Path(str(each.target)).name for each in done]


@needs_ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
async def test_progress_is_that_of_all_shards_together(dataset: DownloadedDataset, tmp_path: Path) -> None:
    told: list[RowsExported] = []
    done = await export_with_ray(
        dataset, ReadOptions(), ExportRequest(path=tmp_path / "a.jsonl", limit=18), 3, on_event=told.append
    )
    assert (told[-1].done, told[-1].total) == (18, 18)
    assert told[-1].written == sum(each.written for each in done)


@needs_ray
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("lost", ["the worker", "the machine"])
async def test_a_worker_or_a_machine_that_is_killed_costs_a_second_try(
    cluster: Nodes, tmp_path: Path, lost: str
) -> None:
    held = [row(number, conversations=talk("say " * 500)) for number in range(80)]
    datasets = FakeDatasetService(tmp_path / "root", {REPO: files(held)})
    dataset = await datasets.download(everything())
    source = FileTrajectorySource(REPO, datasets=datasets)
    plain = await export_shards(source, ExportRequest(path=tmp_path / "plain" / "a.jsonl"), 2)
    (tmp_path / "ray").mkdir()
    pipe = tmp_path / "ray" / "a-00001-of-00002.jsonl"
    os.mkfifo(pipe)
    request = ExportRequest(path=tmp_path / "ray" / "a.jsonl")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(export_with_ray, dataset, ReadOptions(), request, 2)
        with open_pipe(pipe) as end:
            # A pipe takes less than a shard: whoever has filled it is in the middle of its work.
            await anyio.wait_readable(end)
            (worker,) = (each for each in workers_of("write_shard") if has_open(each, pipe))
            pipe.unlink()
            kill(worker) if lost == "the worker" else cluster.kill_node_of(worker)
    for each in plain:
        assert each.path
        assert (tmp_path / "ray" / each.path.name).read_bytes() == each.path.read_bytes()


@needs_ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
async def test_workers_that_die_over_a_shard_again_and_again_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine, "RETRIES", 0)
    monkeypatch.setattr(ray_cluster, "RETRIES", 0)
    held = [row(number, conversations=talk("say " * 500)) for number in range(80)]
    dataset = await FakeDatasetService(tmp_path / "root", {REPO: files(held)}).download(everything())
    pipe = tmp_path / "a-00001-of-00002.jsonl"
    os.mkfifo(pipe)

    async def kill_who_writes() -> None:
        with open_pipe(pipe) as end:
            await anyio.wait_readable(end)
            kill(next(each for each in workers_of("write_shard") if has_open(each, pipe)))

    with pytest.raises(WorkerLost, match="1 worker process died over shard 1 of 2: the system may be out of memory"):
        async with in_one_group(kill_who_writes):
            await export_with_ray(dataset, ReadOptions(), ExportRequest(path=tmp_path / "a.jsonl"), 2)
    assert (tmp_path / "a-00000-of-00002.jsonl").is_file()


@asynccontextmanager
async def in_one_group(beside: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(beside)
            yield
    except BaseExceptionGroup as errors:
        raise only_error(errors) from None


@needs_ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
async def test_a_folder_takes_the_place_of_none(dataset: DownloadedDataset, tmp_path: Path) -> None:
    request = ExportRequest(path=tmp_path / "out", format="sts")
    done = await export_with_ray(dataset, ReadOptions(), request, 2)
    assert sum(each.rows for each in done) == 20
    with pytest.raises(InvalidExport, match="it is there already"):
        await export_with_ray(dataset, ReadOptions(), request, 2)
    again = await export_with_ray(dataset, ReadOptions(), msgspec.structs.replace(request, resume=True), 2)
    assert [each.kept for each in again] == [True, True]


@needs_ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
async def test_an_output_that_only_others_see_is_told(dataset: DownloadedDataset, tmp_path: Path) -> None:
    gone = msgspec.structs.replace(dataset, folder=str(tmp_path / "elsewhere"))
    shared = SharedDataset(gone, ReadOptions(), None)
    outcome = pickle.loads(write_shard(pickle.dumps(shared), ExportRequest(path=tmp_path / "a.jsonl"), None))
    with pytest.raises(EngineUnusable, match="all machines have to see the dataset"):
        raise outcome.result


@pytest.mark.parametrize("asked", [{"shard": (0, 2)}, {"cursor": "x"}, {"format": "tokens"}])
async def test_what_it_cannot_do_is_refused_before_anything_is_written(
    dataset: DownloadedDataset, tmp_path: Path, asked: dict[str, Any]
) -> None:
    with pytest.raises(InvalidExport, match="from the beginning"):
        await export_with_ray(dataset, ReadOptions(), ExportRequest(path=tmp_path / "out.parquet", **asked))
    assert not (tmp_path / "out.parquet").exists()
