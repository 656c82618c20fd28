"""Tasks of a dataset that lies on a Hub: read in another process, they give the batches that those of files on a disk give."""

import gc
import io
import json
import pickle
import signal
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from anyio import to_thread

from hfsvc.errors import DatasetChanged, DatasetNotFound, FileNotFound, GatedDataset, InvalidSettings, Offline
from hfsvc.models import DatasetRequest
from hfsvc.protocols import ReadTask
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub.faults import Missing, Stall, Status
from hfsvc.trajectories import divided_reading

from ...builders import REPO, open_container_for, run_python
from ...remote.worlds import long_rows, publish
from ..tables import parquet, row, rows

TABLES = {
    "data/a.parquet": parquet(rows(60), row_group_size=25),
    "data/b.parquet": parquet([row(n) for n in range(60, 90)], row_group_size=10, write_page_index=True),
}
LINES = {"a.jsonl": "\n".join(json.dumps(each) for each in rows(40)).encode()}
TOKEN = "hf_" + "secretsecret"
READ = """
import pickle, signal, sys
# Whoever runs the tests in the background ignores it, and so would this.
signal.signal(signal.SIGINT, signal.default_int_handler)
from hfsvc.errors import HfsvcError
import pyarrow as pa
with open(sys.argv[1], "rb") as source, open(sys.argv[2], "wb") as target:
    for task in pickle.load(source):
        try:
            found = [*task.batches()]
        except HfsvcError as error:
            found = error
        pickle.dump(found, target)
"""
BEGIN = """
import pickle, sys
with open(sys.argv[1], "rb") as source:
    batches = pickle.load(source)[0].batches()
print(next(batches).num_rows > 0)
"""


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divided_reading, "MOST_ROWS", 8)


async def read_elsewhere(tasks: Sequence[ReadTask], folder: Path, **env: str) -> list[Any]:
    """What another process makes of each of some tasks: its batches, or an error."""
    packed, found = folder / "tasks", folder / "found"
    packed.write_bytes(pickle.dumps([*tasks]))
    process = run_python(READ, str(packed), str(found), env=env)
    _, told = await to_thread.run_sync(process.communicate)
    assert process.returncode == 0, told
    with found.open("rb") as results:
        return [pickle.load(results) for _ in tasks]


def bytes_of(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> bytes:
    written = io.BytesIO()
    with pa.ipc.new_stream(written, schema) as stream:
        for batch in batches:
            stream.write_batch(batch)
    return written.getvalue()


@pytest.mark.parametrize("files", [TABLES, LINES])
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"form": "stored", "cursor_column": "cursor", "start": 7, "stop": 33},
        {"columns": ["row", "session_id"], "shard": (1, 2), "stripe": True, "where": "task"},
    ],
)
async def test_they_give_the_batches_of_those_on_disk_in_another_process(
    local_hub: LocalHub, root: Path, tmp_path: Path, files: Mapping[str, bytes], asked: dict[str, Any]
) -> None:
    publish(local_hub, files)
    async with open_container_for(local_hub, root) as container:
        await container.datasets().download(DatasetRequest(repo=REPO))
        there = await container.source(REPO, remote=True, style="structured").read_tasks(**asked)
        here = await container.source(REPO, style="structured").read_tasks(**asked)
    assert len(there) == len(here) > 2
    for task, found, local in zip(there, await read_elsewhere(there, tmp_path), here, strict=True):
        assert (task.rows, task.row_groups) == (local.rows, local.row_groups)
        assert bytes_of(found, task.schema) == bytes_of(local.batches(), local.schema)


async def test_a_mixed_order_and_a_seed_hold_elsewhere(local_hub: LocalHub, root: Path, tmp_path: Path) -> None:
    publish(local_hub, TABLES)
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True, shuffle=True, seed=3)
        tasks = await source.read_tasks(columns="row")
        streamed = [each.row async for each in source.stream_rows()]
    found = await read_elsewhere(tasks, tmp_path)
    assert [n for each in found for batch in each for n in batch["row"].to_pylist()] == streamed


async def test_what_stands_beside_a_run_goes_along(local_hub: LocalHub, root: Path, tmp_path: Path) -> None:
    document = {
        "schema_version": "ATIF-v1.4",
        "session_id": "a",
        "agent": {"name": "a", "version": "1"},
        "steps": [{"step_id": 1, "source": "user", "message": "go"}],
    }
    for n in range(2):
        publish(local_hub, {f"job/t{n}/agent/trajectory.json": json.dumps(document).encode()})
        told = {"task_name": f"n{n}", "verifier_result": {"rewards": {"reward": n}}}
        publish(local_hub, {f"job/t{n}/result.json": json.dumps(told).encode()})
    async with open_container_for(local_hub, root) as container:
        tasks = await container.source(REPO, remote=True, keep=["task", "result"]).read_tasks(columns="kept")
    found = await read_elsewhere(tasks, tmp_path)
    kept = [json.loads(each) for batches in found for batch in batches for each in batch["kept"].to_pylist()]
    assert kept == [{"task": "n0", "result": "0"}, {"task": "n1", "result": "1"}]


async def test_the_copy_of_a_dataset_is_read_where_its_source_reads_that(
    local_hub: LocalHub, root: Path, tmp_path: Path
) -> None:
    publish(local_hub, LINES)
    path = tmp_path / "copy/default/train/0000.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(parquet(rows(40), row_group_size=10))
    local_hub.convert(REPO, tmp_path / "copy")
    async with open_container_for(local_hub, root) as container:
        tasks = await container.source(REPO, remote=True).read_tasks(columns="row")
    found = await read_elsewhere(tasks, tmp_path)
    assert [n for batches in found for batch in batches for n in batch["row"].to_pylist()] == [*range(40)]
    assert tasks[0].row_groups[0][0] == "default/train/0000.parquet"


@pytest.mark.parametrize("kept_from", [{"gated": "manual"}, {"private": True}])
async def test_no_token_travels_and_the_readers_own_is_taken(
    local_hub_factory: Callable[..., LocalHub], root: Path, tmp_path: Path, kept_from: dict[str, Any]
) -> None:
    hub = local_hub_factory(tokens={TOKEN: [REPO]})
    publish(hub, TABLES)
    hub.configure(REPO, **kept_from)
    async with open_container_for(hub, root, token=TOKEN) as container:
        tasks = await container.source(REPO, remote=True).read_tasks()
    first, count = tasks[:1], tasks[0].rows
    assert sum(batch.num_rows for batch in await to_thread.run_sync(list, tasks[0].batches())) == count
    assert TOKEN.encode() not in pickle.dumps(tasks)
    (refused,) = await read_elsewhere(first, tmp_path)
    assert isinstance(refused, GatedDataset if "gated" in kept_from else DatasetNotFound)
    assert "HF_TOKEN, or a login, has to be where it is read" in str(refused)
    (found,) = await read_elsewhere(first, tmp_path, HF_TOKEN=TOKEN)
    assert sum(batch.num_rows for batch in found) == count


async def test_the_readers_environment_says_where_the_hub_is(local_hub: LocalHub, root: Path, tmp_path: Path) -> None:
    publish(local_hub, TABLES)
    async with open_container_for(local_hub, root) as container:
        tasks = (await container.source(REPO, remote=True).read_tasks())[:1]
    local_hub.reset()
    (offline,) = await read_elsewhere(tasks, tmp_path, HF_HUB_OFFLINE="1")
    (wrong,) = await read_elsewhere(tasks, tmp_path, HF_ENDPOINT="nowhere")
    assert isinstance(offline, Offline)
    assert isinstance(wrong, InvalidSettings)
    assert not local_hub.requests
    named = local_hub.endpoint.replace("127.0.0.1", "localhost")
    (found,) = await read_elsewhere(tasks, tmp_path, HF_ENDPOINT=named)
    assert found
    assert {each.headers["host"] for each in local_hub.requests if each.server == "hub"} == {named.partition("//")[2]}


async def test_a_commit_or_a_file_that_is_gone_is_told(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, TABLES)
    async with open_container_for(local_hub, root) as container:
        tasks = await container.source(REPO, remote=True).read_tasks()
    gone = Status(404, "json", "gone", {"X-Error-Code": "RevisionNotFound"})
    local_hub.fault(gone, server="hub", path="*/resolve/*", times=1)
    with pytest.raises(DatasetChanged, match=r"no commit [0-9a-f]{12} any more"):
        await to_thread.run_sync(list, tasks[0].batches())
    local_hub.fault(Missing(), server="hub", path="*b.parquet")
    with pytest.raises(FileNotFound, match=r"data/b\.parquet"):
        await to_thread.run_sync(list, tasks[-1].batches())


def loops() -> set[threading.Thread]:
    """Threads that run an event loop, or wait for what one does."""
    return {each for each in threading.enumerate() if "portal" in each.name or each.name == "hfsvc-loop-task"}


async def test_batches_are_fetched_as_they_are_taken_and_no_thread_is_left(
    local_hub: LocalHub, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(divided_reading, "MOST_ROWS", 64)
    monkeypatch.setattr(divided_reading, "LEAST_BYTES", 64 << 20)
    content = parquet(long_rows(96, characters=200_000), row_group_size=8)
    publish(local_hub, {"train.parquet": content})
    async with open_container_for(local_hub, root) as container:
        tasks = await container.source(REPO, remote=True).read_tasks(form="stored")
    task: Any = tasks[0]
    assert task.rows == 64
    before = loops()
    local_hub.reset()
    with closing(task.batches()) as batches:
        assert not local_hub.requests
        assert await to_thread.run_sync(next, batches)
        assert loops() > before
    assert loops() == before
    assert local_hub.bytes_sent() < len(content) / 2
    local_hub.reset()
    assert sum(batch.num_rows for batch in await to_thread.run_sync(list, task.batches())) == 64
    assert local_hub.bytes_sent() < len(content) * 0.7
    assert loops() == before


async def test_an_interrupted_reader_ends_with_its_requests(local_hub: LocalHub, root: Path, tmp_path: Path) -> None:
    publish(local_hub, TABLES)
    async with open_container_for(local_hub, root, stall_timeout_s=600.0) as container:
        tasks = await container.source(REPO, remote=True).read_tasks()
    (tmp_path / "tasks").write_bytes(pickle.dumps(tasks))
    local_hub.fault(Stall(after=1000), server="cdn")
    process = run_python(READ, str(tmp_path / "tasks"), str(tmp_path / "found"))
    await local_hub.until(lambda: local_hub.stalled == 1)
    process.send_signal(signal.SIGINT)
    _, told = await to_thread.run_sync(process.communicate)
    assert told.strip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize("files", [TABLES, LINES])
async def test_a_reader_gives_the_rows_of_the_one_on_disk_over_connections_of_its_own(
    local_hub: LocalHub, root: Path, files: Mapping[str, bytes]
) -> None:
    publish(local_hub, files)
    async with open_container_for(local_hub, root) as container:
        await container.datasets().download(DatasetRequest(repo=REPO))
        asked: dict[str, Any] = {"cursor_column": "cursor", "start": 3, "shard": (0, 2), "stripe": True}
        here, there = [await container.source(REPO, remote=each).to_reader(**asked) for each in (False, True)]
        local_hub.reset()
    before = loops()
    table = await to_thread.run_sync(there.read_all)
    assert table.equals(here.read_all())
    assert loops() == before
    # Not once a piece.
    assert local_hub.count(server="hub") <= 2


async def test_a_reader_that_is_let_go_of_leaves_no_thread(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, {"train.parquet": parquet(long_rows(96, characters=200_000), row_group_size=8)})
    async with open_container_for(local_hub, root) as container:
        reader = await container.source(REPO, remote=True).to_reader()
    before = loops()
    # Here, since a thread that was given it would hold it for a moment longer.
    assert reader.read_next_batch().num_rows
    assert loops() > before
    del reader
    gc.collect()
    assert loops() == before


async def test_a_process_ends_that_has_read_only_the_beginning(
    local_hub: LocalHub, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(divided_reading, "MOST_ROWS", 64)
    monkeypatch.setattr(divided_reading, "LEAST_BYTES", 64 << 20)
    publish(local_hub, {"train.parquet": parquet(long_rows(96, characters=200_000), row_group_size=8)})
    async with open_container_for(local_hub, root) as container:
        tasks = await container.source(REPO, remote=True).read_tasks(form="stored")
    (tmp_path / "tasks").write_bytes(pickle.dumps(tasks))
    process = run_python(BEGIN, str(tmp_path / "tasks"))
    assert await to_thread.run_sync(process.communicate) == ("True\n", "")
    assert process.returncode == 0
