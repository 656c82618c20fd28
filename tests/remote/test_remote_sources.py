"""Remote sources over a loopback Hub that counts: what moves, and that rows are the same as on disk."""

import gzip
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hfsvc.errors import InvalidArgument, SplitNotFound
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub.distortions import MaskedHashes
from hfsvc.testing.samples import rows_table, sample_rows
from hfsvc.trajectories.source import FileTrajectorySource
from tests.builders import REPO, open_container_for
from tests.remote.worlds import content_requests, everything_of, long_rows, publish
from tests.trajectories.tables import parquet


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in rows)


def arrow(rows: list[dict[str, Any]], *, stream: bool) -> bytes:
    out, table = io.BytesIO(), rows_table(rows)
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with make(out, table.schema) as writer:
        for start in range(0, len(rows), 7):
            writer.write_table(table.slice(start, 7))
    return out.getvalue()


def table(rows: list[dict[str, Any]]) -> bytes:
    return b"task,messages\n" + b"".join(
        f'{each["task"]},"{json.dumps(each["conversations"]).replace(chr(34), chr(34) * 2)}"\n'.encode()
        for each in rows
    )


ROWS = long_rows(60)
FORMATS: Mapping[str, Mapping[str, bytes]] = {
    "parquet": {
        "data/train-00000.parquet": parquet(ROWS[:40], row_group_size=9),
        "data/train-00001.parquet": parquet(ROWS[40:], row_group_size=7),
    },
    "one group": {"train.parquet": parquet(ROWS)},
    "version 2": {"train.parquet": parquet(ROWS, row_group_size=20, data_page_version="2.0", compression="zstd")},
    "json lines": {"train.jsonl": lines(ROWS[:30]), "train2.jsonl": lines(ROWS[30:])},
    "gzip": {"train.jsonl.gz": gzip.compress(lines(ROWS))},
    "zstd": {"train.jsonl.zst": pa.compress(lines(ROWS), codec="zstd", asbytes=True)},
    "an array": {"train.json": json.dumps(ROWS).encode()},
    "arrow stream": {"train.arrow": arrow(ROWS, stream=True)},
    "arrow file": {"train.arrow": arrow(ROWS, stream=False)},
    "csv": {"train.csv": table(ROWS)},
}


@pytest.mark.parametrize("name", FORMATS)
async def test_rows_are_those_on_disk(local_hub: LocalHub, root: Path, name: str) -> None:
    publish(local_hub, FORMATS[name])
    async with open_container_for(local_hub, root) as container:
        remote = container.source(REPO, remote=True)
        found = await everything_of(remote)
        assert not root.exists()
        local = container.source(REPO)
        await local.ensure_downloaded()
        assert found == await everything_of(local)
        assert await remote.get_trajectory(33) == await local.get_trajectory(33)
        assert await remote.get_trajectory("task_41") == await local.get_trajectory("task_41")


async def test_a_count_costs_the_footers(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, {f"data/train-{n:05}.parquet": parquet(long_rows(50, 50 * n)) for n in range(12)})
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True)
        assert await source.count() == 600
        assert len(content_requests(local_hub)) == 2 * 12
        assert local_hub.bytes_sent() <= 12 * (64 << 10)
        traffic = source.traffic  # type: ignore[attr-defined]
        assert (traffic.requests, traffic.bytes_moved) == (len(local_hub.requests), local_hub.bytes_sent())


async def test_the_first_row_costs_its_row_group(local_hub: LocalHub, root: Path) -> None:
    content = parquet(long_rows(400, characters=8_000), row_group_size=100)
    publish(local_hub, {"train.parquet": content})
    group = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0)
    chunks = sum(group.column(index).total_compressed_size for index in range(group.num_columns))
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True)
        stream = source.stream_rows()
        assert (await anext(stream)).row == 0
        await stream.aclose()
        assert chunks <= local_hub.bytes_sent() <= chunks + (64 << 10) + (16 << 10) * 12


async def test_a_whole_pass_moves_each_byte_once(local_hub: LocalHub, root: Path) -> None:
    content = parquet(long_rows(400, characters=8_000), row_group_size=100)
    publish(local_hub, {"train.parquet": content})
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True)
        assert len([each async for each in source.stream_rows()]) == 400
        assert local_hub.bytes_sent() <= len(content)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.arrow", "rows.csv"])
async def test_of_a_file_larger_than_the_cache_what_exceeds_it_moves_twice(
    local_hub: LocalHub, root: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    rows, room = long_rows(400), 1 << 20
    made = {"rows.jsonl": lines(rows), "rows.csv": table(rows), "rows.arrow": arrow(rows, stream=True)}
    content = made[name]
    assert len(content) > 3 * room // 2
    publish(local_hub, {name: content})
    async with open_container_for(local_hub, root, remote_cache_bytes=room) as container:
        source = container.source(REPO, remote=True)
        assert await source.count() == len(rows)
        # What was read of the head alone may be read again.
        assert local_hub.bytes_sent() <= len(content) + room // 2
        assert len([each async for each in source.stream_rows()]) == len(rows)
    assert local_hub.bytes_sent() <= 2 * len(content) - room // 2
    assert "and read again for them: remote_cache_bytes holds 1.0 MB" in caplog.text


async def test_a_split_that_is_not_there_is_none_on_the_hub(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, {"train.parquet": parquet(sample_rows(3))})
    async with open_container_for(local_hub, root) as container:
        with pytest.raises(SplitNotFound, match="has no split 'nope'; it has train"):
            await container.source(REPO, remote=True, split="nope").count()


async def test_cursors_go_on_here_and_there(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FORMATS["parquet"])
    async with open_container_for(local_hub, root) as container:
        remote, local = container.source(REPO, remote=True), container.source(REPO)
        await local.ensure_downloaded()
        for one, other in ((remote, local), (local, remote)):
            seen = [each async for each in one.stream_rows(limit=25)]
            rest = [each.row async for each in other.stream_rows(cursor=seen[-1].cursor)]
            assert [each.row for each in seen] + rest == [*range(60)]


async def test_a_source_keeps_its_commit(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, {"train.parquet": parquet(sample_rows(5))})
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True)
        assert await source.count() == 5
        publish(local_hub, {"train.parquet": parquet(sample_rows(9))})
        local_hub.refresh(REPO)
        assert len([each async for each in source.stream_rows()]) == 5
        assert await container.source(REPO, remote=True).count() == 9


async def test_several_processes_are_refused_in_words(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FORMATS["parquet"])
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True)
        assert isinstance(source, FileTrajectorySource)
        source.use_workers(2)
        assert await source.count(where="task_1") == 11
        with pytest.raises(InvalidArgument, match="one process"):
            await source.statistics()


async def test_ten_readers_of_one_row_fetch_it_once(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FORMATS["one group"])
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True)
        await source.count()
        local_hub.reset()
        found: list[object] = []

        async def read() -> None:
            found.append(await source.get_trajectory(7))

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(read)
        assert all(each == found[0] for each in found)
        assert local_hub.bytes_sent() <= len(FORMATS["one group"]["train.parquet"])


async def test_a_revision_may_be_named(local_hub: LocalHub, root: Path, tmp_path: Path) -> None:
    publish(local_hub, {"train.parquet": parquet(sample_rows(5))})
    other = tmp_path / "other"
    other.mkdir()
    (other / "train.parquet").write_bytes(parquet(sample_rows(3)))
    local_hub.add_revision(REPO, "v2", other)
    async with open_container_for(local_hub, root) as container:
        assert await container.source(f"hf://datasets/{REPO}@v2", remote=True).count() == 3


@pytest.mark.parametrize("name", ["a.parquet", "./data"])
async def test_files_of_ones_own_are_not_read_remotely(root: Path, local_hub: LocalHub, name: str) -> None:
    async with open_container_for(local_hub, root) as container:
        with pytest.raises(InvalidArgument, match="on this disk"):
            container.source(name, remote=True)
        with pytest.raises(InvalidArgument, match="remote"):
            container.source(REPO, keep_bytes=True)


async def test_a_hub_that_masks_hashes_is_read_too(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FORMATS["parquet"])
    local_hub.fault(MaskedHashes(), server="hub")
    async with open_container_for(local_hub, root) as container:
        assert len([each async for each in container.source(REPO, remote=True).stream_rows()]) == 60


async def test_a_footer_that_is_longer_costs_one_request_more(local_hub: LocalHub, root: Path) -> None:
    content = parquet(sample_rows(600), row_group_size=1)
    publish(local_hub, {"train.parquet": content})
    async with open_container_for(local_hub, root) as container:
        assert await container.source(REPO, remote=True).count() == 600
        assert len(content_requests(local_hub)) == 3


async def test_a_stop_is_not_read_over(local_hub: LocalHub, root: Path) -> None:
    content = parquet(long_rows(400, characters=8_000), row_group_size=100)
    publish(local_hub, {"train.parquet": content})
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True)
        assert len([each async for each in source.stream_rows(start=100, stop=200)]) == 100
        assert local_hub.bytes_sent() < len(content) // 4 + 200_000
