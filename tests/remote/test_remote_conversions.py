"""Remote sources of datasets without parquet of their own: the Hub's copy where it can stand for them, and why not."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Status
from tests.builders import REPO, open_container_for
from tests.remote.worlds import long_rows
from tests.trajectories.tables import parquet

ROWS = long_rows(12)


@pytest.fixture
def copy(tmp_path: Path, local_hub: LocalHub) -> Path:
    local_hub.write(REPO, "rows.jsonl", b"".join(json.dumps(each).encode() + b"\n" for each in ROWS))
    path = tmp_path / "copy/default/train/0000.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(parquet(ROWS, row_group_size=4))
    return tmp_path / "copy"


async def files_read(hub: LocalHub, root: Path, **settings: Any) -> set[str | None]:
    async with open_container_for(hub, root, **settings) as container:
        source = container.source(REPO, remote=True)
        assert await source.count() == len(ROWS)
        assert [each.row async for each in source.stream_rows()] == [*range(len(ROWS))]
    return {each.file for each in hub.find(bucket="resolvers")}


async def test_the_copy_is_read_and_told(
    local_hub: LocalHub, root: Path, copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    local_hub.convert(REPO, copy)
    assert await files_read(local_hub, root) == {"default/train/0000.parquet"}
    assert "read from the Hub's parquet copy" in caplog.text


@pytest.mark.parametrize("facts", [{"source_commit": "b" * 40}, {"partial": True}, {"pending": [("en", "train")]}])
async def test_a_copy_that_is_not_the_dataset_is_not_read_and_that_is_told(
    local_hub: LocalHub, root: Path, copy: Path, caplog: pytest.LogCaptureFixture, facts: dict[str, object]
) -> None:
    local_hub.convert(REPO, copy, **facts)  # type: ignore[arg-type]
    with caplog.at_level(logging.INFO, "hfsvc"):
        assert await files_read(local_hub, root) == {"rows.jsonl"}
    assert f"{REPO} is read from its own files: " in caplog.text


async def test_a_viewer_that_fails_keeps_nobody_from_reading(local_hub: LocalHub, root: Path, copy: Path) -> None:
    local_hub.convert(REPO, copy)
    local_hub.fault(Status(501), path="*/parquet*")
    assert await files_read(local_hub, root, give_up_after_s=0.1) == {"rows.jsonl"}


async def test_a_dataset_with_parquet_of_its_own_asks_for_no_copy(local_hub: LocalHub, root: Path, copy: Path) -> None:
    local_hub.convert(REPO, copy)
    local_hub.write(REPO, "data/train-00000-of-00001.parquet", parquet(ROWS))
    assert await files_read(local_hub, root) == {"data/train-00000-of-00001.parquet"}
    assert not local_hub.find(path="*convert*")
