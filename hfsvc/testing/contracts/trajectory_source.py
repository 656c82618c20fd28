"""What every `hfsvc.protocols.TrajectorySource` keeps, as tests of pytest."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

import anyio
import pytest

from hfsvc import atif
from hfsvc.errors import BadParquet, BadRow, CursorMismatch, DatasetChanged, InvalidArgument, NotDownloaded
from hfsvc.models import KeyColumn, OnBadRow, SummaryPage
from hfsvc.protocols import TrajectorySource
from hfsvc.testing.samples import sample_row, sample_rows
from hfsvc.trajectories.cursor import join_cursors

Rows = Sequence[Mapping[str, Any]]
T = TypeVar("T")
E = TypeVar("E", bound=Exception)


class TrajectoryWorld(Protocol):
    """Makes sources under test: the fixture ``world`` of a `TrajectorySourceContract`.

    Rows are dictionaries in the layout of `hfsvc.testing.samples`: its `rows_table` makes an Arrow table of them, and
    `sample_trajectory` a trajectory. A row whose ``conversations`` is None cannot be converted.
    """

    async def open(self, rows: Rows, *, on_bad_row: OnBadRow = "raise") -> TrajectorySource:
        """A source of rows that are on disk."""
        ...

    async def open_remote(self, rows: Rows) -> TrajectorySource:
        """A source of rows that are still to be downloaded."""
        ...

    async def move(self, rows: Rows) -> None:
        """The dataset of the source that was opened last moves to another commit, which is on disk."""
        ...

    async def open_damaged(self) -> TrajectorySource | None:
        """A source over a damaged file; None where there are no files."""
        ...


class TrajectorySourceContract:
    """Tests a `TrajectorySource`; a subclass gives the fixture ``world``, a `TrajectoryWorld`."""

    # ---- streams ----------------------------------------------------------------------------------------------------

    async def test_a_stream_gives_every_row_in_order(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(11))
        assert await _tasks(source) == [f"task_{number}" for number in range(11)]
        assert await _tasks(source) == await _tasks(source, start=0, stop=None, shard=(0, 1))

    async def test_rows_are_the_trajectories_with_their_numbers(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(11))
        trajectories = [each async for each in source.stream_trajectories()]
        found = [each async for each in source.stream_rows()]
        assert [each.trajectory for each in found] == trajectories
        assert [each.row for each in found] == [*range(11)]
        assert all(each.file for each in found)

    async def test_every_trajectory_is_valid(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(3))
        found = [atif.check(atif.encode(each)).valid async for each in source.stream_trajectories()]
        assert found == [True] * 3

    async def test_count_is_of_all_rows(self, world: TrajectoryWorld) -> None:
        source = await world.open([*sample_rows(3), sample_row(3, conversations=None)])
        assert await source.count() == 4

    @pytest.mark.parametrize(("start", "stop"), [(0, 3), (3, 8), (4, None), (5, 5), (8, 3), (0, 99), (99, None)])
    async def test_start_and_stop_are_as_in_a_slice(self, world: TrajectoryWorld, start: int, stop: int | None) -> None:
        source = await world.open(sample_rows(11))
        assert await _numbers(source, start=start, stop=stop) == [*range(11)][start:stop]

    @pytest.mark.parametrize("shards", [1, 2, 3, 8, 20])
    async def test_shards_are_disjoint_and_whole(self, world: TrajectoryWorld, shards: int) -> None:
        source = await world.open(sample_rows(11))
        parts = [await _numbers(source, start=1, stop=10, shard=(index, shards)) for index in range(shards)]
        assert [number for part in parts for number in part] == [*range(1, 10)]

    @pytest.mark.parametrize(
        "where",
        [
            {"start": -1},
            {"start": "1"},
            {"start": True},
            {"start": None},
            {"stop": -1},
            {"stop": 1.5},
            {"shard": (2, 2)},
            {"shard": (-1, 2)},
            {"shard": (0, 0)},
            {"shard": 2},
            {"shard": (0, 1, 2)},
            {"cursor": 5},
        ],
    )
    async def test_what_is_no_range_is_refused(self, world: TrajectoryWorld, where: dict[str, Any]) -> None:
        source = await world.open(sample_rows(3))
        with pytest.raises(InvalidArgument):
            await _tasks(source, **where)

    async def test_streams_do_not_disturb_each_other(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(6))
        one, other = source.stream_rows(), source.stream_rows(start=3)
        found = [(await anext(stream)).row for stream in (one, other, one, other)]
        assert found == [0, 3, 1, 4]
        for stream in (one, other):
            await stream.aclose()

    async def test_no_rows_are_no_rows(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(1))
        assert await _numbers(source, start=1) == []
        assert await source.list_summaries(5, 5) == SummaryPage(total=1, offset=5, items=())

    @pytest.mark.parametrize("shards", [1, 3, 8])
    async def test_striped_shards_are_every_nth_row(self, world: TrajectoryWorld, shards: int) -> None:
        source = await world.open(sample_rows(11))
        parts = [await _numbers(source, shard=(index, shards), stripe=True) for index in range(shards)]
        assert parts == [[*range(index, 11, shards)] for index in range(shards)]

    async def test_a_limit_counts_rows_that_come_out(self, world: TrajectoryWorld) -> None:
        rows = [sample_row(0), sample_row(1, conversations=None), *sample_rows(3, 2)]
        source = await world.open(rows, on_bad_row="skip")
        assert await _numbers(source, limit=2) == [0, 2]
        assert await _numbers(source, limit=0) == []

    async def test_a_query_chooses_rows(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(11))
        assert await _numbers(source, where="task_1") == [1, 10]
        assert await _tasks(source, where="task_1") == ["task_1", "task_10"]
        assert await source.count(where="task_1") == 2
        assert (await source.statistics(where="task_1")).rows == 2

    async def test_a_record_adds_up_to_all_rows(self, world: TrajectoryWorld) -> None:
        rows = [*sample_rows(5), sample_row(5, conversations=None), *sample_rows(6, 6)]
        source = await world.open(rows, on_bad_row="skip")
        asked: list[dict[str, Any]] = [
            {},
            {"start": 2, "stop": 9},
            {"shard": (1, 3)},
            {"limit": 3},
            {"where": "task_1"},
        ]
        for where in asked:
            stream = source.stream_rows(**where)
            written = [each.row async for each in stream]
            record = stream.record
            assert (record.read, record.written) == (12, len(written))
            assert record.read == record.written + sum(record.left_out.values())

    # ---- cursors ----------------------------------------------------------------------------------------------------

    async def test_a_cursor_resumes_after_its_row(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(11))
        where: dict[str, Any] = {"start": 1, "stop": 10, "shard": (1, 2)}
        seen = [each async for each in source.stream_rows(**where)]
        for each in seen:
            assert await _numbers(source, cursor=each.cursor, **where) == [*range(each.row + 1, 10)]
            assert await _tasks(source, cursor=each.cursor, **where) == [f"task_{n}" for n in range(each.row + 1, 10)]

    async def test_a_cursor_resumes_behind_skipped_rows(self, world: TrajectoryWorld) -> None:
        rows = [sample_row(0), sample_row(1, conversations=None), sample_row(2)]
        source = await world.open(rows, on_bad_row="skip")
        cursors = [each.cursor async for each in source.stream_rows()]
        assert [await _numbers(source, cursor=cursor) for cursor in cursors] == [[2], []]

    async def test_a_stream_has_a_cursor_of_its_own(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(4))
        stream = source.stream_rows()
        seen = await anext(aiter(stream))
        await stream.aclose()
        assert stream.cursor == seen.cursor

    async def test_a_cursor_goes_on_with_its_shard_and_its_query_alone(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(11))
        first, *_ = [each.cursor async for each in source.stream_rows(shard=(0, 2), where="task")]
        others: list[dict[str, Any]] = [
            {"shard": (1, 2), "where": "task"},
            {"shard": (0, 3), "where": "task"},
            {"where": "task"},
            {"shard": (0, 2), "where": "task", "stripe": True},
            {"shard": (0, 2), "where": "task_1"},
            {"shard": (0, 2)},
        ]
        for where in others:
            with pytest.raises(CursorMismatch):
                await _tasks(source, cursor=first, **where)

    @pytest.mark.parametrize("stripe", [False, True])
    async def test_other_numbers_of_shards_go_on_with_every_row_once(
        self, world: TrajectoryWorld, stripe: bool
    ) -> None:
        source = await world.open(sample_rows(23))
        seen: list[int] = []
        cursors: list[str | None] = []
        for index in range(4):
            found = [each async for each in source.stream_rows(shard=(index, 4), stripe=stripe, limit=index + 1)]
            seen += [each.row for each in found]
            cursors.append(found[-1].cursor)
        whole = join_cursors(cursors)
        for index in range(3):
            seen += await _numbers(source, shard=(index, 3), cursor=whole)
        assert sorted(seen) == [*range(23)]

    @pytest.mark.parametrize("cursor", ["", "x", "not a cursor", "é"])
    async def test_what_is_no_cursor_is_refused(self, world: TrajectoryWorld, cursor: str) -> None:
        source = await world.open(sample_rows(3))
        with pytest.raises(CursorMismatch):
            await _tasks(source, cursor=cursor)

    async def test_a_cursor_of_another_commit_is_refused(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(3))
        first, *_ = [each.cursor async for each in source.stream_rows()]
        await world.move(sample_rows(3, 1))
        with pytest.raises(CursorMismatch):
            await _tasks(source, cursor=first)

    # ---- bad rows ---------------------------------------------------------------------------------------------------

    async def test_a_bad_row_is_raised_after_the_rows_before_it(self, world: TrajectoryWorld) -> None:
        source = await world.open([*sample_rows(5), sample_row(5, conversations=None), *sample_rows(2, 6)])
        seen, error = await _until(BadRow, source.stream_rows())
        assert ([each.row for each in seen], error.row) == ([0, 1, 2, 3, 4], 5)
        assert source.skipped_rows == 0

    async def test_skipping_counts_and_renumbers_nothing(self, world: TrajectoryWorld) -> None:
        rows = sample_rows(6)
        rows[0]["conversations"] = rows[3]["conversations"] = None
        source = await world.open(rows, on_bad_row="skip")
        assert source.skipped_rows == 0
        assert await _numbers(source) == [1, 2, 4, 5]
        assert source.skipped_rows == 2
        assert await source.get_trajectory(3) is None
        assert _task(await source.get_trajectory(4)) == "task_4"
        assert [_task(each) for each in await source.get_trajectories(0, 3)] == ["task_1", "task_2"]
        assert (await source.list_summaries(0, 9)).total == 6

    async def test_a_bad_row_outside_of_the_range_is_nobodys_business(self, world: TrajectoryWorld) -> None:
        bad = [sample_row(number, conversations=None) for number in (0, 5)]
        source = await world.open([bad[0], *sample_rows(4, 1), bad[1]])
        assert await _numbers(source, start=1, stop=5) == [1, 2, 3, 4]
        assert _task(await source.get_trajectory(1)) == "task_1"
        with pytest.raises(BadRow):
            await source.get_trajectory(0)
        with pytest.raises(BadRow):
            await source.get_trajectories(4, 2)

    async def test_a_damaged_file_is_told_as_that(self, world: TrajectoryWorld) -> None:
        source = await world.open_damaged()
        if source is None:
            pytest.skip("a source without files")
        for call in (source.count, lambda: _numbers(source), source.statistics, lambda: source.list_summaries(0, 1)):
            with pytest.raises(BadParquet):
                await call()

    # ---- single rows ------------------------------------------------------------------------------------------------

    async def test_a_number_is_a_row(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(7))
        found = [_task(await source.get_trajectory(key)) for key in (0, 6, 7, 2**70)]
        assert found == ["task_0", "task_6", None, None]

    @pytest.mark.parametrize("key", [-1, True, 1.5, None])
    async def test_what_is_no_key_is_refused(self, world: TrajectoryWorld, key: Any) -> None:
        source = await world.open(sample_rows(7))
        with pytest.raises(InvalidArgument):
            await source.get_trajectory(key)

    async def test_a_text_is_a_trial_else_a_run_else_a_task(self, world: TrajectoryWorld) -> None:
        rows = [sample_row(0, task="x"), sample_row(1, run_id="x"), sample_row(2, trial_name="x")]
        rows += [sample_row(3, run_id="y"), sample_row(4, task="y"), sample_row(5, task="z"), sample_row(6, task="z")]
        source = await world.open(rows)
        assert [await source.find_rows(key) for key in ("x", "y", "z", "w")] == [(2,), (3,), (5, 6), ()]
        found = [await source.get_trajectory(key) for key in ("x", "y", "z", "w")]
        assert [_task(each) for each in found] == ["task_2", "task_3", "z", None]

    @pytest.mark.parametrize(("by", "expected"), [("task", (0,)), ("run_id", (1, 2)), ("trial_name", ())])
    async def test_a_text_may_name_its_column(
        self, world: TrajectoryWorld, by: KeyColumn, expected: tuple[int, ...]
    ) -> None:
        rows = [sample_row(0, task="x"), sample_row(1, run_id="x"), sample_row(2, run_id="x")]
        source = await world.open([*rows, sample_row(3, trial_name="X"), sample_row(4, trial_name="xx")])
        assert await source.find_rows("x", by=by) == expected

    # ---- pages ------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(("offset", "limit"), [(0, 3), (3, 5), (9, 9), (11, 1), (99, 2), (4, 0)])
    async def test_pages_of_trajectories_and_summaries_agree(
        self, world: TrajectoryWorld, offset: int, limit: int
    ) -> None:
        source = await world.open(sample_rows(11))
        expected = [*range(11)][offset : offset + limit]
        found = await source.get_trajectories(offset, limit)
        page = await source.list_summaries(offset, limit)
        assert [_task(each) for each in found] == [f"task_{number}" for number in expected]
        assert (page.total, page.offset, [each.row for each in page.items]) == (11, offset, expected)

    async def test_a_page_before_the_first_row_is_refused(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(3))
        for page in (source.get_trajectories, source.list_summaries):
            for offset, limit in ((-1, 2), (2, -1)):
                with pytest.raises(InvalidArgument):
                    await page(offset, limit)

    @pytest.mark.parametrize("query", ["nofield:x", "modle:glm task_1", 'nofield:"a b"', 5])
    async def test_a_query_of_a_field_that_there_is_not_is_refused(self, world: TrajectoryWorld, query: Any) -> None:
        source = await world.open(sample_rows(3))
        asked = (source.list_summaries(0, 5, query), source.count_values("task", query), source.count(where=query))
        for ask in (*asked, source.statistics(where=query)):
            with pytest.raises(InvalidArgument, match="query"):
                await ask

    @pytest.mark.parametrize("query", ["https://a.test/x", "std::vector", '"nofield:x"', "12:30", "note:"])
    async def test_a_colon_may_stand_in_a_text(self, world: TrajectoryWorld, query: str) -> None:
        wanted = query.strip('"')
        source = await world.open([sample_row(0, task=f"see {wanted} there"), sample_row(1)])
        assert [each.row for each in (await source.list_summaries(0, 5, query)).items] == [0]

    async def test_a_field_that_there_is_not_is_refused_with_those_that_there_are(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(3))
        calls: list[Any] = [
            source.count_values(cast("Any", "nofield")),
            source.count_values("task", limit=-1),
            source.find_rows("x", by=cast("Any", "model")),
        ]
        for call in calls:
            with pytest.raises(InvalidArgument):
                await call
        with pytest.raises(InvalidArgument, match="trial_name, run_id"):
            await source.count_values(cast("Any", "trial"))

    async def test_a_summary_tells_the_row(self, world: TrajectoryWorld) -> None:
        source = await world.open([sample_row(0), sample_row(1, model=None, task=None)])
        whole, partial = (await source.list_summaries(0, 2)).items
        assert (whole.row, whole.steps, whole.agent, whole.model) == (0, 2, "terminus-2", "teacher")
        assert (whole.task, whole.episode, whole.run_id) == ("task_0", "episode-1", "run-0")
        assert (whole.trial_name, whole.date, whole.result) == ("task_0__abc", sample_row(0)["date"], None)
        assert (partial.row, partial.model, partial.task) == (1, None, None)

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("task_1", [1, 10]),
            ("TASK_1 run-0", [10]),
            ("run_id:run-1 task:task_1", [1]),
            ('task:"task_1"', [1]),
            ('task:"TASK"', []),
            ("agent:task_1", []),
            ('episode:""', [3]),
            ("nothing", []),
            (None, [*range(11)]),
        ],
    )
    async def test_a_query_asks_for_all_its_words(
        self, world: TrajectoryWorld, query: str | None, expected: list[int]
    ) -> None:
        source = await world.open([*sample_rows(3), sample_row(3, episode=None), *sample_rows(7, 4)])
        page = await source.list_summaries(0, 99, query)
        assert (page.total, [each.row for each in page.items]) == (len(expected), expected)
        assert (await source.list_summaries(1, 1, query)).total == len(expected)

    # ---- over all rows ----------------------------------------------------------------------------------------------

    async def test_values_are_counted_over_the_rows_that_a_query_finds(self, world: TrajectoryWorld) -> None:
        models = ["teacher", "b c", "b c", None, "d"]
        source = await world.open([sample_row(number, model=model) for number, model in enumerate(models)])
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

    async def test_values_that_are_long_are_counted_together(self, world: TrajectoryWorld) -> None:
        tasks = ["a" * 200, "b" * 201, "b" * 201, "c" * 201]
        source = await world.open([sample_row(number, task=task) for number, task in enumerate(tasks)])
        found = await source.count_values("task")
        assert ([each.value for each in found.values], found.others) == (["a" * 200], 3)

    async def test_of_many_values_the_first_are_told_apart(self, world: TrajectoryWorld) -> None:
        source = await world.open([*sample_rows(10_000), *(sample_row(10_000 + row, task="late") for row in range(3))])
        found = await source.count_values("task", limit=5_000)
        assert ({each.rows for each in found.values}, len(found.values), found.others) == ({1}, 1_000, 9_003)
        narrower = await source.count_values("task", "late")
        assert [(each.value, each.rows) for each in narrower.values] == [("late", 3)]

    async def test_statistics_count_all_rows_and_raise_no_bad_one(self, world: TrajectoryWorld) -> None:
        rows = [sample_row(0), sample_row(1, conversations=None), sample_row(2, model="other")]
        source = await world.open([*rows, sample_row(3, agent=None)])
        found = await source.statistics()
        assert (found.rows, found.bad_rows, found.steps.count, found.steps.total) == (4, 1, 3, 6)
        assert (found.characters.count, found.characters.smallest, found.characters.largest) == (6, 6, 7)
        assert sorted(each.messages for each in found.roles.values()) == [3, 3]
        assert (found.models["other"], found.agents["terminus-2"] >= 2) == (1, True)
        assert found.results == {}

    # ---- what is not there, and what moves --------------------------------------------------------------------------

    async def test_only_ensure_downloaded_fetches(self, world: TrajectoryWorld) -> None:
        source = await world.open_remote(sample_rows(3))
        for call in _calls(source):
            with pytest.raises(NotDownloaded):
                await call()
        folder = await source.ensure_downloaded()
        assert await source.count() == 3
        for call in _calls(source):
            await call()
        assert await source.ensure_downloaded() == folder

    async def test_a_stream_sees_one_commit_or_is_told(self, world: TrajectoryWorld) -> None:
        source = await world.open([sample_row(number, model="old") for number in range(6)])
        stream = source.stream_trajectories()
        seen = [(await anext(stream)).agent.model_name]
        await world.move([sample_row(number, model="new") for number in range(9)])
        rest, _ = await _until(DatasetChanged, stream)
        seen += [each.agent.model_name for each in rest]
        assert set(seen) == {"old"}
        assert [each.agent.model_name async for each in source.stream_trajectories()] == ["new"] * 9
        assert await source.count() == 9

    # ---- dropped streams --------------------------------------------------------------------------------------------

    async def test_a_dropped_stream_leaves_no_task(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(11))
        before = asyncio.all_tasks()
        for stream in (source.stream_rows(), source.stream_trajectories()):
            await anext(stream)
            await stream.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
        assert asyncio.all_tasks() <= before

    async def test_a_stream_can_be_cancelled(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(11))
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


def _calls(source: TrajectorySource) -> list[Callable[[], Awaitable[object]]]:
    """Everything that needs the rows on disk."""
    return [
        source.count,
        lambda: source.get_trajectory(0),
        lambda: source.get_trajectory("x"),
        lambda: source.find_rows("x"),
        lambda: source.get_trajectories(0, 1),
        lambda: source.list_summaries(0, 1),
        lambda: source.count_values("agent"),
        source.statistics,
        lambda: _tasks(source),
        lambda: _numbers(source),
    ]


async def _numbers(source: TrajectorySource, **where: Any) -> list[int]:
    return [each.row async for each in source.stream_rows(**where)]


async def _tasks(source: TrajectorySource, **where: Any) -> list[str | None]:
    return [_task(each) async for each in source.stream_trajectories(**where)]


def _task(trajectory: atif.Trajectory | None) -> str | None:
    return trajectory.extra["task"] if trajectory and trajectory.extra else None


async def _until(kind: type[E], stream: AsyncIterator[T]) -> tuple[list[T], E]:
    """What a stream gives before it raises, and what it raises."""
    seen: list[T] = []
    try:
        async for each in stream:
            seen.append(each)
    except kind as error:
        return seen, error
    raise AssertionError(f"no {kind.__name__}")
