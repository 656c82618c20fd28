"""What every stream of a `hfsvc.protocols.TrajectorySource` keeps, as tests of pytest."""

import asyncio
from typing import Any

import anyio
import pytest

from hfsvc import atif
from hfsvc.errors import BadParquet, BadRow, CursorMismatch, InvalidArgument
from hfsvc.models import SummaryPage
from hfsvc.testing.contracts.trajectory_world import (
    TrajectoryWorld,
    numbers_of,
    read_until,
    reads_remotely,
    task_of,
    tasks_of,
)
from hfsvc.testing.samples import sample_row, sample_rows
from hfsvc.trajectories.cursor import join_cursors


class RowStreamContract:
    """Tests the streams of a `TrajectorySource`: ranges, shards, cursors, bad rows, and what a dropped one leaves."""

    # ---- streams ----------------------------------------------------------------------------------------------------

    async def test_a_stream_gives_every_row_in_order(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(11))
        assert await tasks_of(source) == [f"task_{number}" for number in range(11)]
        assert await tasks_of(source) == await tasks_of(source, start=0, stop=None, shard=(0, 1))

    async def test_rows_are_the_trajectories_with_theirnumbers_of(self, world: TrajectoryWorld) -> None:
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
        assert await numbers_of(source, start=start, stop=stop) == [*range(11)][start:stop]

    @pytest.mark.parametrize("shards", [1, 2, 3, 8, 20])
    async def test_shards_are_disjoint_and_whole(self, world: TrajectoryWorld, shards: int) -> None:
        source = await world.open(sample_rows(11))
        parts = [await numbers_of(source, start=1, stop=10, shard=(index, shards)) for index in range(shards)]
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
            await tasks_of(source, **where)

    async def test_streams_do_not_disturb_each_other(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(6))
        one, other = source.stream_rows(), source.stream_rows(start=3)
        found = [(await anext(stream)).row for stream in (one, other, one, other)]
        assert found == [0, 3, 1, 4]
        for stream in (one, other):
            await stream.aclose()

    async def test_no_rows_are_no_rows(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(1))
        assert await numbers_of(source, start=1) == []
        assert await source.list_summaries(5, 5) == SummaryPage(total=1, offset=5, items=())

    @pytest.mark.parametrize("shards", [1, 3, 8])
    async def test_striped_shards_are_every_nth_row(self, world: TrajectoryWorld, shards: int) -> None:
        source = await world.open(sample_rows(11))
        parts = [await numbers_of(source, shard=(index, shards), stripe=True) for index in range(shards)]
        assert parts == [[*range(index, 11, shards)] for index in range(shards)]

    async def test_a_limit_counts_rows_that_come_out(self, world: TrajectoryWorld) -> None:
        rows = [sample_row(0), sample_row(1, conversations=None), *sample_rows(3, 2)]
        source = await world.open(rows, on_bad_row="skip")
        assert await numbers_of(source, limit=2) == [0, 2]
        assert await numbers_of(source, limit=0) == []

    async def test_a_query_chooses_rows(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(11))
        assert await numbers_of(source, where="task_1") == [1, 10]
        assert await tasks_of(source, where="task_1") == ["task_1", "task_10"]
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
            assert await numbers_of(source, cursor=each.cursor, **where) == [*range(each.row + 1, 10)]
            assert await tasks_of(source, cursor=each.cursor, **where) == [f"task_{n}" for n in range(each.row + 1, 10)]

    async def test_a_cursor_resumes_behind_skipped_rows(self, world: TrajectoryWorld) -> None:
        rows = [sample_row(0), sample_row(1, conversations=None), sample_row(2)]
        source = await world.open(rows, on_bad_row="skip")
        cursors = [each.cursor async for each in source.stream_rows()]
        assert [await numbers_of(source, cursor=cursor) for cursor in cursors] == [[2], []]

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
                await tasks_of(source, cursor=first, **where)

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
            seen += await numbers_of(source, shard=(index, 3), cursor=whole)
        assert sorted(seen) == [*range(23)]

    @pytest.mark.parametrize("cursor", ["", "x", "not a cursor", "é"])
    async def test_what_is_no_cursor_is_refused(self, world: TrajectoryWorld, cursor: str) -> None:
        source = await world.open(sample_rows(3))
        with pytest.raises(CursorMismatch):
            await tasks_of(source, cursor=cursor)

    async def test_a_cursor_of_another_commit_is_refused(self, world: TrajectoryWorld) -> None:
        source = await world.open(sample_rows(3))
        first, *_ = [each.cursor async for each in source.stream_rows()]
        await world.move(sample_rows(3, 1))
        if reads_remotely(source):
            assert await tasks_of(source, cursor=first) == ["task_1", "task_2"]
            return
        with pytest.raises(CursorMismatch):
            await tasks_of(source, cursor=first)

    # ---- bad rows ---------------------------------------------------------------------------------------------------

    async def test_a_bad_row_is_raised_after_the_rows_before_it(self, world: TrajectoryWorld) -> None:
        source = await world.open([*sample_rows(5), sample_row(5, conversations=None), *sample_rows(2, 6)])
        seen, error = await read_until(BadRow, source.stream_rows())
        assert ([each.row for each in seen], error.row) == ([0, 1, 2, 3, 4], 5)
        assert source.skipped_rows == 0

    async def test_skipping_counts_and_renumbers_nothing(self, world: TrajectoryWorld) -> None:
        rows = sample_rows(6)
        rows[0]["conversations"] = rows[3]["conversations"] = None
        source = await world.open(rows, on_bad_row="skip")
        assert source.skipped_rows == 0
        assert await numbers_of(source) == [1, 2, 4, 5]
        assert source.skipped_rows == 2
        assert await source.get_trajectory(3) is None
        assert task_of(await source.get_trajectory(4)) == "task_4"
        assert [task_of(each) for each in await source.get_trajectories(0, 3)] == ["task_1", "task_2"]
        assert (await source.list_summaries(0, 9)).total == 6

    async def test_a_bad_row_outside_of_the_range_is_nobodys_business(self, world: TrajectoryWorld) -> None:
        bad = [sample_row(number, conversations=None) for number in (0, 5)]
        source = await world.open([bad[0], *sample_rows(4, 1), bad[1]])
        assert await numbers_of(source, start=1, stop=5) == [1, 2, 3, 4]
        assert task_of(await source.get_trajectory(1)) == "task_1"
        with pytest.raises(BadRow):
            await source.get_trajectory(0)
        with pytest.raises(BadRow):
            await source.get_trajectories(4, 2)

    async def test_a_damaged_file_is_told_as_that(self, world: TrajectoryWorld) -> None:
        source = await world.open_damaged()
        if source is None:
            pytest.skip("a source without files")
        for call in (source.count, lambda: numbers_of(source), source.statistics, lambda: source.list_summaries(0, 1)):
            with pytest.raises(BadParquet):
                await call()

    # ---- dropped streams --------------------------------------------------------------------------------------------

    async def test_a_dropped_stream_leaves_notask_of(self, world: TrajectoryWorld) -> None:
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
