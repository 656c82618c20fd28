"""A dataset as a dataset of Ray: the rows of streams, read lazily by its workers. Run where Ray is installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from hfsvc.errors import MissingExtra
from hfsvc.testing import LocalHub
from hfsvc.trajectories import divided_reading
from hfsvc.trajectories.columns.atif_columns import SCHEMA

from ...builders import REPO, open_container_for
from ...ray_nodes import WITH_RAY, Nodes, needs_ray, two_nodes
from ...remote.worlds import publish
from ..tables import open_source, parquet, row, rows

FILES = {"a.parquet": parquet(rows(60), row_group_size=25)}
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.skipif(WITH_RAY, reason="Ray is installed")
async def test_without_ray_the_extra_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingExtra, match=r"hfsvc\[ray\]"):
        await (await open_source(tmp_path, FILES)).to_ray()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    with two_nodes() as nodes:
        yield nodes


@pytest.fixture
def small_pieces(cluster: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divided_reading, "MOST_ROWS", 8)


def found_in(dataset: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dataset.sort("row").take_all()
    return found


@needs_ray
@pytest.mark.usefixtures("small_pieces")
async def test_its_rows_are_those_of_the_stream_in_columns_of_atif(tmp_path: Path) -> None:
    source = await open_source(tmp_path, FILES, style="structured")
    assert len(await source.read_tasks()) > 3
    dataset = await source.to_ray()
    assert dataset.schema().names == SCHEMA.names
    found = await to_thread.run_sync(found_in, dataset)
    streamed = [each async for each in source.stream_rows()]
    assert [(each["row"], each["session_id"]) for each in found] == [
        (each.row, each.trajectory.session_id) for each in streamed
    ]


@needs_ray
@pytest.mark.usefixtures("small_pieces")
async def test_nothing_is_read_before_it_is_wanted(tmp_path: Path) -> None:
    source = await open_source(tmp_path, FILES)
    dataset = await source.to_ray(shard=(1, 2))
    next(tmp_path.rglob("a.parquet")).unlink()
    with pytest.raises(Exception, match=r"a\.parquet"):
        await to_thread.run_sync(found_in, dataset)


@needs_ray
@pytest.mark.usefixtures("small_pieces")
async def test_a_cursor_of_a_row_goes_on_after_it(tmp_path: Path) -> None:
    source = await open_source(tmp_path, FILES)
    dataset = await source.to_ray(columns=["row"], cursor_column="cursor")
    found = await to_thread.run_sync(found_in, dataset)
    rest = await source.to_ray(columns="row", cursor=found[40]["cursor"])
    assert [each["row"] for each in await to_thread.run_sync(found_in, rest)] == [*range(41, 60)]


@needs_ray
@pytest.mark.usefixtures("small_pieces")
async def test_a_bad_row_is_named_or_left_out(tmp_path: Path) -> None:
    bad = {"a.parquet": parquet([row(n, **({"conversations": None} if n == 13 else {})) for n in range(20)])}
    dataset = await (await open_source(tmp_path / "one", bad)).to_ray()
    with pytest.raises(Exception, match=r"Row 13 in a\.parquet"):
        await to_thread.run_sync(found_in, dataset)
    dataset = await (await open_source(tmp_path / "two", bad, on_bad_row="skip")).to_ray()
    assert await to_thread.run_sync(dataset.count) == 19


@needs_ray
@pytest.mark.usefixtures("small_pieces")
async def test_rows_on_the_hub_are_read_by_its_workers_when_they_are_wanted(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FILES)
    async with open_container_for(local_hub, root) as container:
        source = container.source(REPO, remote=True)
        dataset = await source.to_ray(columns=["row", "session_id"], start=5)
        streamed = [(each.row, each.trajectory.session_id) async for each in source.stream_rows(start=5)]
    local_hub.reset()
    found = await to_thread.run_sync(found_in, dataset)
    assert [(each["row"], each["session_id"]) for each in found] == streamed
    assert local_hub.bytes_sent() > 0
    assert not root.exists()
