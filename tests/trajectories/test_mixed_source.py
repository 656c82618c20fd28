"""Several sources in one stream: by weight, each row once, resumed by any number of readers."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hfsvc import join_cursors
from hfsvc.errors import CursorMismatch, InvalidArgument
from hfsvc.trajectories.mixed_source import MixedSource
from hfsvc.trajectories.mixed_stream import MixPart

from .tables import numbers, open_source, parquet, rows

SIZES = {"a": 60, "b": 30, "c": 10}


async def mix(root: Path, *, weights: dict[str, float] | None = None, seed: int = 1, **settings: Any) -> MixedSource:
    weights = weights or {"a": 1, "b": 1, "c": 1}
    parts = [
        MixPart(name, await open_source(root / name, {"a.parquet": parquet(rows(SIZES[name]))}), weight)
        for name, weight in weights.items()
    ]
    return MixedSource(parts, seed=seed, **settings)


def expected(sizes: dict[str, int] = SIZES) -> list[int]:
    return sorted(row * len(sizes) + part for part, size in enumerate(sizes.values()) for row in range(size))


async def test_each_row_comes_once_in_an_order_of_its_seed(root: Path) -> None:
    found = await numbers(await mix(root))
    assert sorted(found) == expected()
    assert found == await numbers(await mix(root))
    assert found != await numbers(await mix(root, seed=2))


async def test_rows_are_drawn_by_weight_and_say_where_they_come_from(root: Path) -> None:
    mixed = await mix(root, weights={"a": 8, "b": 1, "c": 1})
    first = [each.file async for each in mixed.stream_rows(limit=40)]
    assert set(first) <= {"a/a.parquet", "b/a.parquet", "c/a.parquet"}
    assert Counter(first)["a/a.parquet"] > 24


async def test_the_first_part_that_ends_may_end_the_mix(root: Path) -> None:
    mixed = await mix(root, until="first")
    stream = mixed.stream_rows()
    found = [each.row async for each in stream]
    assert 10 <= len(found) < 100
    assert stream.record.written == len(found)


async def test_a_cursor_goes_on_in_the_same_order(root: Path) -> None:
    mixed = await mix(root)
    found = [each async for each in mixed.stream_rows()]
    for place in (0, 41, 99):
        rest = await numbers(mixed, cursor=found[place].cursor)
        assert rest == [each.row for each in found[place + 1 :]]


async def test_three_readers_go_on_as_two_with_every_row_once(root: Path) -> None:
    mixed = await mix(root)
    seen: list[int] = []
    cursors: list[str | None] = []
    for index in range(3):
        stream = mixed.stream_rows(shard=(index, 3))
        seen += [(await anext(aiter(stream))).row for _ in range(4 * index)]
        cursors.append(stream.cursor)
        await stream.aclose()
    whole = join_cursors(cursors)
    for index in range(2):
        seen += await numbers(mixed, shard=(index, 2), cursor=whole)
    assert sorted(seen) == expected()


async def test_a_cursor_of_another_mix_or_shard_is_refused(root: Path) -> None:
    (first, *_) = [each async for each in (await mix(root)).stream_rows(shard=(0, 2))]
    with pytest.raises(CursorMismatch, match="another mix"):
        await numbers(await mix(root, seed=2), shard=(0, 2), cursor=first.cursor)
    with pytest.raises(CursorMismatch, match="shard 0 of 2"):
        await numbers(await mix(root), shard=(1, 2), cursor=first.cursor)
    with pytest.raises(CursorMismatch):
        await numbers(await mix(root), cursor="nothing")


async def test_rows_are_found_by_their_numbers_in_lists_and_alone(root: Path) -> None:
    mixed = await mix(root)
    assert await mixed.count() == 100
    page = await mixed.list_summaries(58, 4)
    assert ([each.row for each in page.items], page.total) == ([174, 177, 1, 4], 100)
    assert await mixed.find_rows("task_9__abc") == (27, 28, 29)
    found = await mixed.get_trajectory(28)
    assert found == await mixed.get_trajectory(27)
    assert len(await mixed.get_trajectories(0, 5)) == 5
    assert await mixed.get_trajectory(10**6) is None
    counts = await mixed.count_values("task", limit=1)
    assert (counts.values[0].rows, counts.others) == (3, 97)


async def test_a_range_is_of_numbers_in_the_mix(root: Path) -> None:
    mixed = await mix(root)
    for start, stop in [(0, 1), (3, 6), (4, 20), (28, 31), (90, None)]:
        wanted = [row for row in expected() if row >= start and (stop is None or row < stop)]
        assert sorted(await numbers(mixed, start=start, stop=stop)) == wanted


async def test_statistics_are_of_all_parts(root: Path) -> None:
    mixed = await mix(root)
    alone = [await each.source.statistics() for each in mixed._parts]
    found = await mixed.statistics()
    assert found.rows == 100
    assert found.steps.total == sum(each.steps.total for each in alone)
    assert sum(each.count for each in found.characters.buckets) == found.characters.count
    assert found.agents == {"terminus-2": 100}


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
async def test_a_weight_that_is_none_is_refused(root: Path, weight: float) -> None:
    with pytest.raises(InvalidArgument, match="weight"):
        await mix(root, weights={"a": weight})
    with pytest.raises(InvalidArgument, match="weight"):
        MixedSource([], seed=1)


@pytest.mark.parametrize("settings", [{}, {"until": "first"}])
@pytest.mark.parametrize("where", [{}, {"limit": 0}, {"limit": 1}, {"limit": 70}, {"shard": (1, 3), "limit": 5}])
async def test_the_record_adds_up_to_the_rows_of_all_parts(
    root: Path, settings: dict[str, Any], where: dict[str, Any]
) -> None:
    stream = (await mix(root, **settings)).stream_rows(**where)
    found = [each async for each in stream]
    record = stream.record
    assert (record.read, record.written) == (sum(SIZES.values()), len(found))
    assert record.read == record.written + sum(record.left_out.values())
    going_on = (await mix(root, **settings)).stream_rows(cursor=stream.cursor, shard=where.get("shard"))
    rest = [each async for each in going_on]
    assert going_on.record.read == going_on.record.written + sum(going_on.record.left_out.values())
    assert going_on.record.read == sum(SIZES.values())
    assert {each.row for each in found}.isdisjoint(each.row for each in rest)
