"""What every `hfsvc.protocols.TrajectorySource` keeps, as tests of pytest."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from hfsvc.errors import DatasetChanged, InvalidArgument, NotDownloaded
from hfsvc.models import KeyColumn
from hfsvc.protocols import TrajectorySource
from hfsvc.testing.contracts.trajectory_streams import RowStreamContract
from hfsvc.testing.contracts.trajectory_world import (
    TrajectoryWorld,
    numbers_of,
    read_until,
    reads_remotely,
    task_of,
    tasks_of,
)
from hfsvc.testing.samples import sample_row, sample_rows


class TrajectorySourceContract(RowStreamContract):
    """Tests a `TrajectorySource`; a subclass gives the fixture ``world``, a `TrajectoryWorld`."""

    # ---- single rows ------------------------------------------------------------------------------------------------

    async def test_a_number_is_a_row(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(7))
        found = [task_of(await source.get_trajectory(key)) for key in (0, 6, 7, 2**70)]
        assert found == ["task_0", "task_6", None, None]

    @pytest.mark.parametrize("key", [-1, True, 1.5, None])
    async def test_what_is_no_key_is_refused(self, world: TrajectoryWorld, key: Any) -> None:
        source = await world.open(sample_rows(7))
        with pytest.raises(InvalidArgument):
            await source.get_trajectory(key)

    async def test_a_text_is_a_trial_else_a_run_else_atask_of(self, world: TrajectoryWorld) -> None:
        rows = [sample_row(0, task="x"), sample_row(1, run_id="x"), sample_row(2, trial_name="x")]
        rows += [sample_row(3, run_id="y"), sample_row(4, task="y"), sample_row(5, task="z"), sample_row(6, task="z")]
        source = await world.open(rows)
        assert [await source.find_rows(key) for key in ("x", "y", "z", "w")] == [(2,), (3,), (5, 6), ()]
        found = [await source.get_trajectory(key) for key in ("x", "y", "z", "w")]
        assert [task_of(each) for each in found] == ["task_2", "task_3", "z", None]

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
        assert [task_of(each) for each in found] == [f"task_{number}" for number in expected]
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
            if reads_remotely(source):
                await call()
                continue
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
        if reads_remotely(source):
            # It keeps its commit.
            seen += [each.agent.model_name async for each in stream]
            assert (seen, await source.count()) == (["old"] * 6, 6)
            return
        rest, _ = await read_until(DatasetChanged, stream)
        seen += [each.agent.model_name for each in rest]
        assert set(seen) == {"old"}
        assert [each.agent.model_name async for each in source.stream_trajectories()] == ["new"] * 9
        assert await source.count() == 9


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
        lambda: tasks_of(source),
        lambda: numbers_of(source),
    ]
