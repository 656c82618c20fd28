"""What every `TrajectorySource` keeps: the one that reads parquet files and the fake that stands in for it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import anyio
import pytest
from dependency_injector import providers

from hfsvc import atif
from hfsvc.containers import open_container
from hfsvc.errors import BadRow, CursorMismatch, DatasetChanged, NotDownloaded
from hfsvc.models import DatasetRequest, KeyColumn, OnBadRow, ReadOptions, SummaryPage
from hfsvc.protocols import TrajectorySource
from hfsvc.settings import Settings
from hfsvc.testing import FakeDatasetService, FakeTrajectorySource
from hfsvc.testing.samples import rows_table
from hfsvc.trajectories.layouts.conversation import Unreadable
from hfsvc.trajectories.source import FileTrajectorySource

from ..builders import REPO, everything
from .tables import numbers, parquet, row, rows, trajectories_of, until

Rows = Sequence[dict[str, Any]]


class World(Protocol):
    """Where a source's rows come from."""

    async def open(self, rows: Rows, *, on_bad_row: OnBadRow = "raise") -> TrajectorySource:
        """A source of rows that are on disk."""
        ...

    async def open_remote(self, rows: Rows) -> TrajectorySource:
        """A source of rows that are still to be downloaded."""
        ...

    async def move(self, rows: Rows) -> None:
        """The dataset moves to another commit."""
        ...


class ParquetWorld:
    def __init__(self, root: Path) -> None:
        self._datasets = FakeDatasetService(root)

    def _publish(self, rows: Rows) -> None:
        half = len(rows) // 2
        self._datasets.publish(REPO, "data/a.parquet", parquet(rows_table(rows).slice(0, half), row_group_size=2))
        self._datasets.publish(REPO, "data/b.parquet", parquet(rows_table(rows).slice(half), row_group_size=3))

    async def open(self, rows: Rows, *, on_bad_row: OnBadRow = "raise") -> TrajectorySource:
        await self.move(rows)
        return FileTrajectorySource(REPO, datasets=self._datasets, options=ReadOptions(on_bad_row=on_bad_row))

    async def open_remote(self, rows: Rows) -> TrajectorySource:
        self._publish(rows)
        return FileTrajectorySource(REPO, datasets=self._datasets)

    async def move(self, rows: Rows) -> None:
        self._publish(rows)
        await self._datasets.download(everything())


class FakeWorld:
    def __init__(self, root: Path) -> None:
        self._folder = root / REPO
        self._fake = FakeTrajectorySource([])

    def _trajectories(self, rows: Rows) -> list[atif.Trajectory | None]:
        (batch,) = rows_table(rows).combine_chunks().to_batches()
        return [None if isinstance(each, Unreadable) else each for each in trajectories_of(batch, REPO, 0)]

    async def open(self, rows: Rows, *, on_bad_row: OnBadRow = "raise") -> TrajectorySource:
        made = self._trajectories(rows)
        self._fake = FakeTrajectorySource(made, repo=REPO, folder=self._folder, on_bad_row=on_bad_row)
        return self._fake

    async def open_remote(self, rows: Rows) -> TrajectorySource:
        return FakeTrajectorySource(self._trajectories(rows), repo=REPO, folder=self._folder, downloaded=False)

    async def move(self, rows: Rows) -> None:
        self._fake.replace(self._trajectories(rows))


WORLDS: dict[str, Callable[[Path], World]] = {"parquet": ParquetWorld, "fake": FakeWorld}


def task(trajectory: atif.Trajectory | None) -> str | None:
    return trajectory.extra["task"] if trajectory and trajectory.extra else None


def model(trajectory: atif.Trajectory) -> str | None:
    return trajectory.agent.model_name


async def tasks(source: TrajectorySource, **where: Any) -> list[str | None]:
    return [task(each) async for each in source.stream_trajectories(**where)]


async def close(stream: AsyncIterator[Any]) -> None:
    assert isinstance(stream, AsyncGenerator), "streams can be closed"
    await stream.aclose()


class TestTrajectorySource:
    @pytest.fixture(params=WORLDS)
    def world(self, request: pytest.FixtureRequest, root: Path) -> World:
        return WORLDS[request.param](root)

    # ---- streams ----------------------------------------------------------------------------------------------------

    async def test_a_stream_gives_every_row_in_order(self, world: World) -> None:
        source = await world.open(rows(11))
        assert await tasks(source) == [f"task_{number}" for number in range(11)]
        assert await tasks(source) == await tasks(source, start=0, stop=None, shard=(0, 1))

    async def test_rows_are_the_trajectories_with_their_numbers(self, world: World) -> None:
        source = await world.open(rows(11))
        trajectories = [each async for each in source.stream_trajectories()]
        found = [each async for each in source.stream_rows()]
        assert [each.trajectory for each in found] == trajectories
        assert [each.row for each in found] == [*range(11)]
        assert all(each.file.endswith(".parquet") for each in found)

    async def test_every_trajectory_is_valid(self, world: World) -> None:
        async for each in (await world.open(rows(3))).stream_trajectories():
            assert atif.check(atif.encode(each)).valid
            assert each.extra
            assert each.extra["source"] == REPO

    async def test_count_is_of_all_rows(self, world: World) -> None:
        source = await world.open([*rows(3), row(3, conversations=None)])
        assert await source.count() == 4

    @pytest.mark.parametrize(("start", "stop"), [(0, 3), (3, 8), (4, None), (5, 5), (8, 3), (0, 99), (99, None)])
    async def test_start_and_stop_are_as_in_a_slice(self, world: World, start: int, stop: int | None) -> None:
        source = await world.open(rows(11))
        assert await numbers(source, start=start, stop=stop) == [*range(11)][start:stop]

    @pytest.mark.parametrize("shards", [1, 2, 3, 8, 20])
    async def test_shards_are_disjoint_and_whole(self, world: World, shards: int) -> None:
        source = await world.open(rows(11))
        parts = [await numbers(source, start=1, stop=10, shard=(index, shards)) for index in range(shards)]
        assert [number for part in parts for number in part] == [*range(1, 10)]

    @pytest.mark.parametrize(
        "where", [{"start": -1}, {"stop": -1}, {"shard": (2, 2)}, {"shard": (-1, 2)}, {"shard": (0, 0)}]
    )
    async def test_what_is_no_range_is_refused(self, world: World, where: dict[str, Any]) -> None:
        source = await world.open(rows(3))
        with pytest.raises(ValueError):
            await tasks(source, **where)

    async def test_a_cursor_goes_on_after_its_row(self, world: World) -> None:
        source = await world.open(rows(11))
        where: dict[str, Any] = {"start": 1, "stop": 10, "shard": (1, 2)}
        seen = [each async for each in source.stream_rows(**where)]
        for each in seen:
            assert await numbers(source, cursor=each.cursor, **where) == [*range(each.row + 1, 10)]

    async def test_a_cursor_goes_on_behind_skipped_rows(self, world: World) -> None:
        source = await world.open([row(0), row(1, conversations=None), row(2)], on_bad_row="skip")
        cursors = [each.cursor async for each in source.stream_rows()]
        assert [await numbers(source, cursor=cursor) for cursor in cursors] == [[2], []]

    @pytest.mark.parametrize("cursor", ["", "x", "not a cursor", "é"])
    async def test_what_is_no_cursor_is_refused(self, world: World, cursor: str) -> None:
        source = await world.open(rows(3))
        with pytest.raises(CursorMismatch):
            await tasks(source, cursor=cursor)

    async def test_a_cursor_of_another_commit_is_refused(self, world: World) -> None:
        source = await world.open(rows(3))
        first, *_ = [each.cursor async for each in source.stream_rows()]
        await world.move(rows(3, 1))
        with pytest.raises(CursorMismatch):
            await tasks(source, cursor=first)

    # ---- bad rows ---------------------------------------------------------------------------------------------------

    async def test_a_bad_row_is_raised_after_the_rows_before_it(self, world: World) -> None:
        source = await world.open([*rows(5), row(5, conversations=None), *rows(2, 6)])
        seen, error = await until(BadRow, source.stream_rows())
        assert ([each.row for each in seen], error.row, error.column) == ([0, 1, 2, 3, 4], 5, "conversations")

    async def test_skipping_renumbers_nothing(self, world: World) -> None:
        bad = [row(number, conversations=None if number in {0, 3} else row(0)["conversations"]) for number in range(6)]
        source = await world.open(bad, on_bad_row="skip")
        assert await numbers(source) == [1, 2, 4, 5]
        assert await source.get_trajectory(3) is None
        assert task(await source.get_trajectory(4)) == "task_4"
        assert [task(each) for each in await source.get_trajectories(0, 3)] == ["task_1", "task_2"]
        assert (await source.list_summaries(0, 9)).total == 6

    async def test_a_bad_row_outside_of_the_range_is_nobodys_business(self, world: World) -> None:
        source = await world.open([row(0, conversations=None), *rows(4, 1), row(5, conversations=None)])
        assert await numbers(source, start=1, stop=5) == [1, 2, 3, 4]
        assert task(await source.get_trajectory(1)) == "task_1"
        with pytest.raises(BadRow):
            await source.get_trajectory(0)

    # ---- single rows ------------------------------------------------------------------------------------------------

    async def test_a_number_is_a_row(self, world: World) -> None:
        source = await world.open(rows(7))
        found = [task(await source.get_trajectory(key)) for key in (0, 6, 7, -1, 2**70)]
        assert found == ["task_0", "task_6", None, None, None]

    async def test_a_text_is_a_trial_else_a_run_else_a_task(self, world: World) -> None:
        made = [row(0, task="x"), row(1, run_id="x"), row(2, trial_name="x"), row(3, run_id="y"), row(4, task="y")]
        made += [row(5, task="z"), row(6, task="z")]
        source = await world.open(made)
        assert [await source.find_rows(key) for key in ("x", "y", "z", "w")] == [(2,), (3,), (5, 6), ()]
        found = [await source.get_trajectory(key) for key in ("x", "y", "z", "w")]
        assert [task(each) for each in found] == ["task_2", "task_3", "z", None]

    @pytest.mark.parametrize(("by", "expected"), [("task", (0,)), ("run_id", (1, 2)), ("trial_name", ())])
    async def test_a_text_may_name_its_column(self, world: World, by: KeyColumn, expected: tuple[int, ...]) -> None:
        source = await world.open([row(0, task="x"), row(1, run_id="x"), row(2, run_id="x"), row(3, trial_name="X")])
        assert await source.find_rows("x", by=by) == expected

    @pytest.mark.parametrize(("offset", "limit"), [(0, 3), (3, 5), (9, 9), (11, 1), (99, 2), (4, 0), (4, -1)])
    async def test_pages_of_trajectories_and_summaries_agree(self, world: World, offset: int, limit: int) -> None:
        source = await world.open(rows(11))
        expected = [*range(11)][offset : offset + max(0, limit)]
        found = await source.get_trajectories(offset, limit)
        page = await source.list_summaries(offset, limit)
        assert [task(each) for each in found] == [f"task_{number}" for number in expected]
        assert (page.total, page.offset, [each.row for each in page.items]) == (11, offset, expected)

    async def test_a_page_before_the_first_row_is_refused(self, world: World) -> None:
        source = await world.open(rows(3))
        for page in (source.get_trajectories, source.list_summaries):
            with pytest.raises(ValueError):
                await page(-1, 2)

    async def test_a_summary_tells_the_row(self, world: World) -> None:
        source = await world.open([row(0), row(1, model=None, task=None)])
        whole, partial = (await source.list_summaries(0, 2)).items
        assert (whole.row, whole.steps, whole.agent, whole.model) == (0, 2, "terminus-2", "teacher")
        assert (whole.task, whole.episode, whole.run_id) == ("task_0", "episode-1", "run-0")
        assert (whole.trial_name, whole.date, whole.result) == ("task_0__abc", row(0)["date"], None)
        assert (partial.row, partial.model, partial.task) == (1, None, None)

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("task_1", [1, 10]),
            ("TASK_1 run-0", [10]),
            ("run_id:run-1 task:task_1", [1]),
            ("nothing", []),
            (None, [*range(11)]),
        ],
    )
    async def test_a_query_asks_for_all_its_words(self, world: World, query: str | None, expected: list[int]) -> None:
        source = await world.open(rows(11))
        page = await source.list_summaries(0, 99, query)
        assert (page.total, [each.row for each in page.items]) == (len(expected), expected)
        assert (await source.list_summaries(1, 1, query)).total == len(expected)

    async def test_values_are_counted_over_the_rows_that_a_query_finds(self, world: World) -> None:
        made = [row(0), row(1, model="b c"), row(2, model="b c"), row(3, model=None), row(4, model="d")]
        source = await world.open(made)
        found = await source.count_values("model")
        assert [(each.value, each.rows) for each in found.values] == [("b c", 2), ("d", 1), ("teacher", 1)]
        assert (found.others, found.without) == (0, 1)
        assert await source.count_values("model") == found
        few = await source.count_values("model", limit=1)
        assert (few.values, few.others, few.without) == (found.values[:1], 2, 1)
        some = await source.count_values("task", 'model:"B  C"')
        assert [each.value for each in some.values] == ["task_1", "task_2"]
        assert (await source.list_summaries(0, 9, 'model:""')).total == found.without
        assert (await source.count_values("result", "nothing")).without == 0

    async def test_statistics_count_all_rows_and_raise_no_bad_one(self, world: World) -> None:
        source = await world.open([row(0), row(1, conversations=None), row(2, model="other"), row(3, agent=None)])
        found = await source.statistics()
        assert (found.rows, found.bad_rows, found.steps.count, found.steps.total) == (4, 1, 3, 6)
        assert (found.characters.count, found.characters.smallest, found.characters.largest) == (6, 6, 7)
        assert sorted(each.messages for each in found.roles.values()) == [3, 3]
        assert (found.models["other"], found.agents["terminus-2"] >= 2) == (1, True)
        assert found.results == {}

    async def test_no_rows_are_no_rows(self, world: World) -> None:
        source = await world.open(rows(1))
        await world.move(rows(1))
        assert await numbers(source, start=1) == []
        assert await source.list_summaries(5, 5) == SummaryPage(total=1, offset=5, items=())

    # ---- what is not there, and what moves --------------------------------------------------------------------------

    async def test_only_ensure_downloaded_fetches(self, world: World, root: Path) -> None:
        source = await world.open_remote(rows(3))
        calls: list[Callable[[], Any]] = [
            source.count,
            lambda: source.get_trajectory(0),
            lambda: source.get_trajectory("x"),
            lambda: source.find_rows("x"),
            lambda: source.get_trajectories(0, 1),
            lambda: source.list_summaries(0, 1),
            lambda: source.count_values("agent"),
            source.statistics,
            lambda: tasks(source),
            lambda: numbers(source),
        ]
        for call in calls:
            with pytest.raises(NotDownloaded) as raised:
                await call()
            assert raised.value.repo == REPO
        assert await source.ensure_downloaded() == root / REPO
        assert await source.count() == 3
        for call in calls:
            await call()

    async def test_a_stream_sees_one_commit_or_is_told(self, world: World) -> None:
        source = await world.open([row(number, model="old") for number in range(6)])
        stream = source.stream_trajectories()
        seen = [model(await anext(stream))]
        await world.move([row(number, model="new") for number in range(9)])
        rest, error = await until(DatasetChanged, stream)
        seen += [model(each) for each in rest]
        assert set(seen) == {"old"}
        assert error.repo == REPO
        assert [model(each) async for each in source.stream_trajectories()] == ["new"] * 9
        assert await source.count() == 9

    # ---- dropped streams --------------------------------------------------------------------------------------------

    async def test_a_dropped_stream_leaves_no_task(self, world: World) -> None:
        source = await world.open(rows(11))
        before = asyncio.all_tasks()
        for stream in (source.stream_rows(), source.stream_trajectories()):
            await anext(stream)
            await close(stream)
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
        assert asyncio.all_tasks() <= before

    async def test_a_stream_can_be_cancelled(self, world: World) -> None:
        source = await world.open(rows(11))
        seen: list[int] = []
        with anyio.CancelScope() as scope:
            async for each in source.stream_rows():
                seen.append(each.row)
                if each.row == 1:
                    scope.cancel()
        assert scope.cancelled_caught
        assert seen[:2] == [0, 1]
        assert len(seen) < 11
        assert await source.count() == 11

    async def test_streams_do_not_disturb_each_other(self, world: World) -> None:
        source = await world.open(rows(6))
        one, other = source.stream_rows(), source.stream_rows(start=3)
        found = [(await anext(one)).row, (await anext(other)).row, (await anext(one)).row, (await anext(other)).row]
        assert found == [0, 3, 1, 4]
        for stream in (one, other):
            await close(stream)


async def test_the_fake_takes_the_place_of_a_source_in_a_container(root: Path) -> None:
    fake = FakeTrajectorySource([None], on_bad_row="skip")
    async with open_container(Settings(root=root), source=providers.Object(fake)) as container:
        assert await tasks(container.source("openthoughts-sft")) == []
    assert fake.skipped_rows == 1


async def test_the_service_behind_a_source_may_be_a_fake(root: Path) -> None:
    datasets = FakeDatasetService(root, {REPO: {"a.parquet": parquet(rows(2))}})
    async with open_container(Settings(root=root), datasets=providers.Object(datasets)) as container:
        source = container.source(REPO, on_bad_row="skip")
        await source.ensure_downloaded()
        assert await tasks(source) == ["task_0", "task_1"]
    assert datasets.requests == [DatasetRequest(repo=REPO, include=("**/*.parquet",))]
