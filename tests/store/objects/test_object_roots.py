"""A dataset in an object store, from the download to its rows."""

from pathlib import Path
from typing import Any

import pytest

from hfsvc.containers import open_container
from hfsvc.errors import NotOnDisk
from hfsvc.models import DatasetRequest
from hfsvc.testing import LocalHub
from hfsvc.testing.samples import sample_row
from tests.builders import REPO, everything, noise, settings_for
from tests.trajectories.tables import parquet

ROWS = 40


def fill(hub: LocalHub) -> dict[str, bytes]:
    files = {
        "data/train-00000-of-00001.parquet": parquet([sample_row(number) for number in range(ROWS)]),
        "README.md": b"# Notes\n",
        "large.bin": noise(20_000_000),
        "copies/again.bin": noise(300_000, 3),
        "copies/once.bin": noise(300_000, 3),
        "empty.txt": b"",
    }
    for path, content in files.items():
        hub.write(REPO, path, content)
    return files


def settings(hub: LocalHub, root: str, **changes: Any) -> Any:
    return settings_for(hub, root, **changes)  # type: ignore[arg-type]


async def test_a_dataset_is_brought_listed_and_read_where_it_lies(local_hub: LocalHub, store_root: str) -> None:
    files = fill(local_hub)
    async with open_container(settings(local_hub, store_root)) as container:
        service = container.datasets()
        assert await service.list_downloaded() == []
        found = await service.download(everything())
        assert found.folder == f"{store_root}/{REPO}"
        assert set(found.files) == set(files)
        assert [each.repo for each in await service.list_downloaded()] == [REPO]
        assert await service.is_downloaded(REPO)
        report = await service.verify(REPO)
        assert (report.ok, report.checked_files) == (True, len(files))
        source = container.source(REPO)
        assert await source.ensure_downloaded() is None
        assert await source.count() == ROWS
        assert len([each async for each in source.stream_trajectories()]) == ROWS
        assert (await source.list_summaries(0, 5)).total == ROWS
        with pytest.raises(NotOnDisk):
            await service.get_local_path(REPO)


async def test_rows_are_those_of_a_folder(local_hub: LocalHub, store_root: str, root: Path) -> None:
    fill(local_hub)
    found = []
    for each in (store_root, str(root)):
        async with open_container(settings(local_hub, each)) as container:
            await container.datasets().download(DatasetRequest(repo=REPO))
            source = container.source(REPO)
            found.append([row async for row in source.stream_rows()])
    assert found[0] == found[1]


async def test_other_engines_are_refused_in_one_sentence(local_hub: LocalHub, store_root: str) -> None:
    fill(local_hub)
    async with open_container(settings(local_hub, store_root)) as container:
        await container.datasets().download(everything())
        with pytest.raises(NotOnDisk, match="tasks that are read elsewhere"):
            await container.source(REPO).read_tasks()
