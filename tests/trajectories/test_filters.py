"""Sources that leave out some rows: earlier episodes, and runs of the wrong result."""

from pathlib import Path
from typing import Any

import pytest

from hfsvc.errors import CursorMismatch
from hfsvc.trajectories.source import FileTrajectorySource

from .tables import numbers, open_source, parquet, row

A, B = "data/a.parquet", "data/b.parquet"


def episode(number: int, trial: str, turn: int, result: str | None = None, **more: Any) -> dict[str, Any]:
    return row(number, trial_name=trial, run_id="run", episode=f"episode-{turn}", result=result, **more)


FIRST = [episode(0, "a", 0, "1.0"), episode(1, "a", 1, "1.0"), episode(2, "b", 0, "0.0"), episode(3, "a", 2, "1.0")]
SECOND = [episode(4, "b", 1, "AgentTimeoutError"), episode(5, "c", 0), episode(6, "b", 2, "0.0")]


async def source(root: Path, **options: Any) -> FileTrajectorySource:
    return await open_source(root, {A: parquet(FIRST, row_group_size=2), B: parquet(SECOND)}, **options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6]),
        ({"episodes": "last"}, [3, 5, 6]),
        ({"result": "success"}, [0, 1, 3]),
        ({"result": "failure"}, [2, 4, 6]),
        ({"result": "failure", "episodes": "last"}, [6]),
        ({"result": "success", "episodes": "last"}, [3]),
    ],
)
async def test_rows_that_are_left_out_are_nowhere(root: Path, options: dict[str, Any], expected: list[int]) -> None:
    filtered = await source(root, **options)
    assert await numbers(filtered) == expected
    assert await filtered.count() == len(expected)
    page = await filtered.list_summaries(0, 10)
    assert ([each.row for each in page.items], page.total) == (expected, len(expected))
    counts = await filtered.count_values("task")
    assert [each.value for each in counts.values] == [f"task_{number}" for number in expected]
    for number in range(7):
        assert ((await filtered.get_trajectory(number)) is not None) == (number in expected)


async def test_a_cursor_goes_on_with_the_filter_that_it_was_written_with(root: Path) -> None:
    filtered = await source(root, episodes="last")
    (first, *_) = [each async for each in filtered.stream_rows()]
    assert first.row == 3
    assert await numbers(filtered, cursor=first.cursor) == [5, 6]
    with pytest.raises(CursorMismatch, match="episodes"):
        await numbers(await source(root), cursor=first.cursor)


async def test_shards_of_what_is_kept_are_disjoint_and_whole(root: Path) -> None:
    filtered = await source(root, episodes="last")
    parts = [await numbers(filtered, shard=(index, 3)) for index in range(3)]
    assert [number for part in parts for number in part] == [3, 5, 6]


async def test_a_query_looks_at_what_is_kept(root: Path) -> None:
    filtered = await source(root, result="failure")
    page = await filtered.list_summaries(1, 1, "trial_name:b")
    assert ([each.row for each in page.items], page.total) == ([4], 3)


async def test_a_key_finds_what_is_kept(root: Path) -> None:
    filtered = await source(root, episodes="last")
    assert await filtered.find_rows("b") == (6,)
    assert await filtered.find_rows("run") == (3, 5, 6)
    assert await filtered.find_rows("task_0") == ()
