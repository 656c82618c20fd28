"""Tasks of a dataset that lies on a Hub: read in another process, they give the batches that those of files on a disk give."""

import io
import json
import pickle
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from anyio import to_thread

from hfsvc.models import DatasetRequest
from hfsvc.protocols import ReadTask
from hfsvc.testing import LocalHub
from hfsvc.trajectories import divided_reading

from ...builders import REPO, open_container_for, run_python
from ...remote.worlds import publish
from ..tables import parquet, row, rows

TABLES = {
    "data/a.parquet": parquet(rows(60), row_group_size=25),
    "data/b.parquet": parquet([row(n) for n in range(60, 90)], row_group_size=10, write_page_index=True),
}
LINES = {"a.jsonl": "\n".join(json.dumps(each) for each in rows(40)).encode()}
TOKEN = "hf_" + "secretsecret"
READ = """
import pickle, sys
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
