"""Exports to the address of an object."""

from pathlib import Path
from typing import Any

import pytest

from hfsvc.containers import open_container
from hfsvc.errors import BadRow, InvalidExport, InvalidSettings, ObjectStoreFailed
from hfsvc.export import ExportRequest, export_shards, export_trajectories
from hfsvc.store.objects.object_bucket import open_bucket
from hfsvc.testing import LocalHub
from hfsvc.testing.samples import sample_messages, sample_row
from tests.builders import REPO, everything, noise, settings_for
from tests.store.objects.conftest import Bucket
from tests.trajectories.tables import parquet


def request_for(path: str, **facts: Any) -> ExportRequest:
    return ExportRequest(path, **facts)  # type: ignore[arg-type]


async def content_of(address: str) -> bytes:
    store, _, name = address.rpartition("/")
    found = await open_bucket(store).read(name)
    assert found is not None, address
    return found[0]


@pytest.mark.parametrize("name", ["runs.jsonl", "runs.jsonl.zst", "runs.parquet"])
@pytest.mark.parametrize("rows", [0, 30, 400])
async def test_what_is_exported_is_what_a_file_would_hold(
    local_hub: LocalHub, store_root: str, root: Path, tmp_path: Path, name: str, rows: int
) -> None:
    texts = [sample_messages(noise(20_000, number).hex()) for number in range(rows or 1)]
    local_hub.write(REPO, "rows.parquet", parquet([sample_row(n, conversations=each) for n, each in enumerate(texts)]))
    async with open_container(settings_for(local_hub, root)) as container:
        await container.datasets().download(everything())
        source = container.source(REPO)
        stop = rows or None
        where = {"where": "model:no-such-model"} if not rows else {}
        here = await export_trajectories(source, request_for(str(tmp_path / name), stop=stop, **where))
        there = await export_trajectories(source, request_for(f"{store_root}/{name}", stop=stop, **where))
    assert (there.target, there.path, there.rows) == (f"{store_root}/{name}", None, here.rows)
    assert await content_of(f"{store_root}/{name}") == (tmp_path / name).read_bytes()


async def test_an_export_that_fails_is_not_seen(local_hub: LocalHub, bucket: Bucket, root: Path) -> None:
    good = [sample_row(n, conversations=sample_messages(noise(20_000, n).hex())) for n in range(600)]
    local_hub.write(REPO, "rows.parquet", parquet([*good, sample_row(600, conversations=None)]))
    async with open_container(settings_for(local_hub, root)) as container:
        await container.datasets().download(everything())
        with pytest.raises(BadRow):
            await export_trajectories(container.source(REPO), request_for(f"{bucket.root}/runs.jsonl"))
    assert any("partNumber" in each for each in bucket.server.requests)
    assert bucket.server.keys(bucket.name) == []
    assert bucket.server.uploads(bucket.name) == []


async def test_shards_and_resume(local_hub: LocalHub, store_root: str, root: Path) -> None:
    local_hub.write(REPO, "rows.parquet", parquet([sample_row(n) for n in range(9)]))
    request = request_for(f"{store_root}/runs.jsonl", resume=True)
    async with open_container(settings_for(local_hub, root)) as container:
        await container.datasets().download(everything())
        first = await export_shards(container.source(REPO), request, 2)
        again = await export_shards(container.source(REPO), request, 2)
    assert [each.target for each in first] == [f"{store_root}/runs-0000{n}-of-00002.jsonl" for n in range(2)]
    assert ([each.kept for each in first], [each.kept for each in again]) == ([False] * 2, [True] * 2)


async def test_what_cannot_be_written_there_is_said(local_hub: LocalHub, bucket: Bucket, root: Path) -> None:
    local_hub.write(REPO, "rows.parquet", parquet([sample_row(n) for n in range(3)]))
    async with open_container(settings_for(local_hub, root)) as container:
        await container.datasets().download(everything())
        source = container.source(REPO)
        with pytest.raises(InvalidExport, match="an object store shows file by file"):
            await export_trajectories(source, request_for(f"{bucket.root}/job", format="atif-dir"))
        with pytest.raises(ObjectStoreFailed, match="there is no such bucket"):
            await export_trajectories(source, request_for("s3://no-such-bucket/runs.jsonl"))
        with pytest.raises(InvalidSettings, match="of object stores there are"):
            request_for("ftp://host/runs.jsonl")
