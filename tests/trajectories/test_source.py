import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from anyio import to_thread
from blockbuster import BlockBuster, BlockBusterFunction, BlockingError, blockbuster_ctx
from hypothesis import given
from hypothesis import strategies as st

from hfsvc import atif
from hfsvc.containers import Container
from hfsvc.errors import BadParquet, BadRow, CursorMismatch, DatasetChanged, NotDownloaded
from hfsvc.models import DatasetRequest, DownloadedDataset, SummaryPage
from hfsvc.store.index import StoreIndex
from hfsvc.testing import FakeDatasetService, LocalHub
from hfsvc.testing.samples import openthoughts_rows, rows_table
from hfsvc.trajectories.positions import Positions
from hfsvc.trajectories.selection import RowRange
from hfsvc.trajectories.source import FileTrajectorySource

from ..builders import REPO, everything, open_container_for
from .tables import MESSAGES, numbers, open_source, parquet, row, rows, table_of, talk, until

A, B = "data/a.parquet", "data/b.parquet"
LINUX = Path("/proc/self/fd").is_dir()


def two_files(**options: Any) -> dict[str, bytes]:
    """Rows 0 to 4 and 5 to 11."""
    return {A: parquet(rows(5), **options), B: parquet(rows(7, 5), **options)}


def task(trajectory: atif.Trajectory | None) -> str | None:
    return trajectory.extra["task"] if trajectory and trajectory.extra else None


async def tasks(source: FileTrajectorySource, **where: Any) -> list[str | None]:
    return [task(each) async for each in source.stream_trajectories(**where)]


# ---- files ----------------------------------------------------------------------------------------------------------


async def test_rows_go_through_all_files_in_byte_order_of_their_paths(root: Path) -> None:
    names = ["a/Z.parquet", "a/a.parquet", "a-b.parquet", "b10.parquet", "b9.parquet", "é.parquet", "Z.parquet"]
    ordered = sorted(names, key=lambda name: name.encode())
    source = await open_source(root, {name: parquet([row(ordered.index(name))]) for name in names})
    found = [(each.row, each.file, task(each.trajectory)) async for each in source.stream_rows()]
    assert found == [(number, name, f"task_{number}") for number, name in enumerate(ordered)]


async def test_files_that_are_not_parquet_are_passed_over(root: Path) -> None:
    others = {"README.md": b"# words", "data/rows.jsonl": b"{}\n", "data/parquet": b"", "a.parquet.crc": b"x"}
    source = await open_source(root, {**two_files(), **others})
    assert await source.count() == 12
    assert len(await tasks(source)) == 12


async def test_a_dataset_without_parquet_says_so(root: Path) -> None:
    source = await open_source(root, {"README.md": b"# words"})
    with pytest.raises(BadParquet, match="none of its files"):
        await source.count()
    with pytest.raises(BadParquet):
        await tasks(source)


async def test_empty_files_and_empty_row_groups_hold_no_rows(root: Path) -> None:
    empty = parquet(rows_table(rows(2)).slice(0, 0))
    path = root.parent / "groups.parquet"
    table = rows_table(rows(4))
    with pq.ParquetWriter(path, table.schema) as writer:
        for piece in (table.slice(0, 0), table.slice(0, 3), table.slice(0, 0), table.slice(3), table.slice(0, 0)):
            writer.write_table(piece)
    source = await open_source(root, {"a.parquet": empty, "b.parquet": path.read_bytes(), "c.parquet": empty})
    assert await source.count() == 4
    assert await tasks(source) == [f"task_{number}" for number in range(4)]
    assert (await source.list_summaries(0, 9)).total == 4


async def test_a_dataset_of_empty_files_has_no_rows(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows_table(rows(1)).slice(0, 0))})
    assert await source.count() == 0
    assert await tasks(source) == []
    assert await source.get_trajectory(0) is None
    assert await source.list_summaries(0, 9) == SummaryPage(total=0, offset=0, items=())


@pytest.mark.parametrize("row_group_size", [1, 2, 3, 100])
async def test_row_groups_do_not_show(root: Path, row_group_size: int) -> None:
    source = await open_source(root, two_files(row_group_size=row_group_size))
    assert await source.count() == 12
    for start in range(13):
        assert await tasks(source, start=start) == [f"task_{number}" for number in range(start, 12)]


async def test_files_may_differ_in_their_columns(root: Path) -> None:
    files = {
        A: parquet([row(0)]),
        B: parquet(rows_table([row(1)], struct_order=("role", "content"), columns=["trial_name", "conversations"])),
        "data/c.parquet": parquet(table_of(pa.nulls(1), task=pa.nulls(1))),
    }
    source = await open_source(root, files, on_bad_row="skip")
    found = [each async for each in source.stream_trajectories()]
    assert [[step.message for step in each.steps] for each in found] == [["text 0", "text 0!"], ["text 1", "text 1!"]]
    assert [sorted(each.extra or ()) for each in found][1] == ["source", "trial_name"]


# ---- count ----------------------------------------------------------------------------------------------------------


async def test_count_reads_footers_only(root: Path) -> None:
    """Everything between the magic and the footer is gone, and still the rows are counted."""
    whole = parquet(rows(500), row_group_size=100)
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    source = await open_source(root, {A: b"PAR1" + bytes(len(whole) - footer - 4) + whole[-footer:]})
    assert await source.count() == 500


async def test_count_includes_bad_rows(root: Path) -> None:
    bad = [row(0), row(1, conversations=None), row(2, conversations=[]), row(3)]
    source = await open_source(root, {A: parquet(bad)}, on_bad_row="skip")
    assert await source.count() == 4
    assert source.skipped_rows == 0


# ---- start, stop, shard, cursor -------------------------------------------------------------------------------------


@given(
    count=st.integers(0, 50),
    start=st.integers(0, 60),
    stop=st.none() | st.integers(0, 60),
    shards=st.integers(1, 70),
)
def test_shards_are_disjoint_whole_even_and_in_order(count: int, start: int, stop: int | None, shards: int) -> None:
    rows = range(*RowRange(start, stop).bounds(count))
    whole = Positions([range(len(rows))])
    parts = [[rows[place] for place in whole.part((index, shards), stripe=False)] for index in range(shards)]
    assert [number for part in parts for number in part] == list(range(count))[start:stop]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("shard", [(0, 0), (-1, 2), (2, 2), (0, -1)])
async def test_a_shard_that_is_none_is_refused(root: Path, shard: tuple[int, int]) -> None:
    source = await open_source(root, two_files())
    with pytest.raises(ValueError, match="shard"):
        await tasks(source, shard=shard)


@pytest.mark.parametrize("where", [{"start": -1}, {"stop": -1}, {"start": -5, "stop": -1}])
async def test_rows_are_counted_from_zero(root: Path, where: dict[str, int]) -> None:
    source = await open_source(root, two_files())
    with pytest.raises(ValueError, match="counted from 0"):
        await tasks(source, **where)


async def test_shards_of_a_stream_are_taken_after_start_and_stop(root: Path) -> None:
    source = await open_source(root, two_files(row_group_size=2))
    assert [await numbers(source, start=3, stop=10, shard=(index, 3)) for index in range(3)] == [
        [3, 4],
        [5, 6],
        [7, 8, 9],
    ]


async def test_a_stop_before_the_start_gives_nothing(root: Path) -> None:
    source = await open_source(root, two_files())
    for where in ({"start": 7, "stop": 3}, {"start": 12}, {"start": 99}, {"stop": 0}):
        assert await numbers(source, **where) == []


async def test_a_row_after_the_stop_is_not_looked_at(root: Path) -> None:
    source = await open_source(root, {A: parquet([row(0), row(1, conversations=None)])})
    assert await numbers(source, stop=1) == [0]


async def test_every_cursor_goes_on_after_its_row(root: Path) -> None:
    source = await open_source(root, two_files(row_group_size=3))
    async for each in source.stream_rows():
        assert await numbers(source, cursor=each.cursor) == list(range(each.row + 1, 12))


async def test_a_cursor_works_in_another_source_of_the_same_data(root: Path) -> None:
    cursors = [each.cursor async for each in (await open_source(root, two_files())).stream_rows()]
    assert await numbers(await open_source(root, two_files()), cursor=cursors[6]) == [7, 8, 9, 10, 11]


async def test_a_cursor_goes_on_behind_skipped_rows(root: Path) -> None:
    bad = [row(number, conversations=None if number in {2, 3, 5} else row(0)["conversations"]) for number in range(6)]
    source = await open_source(root, {A: parquet(bad), B: parquet([row(6)])}, on_bad_row="skip")
    cursors = {each.row: each.cursor async for each in source.stream_rows()}
    assert [*cursors] == [0, 1, 4, 6]
    assert await numbers(source, cursor=cursors[1]) == [4, 6]
    assert await numbers(source, cursor=cursors[4]) == [6]


async def test_a_cursor_goes_on_within_the_same_shard(root: Path) -> None:
    source = await open_source(root, two_files())
    for index in range(3):
        where: dict[str, Any] = {"start": 1, "stop": 11, "shard": (index, 3)}
        seen = [(each.row, each.cursor) async for each in source.stream_rows(**where)]
        for position, (_, cursor) in enumerate(seen):
            assert await numbers(source, cursor=cursor, **where) == [number for number, _ in seen[position + 1 :]]


async def test_a_cursor_never_leads_back_before_the_start(root: Path) -> None:
    source = await open_source(root, two_files())
    cursors = [each.cursor async for each in source.stream_rows()]
    assert await numbers(source, cursor=cursors[1], start=8) == [8, 9, 10, 11]
    assert await numbers(source, cursor=cursors[8], start=1, stop=5) == []
    assert await numbers(source, cursor=cursors[11]) == []


async def test_a_cursor_of_another_dataset_or_commit_is_refused(root: Path) -> None:
    datasets = FakeDatasetService(root, {REPO: two_files(), "acme/other": two_files()})
    for repo in (REPO, "acme/other"):
        await datasets.download(everything(repo))
    source, other = (FileTrajectorySource(repo, datasets=datasets) for repo in (REPO, "acme/other"))
    cursor = [each.cursor async for each in source.stream_rows()][3]
    with pytest.raises(CursorMismatch, match=REPO):
        await numbers(other, cursor=cursor)
    datasets.publish(REPO, "data/c.parquet", parquet(rows(1)))
    await datasets.download(everything())
    with pytest.raises(CursorMismatch, match="commit"):
        await numbers(source, cursor=cursor)


async def test_a_cursor_is_refused_where_other_files_of_the_commit_renumbered_the_rows(root: Path) -> None:
    datasets = FakeDatasetService(root, {REPO: two_files()})
    await datasets.download(DatasetRequest(repo=REPO, include=(B,)))
    source = FileTrajectorySource(REPO, datasets=datasets)
    first, *_ = [each async for each in source.stream_rows()]
    assert task(first.trajectory) == "task_5"
    assert await tasks(source, cursor=first.cursor, stop=2) == ["task_6"]
    await datasets.download(everything())
    with pytest.raises(CursorMismatch, match="files"):
        await tasks(source, cursor=first.cursor)


@pytest.mark.parametrize("cursor", ["", "x", "not a cursor", "AAAA", "é", "=" * 9, "\x00"])
async def test_a_cursor_that_is_none_is_refused(root: Path, cursor: str) -> None:
    source = await open_source(root, two_files())
    with pytest.raises(CursorMismatch):
        await numbers(source, cursor=cursor)


# ---- bad rows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "reason"), [(None, "null"), ([], "empty")])
async def test_a_bad_row_is_named_with_file_row_and_column(root: Path, value: list[Any] | None, reason: str) -> None:
    files = {A: parquet(rows(5)), B: parquet([row(5), row(6, conversations=value), row(7)])}
    source = await open_source(root, files)
    with pytest.raises(BadRow, match=reason) as raised:
        await tasks(source)
    error = raised.value
    assert (error.file, error.row, error.column) == (B, 6, "conversations")


async def test_rows_before_a_bad_one_come_first(root: Path) -> None:
    source = await open_source(root, {A: parquet([row(0), row(1), row(2, conversations=None), row(3)])})
    seen, _ = await until(BadRow, source.stream_rows())
    assert [each.row for each in seen] == [0, 1]


async def test_skipped_rows_are_counted_and_renumber_nothing(root: Path) -> None:
    bad = [row(number, conversations=None if number in {0, 2} else row(0)["conversations"]) for number in range(4)]
    source = await open_source(
        root, {A: parquet(bad), B: parquet([row(4), row(5, conversations=[])])}, on_bad_row="skip"
    )
    assert await numbers(source) == [1, 3, 4]
    assert source.skipped_rows == 3
    assert task(await source.get_trajectory(3)) == "task_3"
    assert await source.find_rows("task_4") == (4,)
    assert [each.row for each in (await source.list_summaries(0, 9)).items] == [0, 1, 2, 3, 4, 5]


async def test_a_skipped_row_is_no_trajectory(root: Path) -> None:
    source = await open_source(root, {A: parquet([row(0), row(1, conversations=None), row(2)])}, on_bad_row="skip")
    assert await source.get_trajectory(1) is None
    assert await source.get_trajectory("task_1") is None
    assert [task(each) for each in await source.get_trajectories(0, 2)] == ["task_0"]


async def test_a_bad_row_asked_for_is_raised(root: Path) -> None:
    source = await open_source(root, {A: parquet([row(0), row(1, conversations=None)])})
    with pytest.raises(BadRow):
        await source.get_trajectory(1)
    with pytest.raises(BadRow):
        await source.get_trajectory("task_1__abc")
    assert task(await source.get_trajectory(0)) == "task_0"


async def test_text_that_is_no_utf_8_makes_a_bad_row_and_no_other(root: Path) -> None:
    texts = pa.Array.from_buffers(
        pa.string(), 3, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\3\0\0\0\4\0\0\0"), pa.py_buffer(b"a\xff\xfeb")]
    )
    messages = pa.StructArray.from_arrays([pa.array(["user"] * 3), texts], ["role", "content"])
    made = table_of(pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), messages))
    source = await open_source(root, {A: parquet(made)})
    seen, error = await until(BadRow, source.stream_rows())
    assert ([each.row for each in seen], error.row, error.column) == ([0], 1, "conversations")
    assert "UTF-8" in error.reason
    skipping = await open_source(root, {A: parquet(made)}, on_bad_row="skip")
    assert await numbers(skipping) == [0, 2]


# ---- files that cannot be read --------------------------------------------------------------------------------------

WRONG = {
    "no parquet": b"words",
    "cut": parquet(rows(50))[:-20],
    "messages are text": parquet(table_of(pa.array(["words"]))),
    "messages are texts": parquet(table_of(pa.array([["a"]]))),
    "messages are a struct": parquet(table_of(pa.array([{"role": "user", "content": "a"}]))),
    "no role": parquet(rows_table(rows(1), struct_order=("content",))),
    "no content": parquet(rows_table(rows(1), struct_order=("role",))),
    "content is a number": parquet(table_of(pa.array([[{"role": "user", "content": 1}]]))),
    "role is a number": parquet(table_of(pa.array([[{"role": 1, "content": "a"}]]))),
    "messages twice": parquet(pa.Table.from_arrays([pa.array([[]], MESSAGES)] * 2, ["conversations"] * 2)),
    "task twice": parquet(
        pa.Table.from_arrays([pa.array([[]], MESSAGES), *[pa.array(["a"])] * 2], ["conversations", "task", "task"])
    ),
}


@pytest.mark.parametrize("kind", WRONG)
async def test_a_file_that_has_the_messages_otherwise_is_named(root: Path, kind: str) -> None:
    source = await open_source(root, {A: parquet(rows(5)), B: WRONG[kind]}, on_bad_row="skip")
    for call in (source.count, lambda: source.get_trajectories(0, 99), lambda: source.list_summaries(0, 9)):
        with pytest.raises(BadParquet, match=r"data/b\.parquet"):
            await call()


async def test_a_file_with_damaged_pages_is_named(root: Path) -> None:
    whole = parquet(rows(400), row_group_size=200, compression="snappy")
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    damaged = whole[:4] + bytes(len(whole) - footer - 4) + whole[-footer:]
    source = await open_source(root, {A: parquet(rows(5)), B: damaged})
    seen, error = await until(BadParquet, source.stream_rows())
    assert [each.row for each in seen] == [0, 1, 2, 3, 4]
    assert error.file.endswith(B)


# ---- what is not on disk --------------------------------------------------------------------------------------------


async def test_nothing_but_ensure_downloaded_fetches(root: Path) -> None:
    datasets = FakeDatasetService(root, {REPO: two_files()})
    source = FileTrajectorySource(REPO, datasets=datasets)
    calls = (
        source.count,
        lambda: source.get_trajectory(0),
        lambda: source.get_trajectory("x"),
        lambda: source.get_trajectories(0, 1),
        lambda: source.find_rows("x"),
        lambda: source.list_summaries(0, 1),
        lambda: tasks(source),
        lambda: numbers(source),
    )
    for call in calls:
        with pytest.raises(NotDownloaded):
            await call()
    assert datasets.requests == []
    assert await source.ensure_downloaded() == root / REPO
    assert await source.ensure_downloaded() == root / REPO
    assert [each.repo for each in datasets.requests] == [REPO]
    for call in calls:
        await call()


async def test_ensure_downloaded_brings_back_a_lost_file(root: Path) -> None:
    source = await open_source(root, two_files())
    (root / REPO / B).unlink()
    with pytest.raises(NotDownloaded):
        await source.count()
    await source.ensure_downloaded()
    assert await source.count() == 12


async def test_a_file_that_vanishes_is_named(root: Path) -> None:
    source = await open_source(root, two_files())
    assert await source.count() == 12
    (root / REPO / B).unlink()
    seen, error = await until(NotDownloaded, source.stream_rows())
    assert ([each.row for each in seen], error.missing) == ([0, 1, 2, 3, 4], (B,))


async def test_files_outside_of_the_range_are_not_opened(root: Path) -> None:
    source = await open_source(root, {**two_files(), "data/c.parquet": parquet(rows(3, 12))})
    assert await source.count() == 15
    for path in (A, "data/c.parquet"):
        (root / REPO / path).unlink()
    assert await numbers(source, start=5, stop=12) == [5, 6, 7, 8, 9, 10, 11]
    assert task(await source.get_trajectory(11)) == "task_11"


async def test_a_file_that_is_written_to_while_it_is_read_gives_no_other_rows(root: Path) -> None:
    """Not replaced by another one, which leaves the open file as it is."""
    options: dict[str, Any] = {"row_group_size": 500, "compression": "none", "use_dictionary": False}
    many, others = (
        [row(number, conversations=talk(f"{name} {number:05}" * 50)) for number in range(6000)] for name in "ab"
    )
    source = await open_source(root, {A: parquet(many, **options)})
    stream = source.stream_rows()
    assert (await anext(stream)).row == 0
    (root / REPO / A).write_bytes(parquet(others, **options))
    seen, error = await until(BadParquet, stream)
    assert "written to" in str(error)
    assert A in str(error)
    assert all(str(each.trajectory.steps[0].message).startswith("a ") for each in seen)


async def test_a_file_that_vanishes_while_it_is_read_is_read_to_its_end(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(300), row_group_size=10)})
    stream = source.stream_rows()
    async with aclosing(stream):
        assert (await anext(stream)).row == 0
        (root / REPO / A).unlink()
        assert [each.row async for each in stream] == list(range(1, 300))


# ---- a dataset that moves -------------------------------------------------------------------------------------------


def versioned(version: str, count: int) -> bytes:
    return parquet([row(number, model=version) for number in range(count)], row_group_size=2)


def model(trajectory: atif.Trajectory) -> str | None:
    return trajectory.agent.model_name


class Moving:
    """A real service over a loopback Hub, whose dataset can move while it is read."""

    def __init__(self, hub: LocalHub, container: Container) -> None:
        self.hub, self.datasets = hub, container.datasets()
        self.index = StoreIndex(container.settings().root)
        self.source = FileTrajectorySource(REPO, datasets=self.datasets)

    async def publish(self, files: dict[str, bytes], gone: tuple[str, ...] = ()) -> DownloadedDataset:
        for path, content in files.items():
            self.hub.write(REPO, path, content)
        for path in gone:
            (self.hub.folder / REPO / path).unlink()
        self.hub.refresh(REPO)
        return await self.datasets.download(DatasetRequest(repo=REPO))

    def mark(self, commit: str | None) -> None:
        """As an exchange marks the dataset before it touches any file."""
        entry = self.index.entries()[REPO]
        self.index.record(msgspec.structs.replace(entry, updating_to=commit))


@pytest.fixture
async def moving(local_hub: LocalHub, root: Path) -> AsyncIterator[Moving]:
    async with open_container_for(local_hub, root) as container:
        yield Moving(local_hub, container)


async def read_after(moving: Moving, change: dict[str, bytes], gone: tuple[str, ...] = ()) -> list[str | None]:
    """The models of the rows that come before `DatasetChanged`, where the dataset moves after the first row."""
    stream = moving.source.stream_trajectories()
    async with aclosing(stream):
        first = await anext(stream)
        await moving.publish(change, gone)
        rest, _ = await until(DatasetChanged, stream)
    return [model(each) for each in (first, *rest)]


async def test_a_stream_over_an_exchanged_dataset_never_mixes(moving: Moving) -> None:
    await moving.publish({A: versioned("old", 5), B: versioned("old", 5)})
    assert await read_after(moving, {A: versioned("new", 5), B: versioned("new", 5)}) == ["old"] * 5
    assert [model(each) async for each in moving.source.stream_trajectories()] == ["new"] * 10


async def test_a_stream_is_told_of_a_change_also_where_its_next_file_stayed(moving: Moving) -> None:
    await moving.publish({A: versioned("old", 5), B: versioned("old", 5)})
    assert await read_after(moving, {A: versioned("new", 9)}) == ["old"] * 5


async def test_a_next_file_that_the_new_commit_lacks_is_a_change(moving: Moving) -> None:
    await moving.publish({A: versioned("old", 5), B: versioned("old", 5)})
    assert await read_after(moving, {A: versioned("new", 5)}, gone=(B,)) == ["old"] * 5


async def test_a_next_file_that_is_no_parquet_any_more_is_a_change(moving: Moving) -> None:
    await moving.publish({A: versioned("old", 5), B: versioned("old", 5)})
    assert await read_after(moving, {B: b"words"}) == ["old"] * 5


async def test_the_file_being_read_stays_what_it_was(moving: Moving) -> None:
    await moving.publish({A: versioned("old", 200)})
    stream = moving.source.stream_trajectories()
    async with aclosing(stream):
        await anext(stream)
        await moving.publish({A: versioned("new", 200)})
        assert [model(each) async for each in stream] == ["old"] * 199


async def test_a_dataset_deleted_while_it_is_read_is_a_change(moving: Moving) -> None:
    await moving.publish({A: versioned("old", 5), B: versioned("old", 5)})
    stream = moving.source.stream_rows()
    async with aclosing(stream):
        await anext(stream)
        await moving.datasets.delete(REPO)
        with pytest.raises(DatasetChanged):
            _ = [each async for each in stream]


async def test_the_mark_of_an_exchange_stops_a_stream_before_its_next_file(moving: Moving) -> None:
    await moving.publish({A: versioned("old", 5), B: versioned("old", 5)})
    stream = moving.source.stream_trajectories()
    async with aclosing(stream):
        first = await anext(stream)
        moving.mark("f" * 40)
        rest, error = await until(DatasetChanged, stream)
    assert [model(each) for each in (first, *rest)] == ["old"] * 5
    assert error.repo == REPO


async def test_nothing_is_read_of_a_dataset_that_is_being_exchanged(moving: Moving) -> None:
    await moving.publish({A: versioned("old", 5)})
    await moving.source.count()
    moving.mark("f" * 40)
    with pytest.raises((DatasetChanged, NotDownloaded)):
        await moving.source.count()
    with pytest.raises((DatasetChanged, NotDownloaded)):
        await tasks(moving.source)
    moving.mark(None)
    assert await moving.source.count() == 5


async def test_other_files_of_the_same_commit_do_not_disturb_a_stream(moving: Moving) -> None:
    for path in (A, B, "more/c.parquet"):
        moving.hub.write(REPO, path, versioned("only", 3))
    moving.hub.refresh(REPO)
    await moving.datasets.download(DatasetRequest(repo=REPO, include=("data/*",)))
    stream = moving.source.stream_rows()
    async with aclosing(stream):
        await anext(stream)
        await moving.datasets.download(DatasetRequest(repo=REPO, include=("**/*.parquet",)))
        assert [each.row async for each in stream] == [1, 2, 3, 4, 5]
    assert await moving.source.count() == 9


class MovesOnceAsked(FakeDatasetService):
    """Moves to the next commit right after it was first asked what is on disk."""

    change: dict[str, bytes] | None = None
    gone: tuple[str, ...] = ()

    async def get_download_info(self, repo: str) -> DownloadedDataset | None:
        found = await super().get_download_info(repo)
        if self.change is not None:
            change, self.change = self.change, None
            for path, content in change.items():
                self.publish(repo, path, content)
            for path in self.gone:
                self.retract(repo, path)
            await self.download(everything(repo))
        return found


@pytest.mark.parametrize(
    ("change", "gone"),
    [({A: versioned("new", 5)}, ()), ({B: b"words"}, ()), ({A: versioned("new", 1)}, (B,))],
    ids=["other rows", "no parquet any more", "file gone"],
)
async def test_a_count_never_mixes_two_commits(root: Path, change: dict[str, bytes], gone: tuple[str, ...]) -> None:
    datasets = MovesOnceAsked(root, {REPO: {A: versioned("old", 2), B: versioned("old", 2)}})
    await datasets.download(everything())
    source = FileTrajectorySource(REPO, datasets=datasets)
    datasets.change, datasets.gone = change, gone
    with pytest.raises(DatasetChanged):
        await source.count()


# ---- keys -----------------------------------------------------------------------------------------------------------


async def test_a_number_is_a_row(root: Path) -> None:
    source = await open_source(root, two_files(row_group_size=2))
    assert [task(await source.get_trajectory(number)) for number in range(12)] == [f"task_{n}" for n in range(12)]
    for number in (12, 13, 2**70):
        assert await source.get_trajectory(number) is None


async def test_digits_as_text_are_no_row_number(root: Path) -> None:
    source = await open_source(root, two_files())
    assert await source.get_trajectory("3") is None


async def test_a_trial_name_goes_before_a_run_and_a_run_before_a_task(root: Path) -> None:
    made = [
        row(0, task="x", run_id="0", trial_name="0"),
        row(1, task="1", run_id="x", trial_name="1"),
        row(2, task="y", run_id="2", trial_name="x"),
        row(3, task="z", run_id="y", trial_name="3"),
        row(4, task="z", run_id="4", trial_name="4"),
    ]
    source = await open_source(root, {A: parquet(made)})
    assert [await source.find_rows(key) for key in ("x", "y", "z", "w")] == [(2,), (3,), (3, 4), ()]
    assert await source.get_trajectory("w") is None
    assert task(await source.get_trajectory("x")) == "y"
    assert task(await source.get_trajectory("y")) == "z"


async def test_a_key_may_name_its_column(root: Path) -> None:
    made = [row(0, task="x", run_id="y"), row(1, task="a", run_id="x"), row(2, task="x", run_id="x")]
    source = await open_source(root, {A: parquet(made[:2]), B: parquet(made[2:])})
    assert await source.find_rows("x", by="task") == (0, 2)
    assert await source.find_rows("x", by="run_id") == (1, 2)
    assert await source.find_rows("x", by="trial_name") == ()


async def test_a_key_is_compared_as_a_whole(root: Path) -> None:
    source = await open_source(root, two_files())
    for key in ("", "task", "TASK_1", "task_1 ", "null", "None"):
        assert await source.find_rows(key) == ()


async def test_rows_without_the_columns_of_keys_are_found_by_number_only(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows_table(rows(2), columns=["conversations"]))})
    assert await source.find_rows("task_1") == ()
    assert await source.get_trajectory("None") is None
    assert await source.get_trajectory(1) is not None


async def test_a_run_gives_its_first_row(root: Path) -> None:
    source = await open_source(root, two_files())
    assert task(await source.get_trajectory("run-1")) == "task_1"
    assert await source.find_rows("run-1") == (1, 3, 5, 7, 9, 11)


async def test_a_page_of_trajectories_ends_with_the_dataset(root: Path) -> None:
    source = await open_source(root, two_files(row_group_size=2))
    for offset, limit in ((0, 3), (4, 4), (10, 99), (12, 1), (99, 1), (3, 0)):
        found = [task(each) for each in await source.get_trajectories(offset, limit)]
        assert found == [f"task_{number}" for number in range(12)][offset : offset + limit]
    with pytest.raises(ValueError, match="counted from 0"):
        await source.get_trajectories(-1, 5)


# ---- nothing is left behind -----------------------------------------------------------------------------------------


def open_parquets() -> list[str]:
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except OSError:
            continue
    return [path for path in found if ".parquet" in path]


@contextmanager
def leaves_nothing() -> Iterator[None]:
    """After the block there are no other tasks than before, no thread is at work and no parquet file is open."""
    before = asyncio.all_tasks()
    yield
    gc.collect()
    assert asyncio.all_tasks() <= before
    assert to_thread.current_default_thread_limiter().borrowed_tokens == 0
    if LINUX:
        assert open_parquets() == []


@pytest.fixture
async def long(root: Path) -> FileTrajectorySource:
    """A source of many batches."""
    return await open_source(root, {A: parquet(rows(2000), row_group_size=100), B: parquet(rows(3))})


async def test_a_closed_stream_leaves_nothing(long: FileTrajectorySource) -> None:
    for stream in (long.stream_rows(), long.stream_trajectories(), long.stream_batches()):
        with leaves_nothing():
            async with aclosing(stream):
                await anext(stream)
                if LINUX:
                    assert open_parquets()


async def test_a_stream_that_was_never_begun_leaves_nothing(long: FileTrajectorySource) -> None:
    with leaves_nothing():
        async with aclosing(long.stream_rows()):
            pass


async def test_a_stream_that_was_left_by_break_leaves_nothing(long: FileTrajectorySource) -> None:
    before = asyncio.all_tasks()
    with leaves_nothing():
        async for _ in long.stream_rows():
            break
        gc.collect()
        # The loop closes what was dropped in a task of its own.
        while asyncio.all_tasks() > before or (LINUX and open_parquets()):
            await anyio.lowlevel.checkpoint()


async def test_an_ended_stream_leaves_nothing(long: FileTrajectorySource) -> None:
    with leaves_nothing():
        assert len([each async for each in long.stream_rows()]) == 2003


async def test_a_failed_stream_leaves_nothing(root: Path, long: FileTrajectorySource) -> None:
    (root / REPO / B).write_bytes(parquet([row(0, conversations=None)] * 3))
    stream = long.stream_rows(start=1990)
    with leaves_nothing(), pytest.raises(BadRow):
        _ = [each async for each in stream]


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_stream_leaves_nothing(long: FileTrajectorySource, turns: int) -> None:
    """The scope is cancelled after so many turns of the event loop: before, while and after files are opened."""
    ended = False

    async def read() -> None:
        nonlocal ended
        async for _ in long.stream_rows():
            pass
        ended = True

    with leaves_nothing():
        async with anyio.create_task_group() as group:
            group.start_soon(read)
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    assert not ended


@pytest.mark.parametrize("last", [0, 63, 64, 150, 1999])
async def test_a_stream_cancelled_at_a_row_leaves_nothing(long: FileTrajectorySource, last: int) -> None:
    with leaves_nothing(), anyio.CancelScope() as scope:
        async for each in long.stream_rows():
            if each.row == last:
                scope.cancel()
    assert scope.cancelled_caught
    assert await numbers(long, start=1998) == [1998, 1999, 2000, 2001, 2002]


async def test_streams_of_one_source_do_not_disturb_each_other(long: FileTrajectorySource) -> None:
    found: dict[int, list[int]] = {}

    async def read(index: int) -> None:
        found[index] = await numbers(long, shard=(index, 4))

    async with anyio.create_task_group() as group:
        for index in range(4):
            group.start_soon(read, index)
    assert sorted(number for part in found.values() for number in part) == list(range(2003))


async def test_reading_does_not_block_the_event_loop(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, A, parquet(openthoughts_rows(150), row_group_size=40))
    local_hub.write(REPO, B, parquet(openthoughts_rows(50)))
    async with open_container_for(local_hub, root) as container:
        source = FileTrajectorySource(REPO, datasets=container.datasets())
        await source.ensure_downloaded()
        with blockbuster_ctx():
            assert await source.count() == 200
            assert len(await tasks(source)) == 200
            assert await source.get_trajectory(199)
            assert (await source.list_summaries(0, 9)).total == 200
            assert await source.find_rows("task_0")
            async for _ in source.stream_rows():
                break


async def test_files_are_opened_and_read_in_worker_threads(root: Path) -> None:
    """blockbuster sees what Python calls; Arrow's own calls of the system are beyond it, so they are named to it."""
    source = await open_source(root, two_files(row_group_size=2))
    watch = BlockBuster()
    for name in ("__init__", "iter_batches"):
        watch.functions[f"ParquetFile.{name}"] = BlockBusterFunction(pq.ParquetFile, name)
    watch.activate()
    try:
        assert len(await tasks(source)) == 12
        assert await source.get_trajectory("task_3")
        assert (await source.list_summaries(0, 9)).total == 12
        with pytest.raises(BlockingError):
            pq.ParquetFile(root / REPO / A)
    finally:
        watch.deactivate()


def test_a_source_does_nothing_until_it_is_asked(root: Path) -> None:
    FileTrajectorySource(REPO, datasets=FakeDatasetService(root))
    assert not root.exists()
