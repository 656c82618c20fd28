"""A dataset as a Daft data frame: the rows of streams, read lazily, piece by piece. Run where Daft is installed."""

import importlib.util
import threading
from pathlib import Path

import pytest
from anyio import to_thread

from hfsvc.errors import MissingExtra
from hfsvc.testing import LocalHub
from hfsvc.trajectories import divided_reading
from hfsvc.trajectories.columns.atif_columns import SCHEMA

from ...builders import REPO, open_container_for
from ...remote.worlds import publish
from ..tables import open_source, parquet, row, rows

WITH_DAFT = importlib.util.find_spec("daft") is not None
FILES = {"a.parquet": parquet(rows(60), row_group_size=25)}
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.skipif(WITH_DAFT, reason="Daft is installed")
async def test_without_daft_the_extra_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingExtra, match=r"hfsvc\[daft\]"):
        await (await open_source(tmp_path, FILES)).to_daft()


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("daft", reason="Daft is not installed")
    monkeypatch.setattr(divided_reading, "MOST_ROWS", 8)


@pytest.mark.usefixtures("small_pieces")
async def test_its_rows_are_those_of_the_stream_in_columns_of_atif(tmp_path: Path) -> None:
    source = await open_source(tmp_path, FILES, style="structured")
    assert len(await source.read_tasks()) > 3
    frame = await source.to_daft()
    assert frame.column_names == SCHEMA.names
    found = await to_thread.run_sync(frame.to_pylist)
    streamed = [each async for each in source.stream_rows()]
    assert [(each["row"], each["session_id"]) for each in found] == [
        (each.row, each.trajectory.session_id) for each in streamed
    ]


@pytest.mark.usefixtures("small_pieces")
async def test_what_daft_does_not_want_is_not_read(tmp_path: Path) -> None:
    daft = pytest.importorskip("daft")
    source = await open_source(tmp_path, FILES)
    frame = await source.to_daft(form="stored", cursor_column="cursor", start=10)
    wanted = frame.where(daft.col("task") == "task_30").select("model", "cursor")
    (found,) = await to_thread.run_sync(wanted.to_pylist)
    assert found["model"] == "teacher"
    rest = await source.to_daft(form="stored", columns="task", cursor=found["cursor"])
    assert await to_thread.run_sync(rest.count_rows) == 29


@pytest.mark.usefixtures("small_pieces")
async def test_a_bad_row_is_named(tmp_path: Path) -> None:
    bad = [row(n, **({"conversations": None} if n == 13 else {})) for n in range(20)]
    source = await open_source(tmp_path, {"a.parquet": parquet(bad)})
    frame = await source.to_daft()
    with pytest.raises(Exception, match=r"Row 13 in a\.parquet"):
        await to_thread.run_sync(frame.collect)


@pytest.mark.usefixtures("small_pieces")
async def test_rows_on_the_hub_are_read_where_they_lie(local_hub: LocalHub, root: Path) -> None:
    publish(local_hub, FILES)
    async with open_container_for(local_hub, root) as container:
        frame = await container.source(REPO, remote=True).to_daft(columns=["row", "session_id"], start=5)
    before = {*threading.enumerate()}
    found = await to_thread.run_sync(frame.to_pylist)
    assert [each["row"] for each in found] == [*range(5, 60)]
    assert not [each for each in {*threading.enumerate()} - before if "portal" in each.name]
