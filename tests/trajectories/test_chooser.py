"""The choice of rows: queries, traces, duplicates, splits, samples, order, and the record of what was left out."""

from array import array
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.errors import InvalidArgument
from hfsvc.models import LeftOut, SplitShare, StreamRecord
from hfsvc.trajectories import chooser
from hfsvc.trajectories.chooser import place_of
from hfsvc.trajectories.cursor import join_cursors
from hfsvc.trajectories.duplicates import WIDTH, repeated
from hfsvc.trajectories.source import FileTrajectorySource

from .tables import numbers, open_source, parquet, row, talk

A, B = "data/a.parquet", "data/b.parquet"
ROWS = [
    row(0, model="glm", task="t0", result="1.0"),
    row(1, model="glm", task="t1", result="0.0", trace_source="main"),
    row(2, model="qwen", task="t0", result=None, trace_source="summarization-1-summary"),
    row(3, model="qwen", task="t2", result="0.5", conversations=talk("text 0")),
    row(4, model="glm", task="t1", result="1.0"),
    row(5, model="glm", task="t2", result=None, conversations=None),
    row(6, model="qwen", task="t3", result="1.0", conversations=talk("text 0")),
]


async def source(root: Path, held: list[dict[str, Any]] = ROWS, **options: Any) -> FileTrajectorySource:
    half = len(held) // 2
    options = {"on_bad_row": "skip", **options}
    return await open_source(root, {A: parquet(held[:half], row_group_size=2), B: parquet(held[half:])}, **options)


async def read(source: FileTrajectorySource, **where: Any) -> tuple[list[int], StreamRecord]:
    stream = source.stream_rows(**where)
    return [each.row async for each in stream], stream.record


@pytest.mark.parametrize(
    ("options", "expected", "left_out"),
    [
        ({}, [0, 1, 2, 3, 4, 6], {"bad": 1}),
        ({"where": "model:qwen"}, [2, 3, 6], {"query": 4}),
        ({"traces": "main"}, [0, 1, 3, 4, 6], {"trace": 1, "bad": 1}),
        ({"rows": (6, 0)}, [0, 6], {"rows": 5}),
        ({"rows": ("task_3__abc", 0)}, [0, 3], {"rows": 5}),
        ({"dedupe": "task"}, [0, 1, 3, 6], {"duplicate": 2, "bad": 1}),
        ({"dedupe": "task", "prefer": "best"}, [0, 3, 4, 6], {"duplicate": 2, "bad": 1}),
        ({"dedupe": "exact"}, [0, 1, 2, 4], {"duplicate": 2, "bad": 1}),
        ({"dedupe": "messages", "prefer": "best"}, [0, 1, 2, 4], {"duplicate": 2, "bad": 1}),
        ({"result": "success", "where": "task:t0"}, [0], {"filter": 3, "query": 3}),
        ({"result": "success", "dedupe": "task", "prefer": "best"}, [0, 3, 4, 6], {"filter": 3}),
    ],
)
async def test_rows_are_chosen_and_each_other_one_is_counted_for_one_reason(
    root: Path, options: dict[str, Any], expected: list[int], left_out: dict[str, int]
) -> None:
    chosen = await source(root, **options)
    found, record = await read(chosen)
    assert found == expected
    assert record.left_out == left_out
    assert (record.read, record.written) == (7, len(expected))
    again, _ = await read(chosen)
    assert again == expected


async def test_runs_without_a_result_are_counted_apart(root: Path) -> None:
    _, record = await read(await source(root, result="success"))
    assert (record.left_out["filter"], record.without_result) == (3, 2)


async def test_a_query_may_be_of_one_stream_alone(root: Path) -> None:
    glm = await source(root, where="model:glm")
    assert await read(glm, where="task:t1") == ([1, 4], StreamRecord(read=7, written=2, left_out={"query": 5}))
    assert await glm.count(where="task:t1") == 2
    assert (await glm.statistics(where="task:t1")).rows == 2


async def test_what_a_stream_does_not_come_to_is_counted(root: Path) -> None:
    everything = await source(root)
    asked: list[tuple[dict[str, Any], LeftOut, int]] = [
        ({"start": 1, "stop": 4}, "range", 4),
        ({"shard": (1, 3)}, "shard", 5),
        ({"limit": 2}, "limit", 5),
    ]
    for where, reason, rows in asked:
        found, record = await read(everything, **where)
        assert (record.read, record.written, record.left_out[reason]) == (7, len(found), rows)
    stream = everything.stream_rows()
    assert (await anext(stream)).row == 0
    await stream.aclose()
    assert stream.record == StreamRecord(read=1, written=1)
    found, record = await read(everything, cursor=stream.cursor)
    assert (found, record.left_out) == ([1, 2, 3, 4, 6], {"cursor": 1, "bad": 1})


async def test_a_limit_counts_what_is_written(root: Path) -> None:
    everything = await source(root)
    assert await numbers(everything, start=4, limit=2) == [4, 6]
    assert await numbers(everything, limit=0) == []
    batches = [each async for each in everything.stream_batches(limit=3)]
    assert sum(each.num_rows for each in batches) == 3


@pytest.mark.parametrize("stripe", [False, True])
@pytest.mark.parametrize("options", [{}, {"where": "model:glm"}, {"shuffle": True, "seed": 3}])
async def test_shards_are_cut_after_choosing_and_of_equal_size(root: Path, stripe: bool, options: Any) -> None:
    rows = [row(number, model=("glm", "qwen")[number % 3 == 0]) for number in range(40)]
    chosen = await source(root, rows, **options)
    parts = [await numbers(chosen, shard=(index, 8), stripe=stripe) for index in range(8)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    whole = await numbers(chosen)
    assert sorted(number for part in parts for number in part) == sorted(whole)
    assert not stripe or parts[1] == whole[1::8]


@pytest.mark.parametrize("options", [{}, {"shuffle": True, "seed": 3}, {"sample": 30, "seed": 1}, {"dedupe": "task"}])
async def test_eight_readers_go_on_as_three_with_every_row_once(root: Path, options: Any) -> None:
    rows = [row(number, task=f"t{number % 37}") for number in range(50)]
    chosen = await source(root, rows, **options)
    seen: list[int] = []
    cursors: list[str | None] = []
    for index in range(8):
        stream = chosen.stream_rows(shard=(index, 8), stripe=True)
        seen += [(await anext(stream)).row for _ in range(index % 4)]
        cursors.append(stream.cursor)
        await stream.aclose()
    whole = join_cursors(cursors)
    for index in range(3):
        seen += await numbers(chosen, shard=(index, 3), cursor=whole)
    assert Counter(seen) == Counter(await numbers(chosen))


# ---- samples and order ----------------------------------------------------------------------------------------------


async def test_a_sample_is_as_large_as_asked_and_always_the_same(root: Path) -> None:
    rows = [row(number) for number in range(50)]
    drawn = [await numbers(await source(root, rows, sample=7, seed=seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 7 == len(set(drawn[0]))
    assert drawn[0] == sorted(drawn[0])
    assert await numbers(await source(root, rows, sample=99, seed=1)) == [*range(50)]


async def test_all_rows_come_in_random_order_and_a_cursor_keeps_it(root: Path) -> None:
    rows = [row(number, conversations=None if number == 20 else talk(f"{number}")) for number in range(300)]
    mixed = await source(root, rows, shuffle=True, seed=7)
    found = [each async for each in mixed.stream_rows()]
    order = [each.row for each in found]
    assert sorted(order) == [number for number in range(300) if number != 20]
    assert order != sorted(order)
    assert order == await numbers(await source(root, rows, shuffle=True, seed=7))
    assert await numbers(mixed, cursor=found[120].cursor) == order[121:]
    tasks = [(each.extra or {})["task"] async for each in mixed.stream_trajectories()]
    assert tasks == [f"task_{number}" for number in order]
    batches = [each async for each in mixed.stream_batches(columns=["task"])]
    assert [task for each in batches for task in each.column("task").to_pylist() if task != "task_20"] == tasks


# ---- splits ---------------------------------------------------------------------------------------------------------


async def test_splits_share_no_value_and_leave_none_out(root: Path) -> None:
    rows = [row(number, task=f"t{number % 30}") for number in range(90)]
    shares = [SplitShare(by="task", start=0, stop=0.8, seed=1), SplitShare(by="task", start=0.8, stop=1, seed=1)]
    train, test = [await numbers(await source(root, rows, share=share)) for share in shares]
    assert sorted(train + test) == [*range(90)]
    assert test
    assert not {number % 30 for number in train} & {number % 30 for number in test}


@given(value=st.none() | st.text(), seed=st.integers())
def test_a_value_has_its_place(value: str | None, seed: int) -> None:
    assert 0 <= place_of(value, seed) < 1
    assert place_of(value, seed) == place_of(value, seed)


# ---- duplicates -----------------------------------------------------------------------------------------------------


@given(values=st.lists(st.tuples(st.integers(0, 5), st.sampled_from([-1.0, 0.0, 1.0]))))
def test_the_best_of_equal_rows_is_kept_and_the_first_of_the_best(values: list[tuple[int, float]]) -> None:
    digests = bytearray(b"".join(bytes([value]) * WIDTH for value, _ in values))
    found = repeated(digests, array("d", [rank for _, rank in values]), array("q", range(len(values))))
    best: dict[int, int] = {}
    for number, (value, rank) in enumerate(values):
        if value not in best or rank > values[best[value]][1]:
            best[value] = number
    assert sorted([*found, *best.values()]) == [*range(len(values))]


@pytest.mark.parametrize("prefer", ["first", "best"])
@pytest.mark.parametrize("dedupe", ["exact", "messages", "task", "trial_name"])
async def test_a_bad_row_stands_for_no_other(root: Path, dedupe: str, prefer: str) -> None:
    told = {"task": "t", "trial_name": "t__1"}
    held = [row(0, conversations=None, result="1.0", **told), row(1, result="0.0", **told), row(2, **told)]
    found, record = await read(await source(root, held, dedupe=dedupe, prefer=prefer))
    assert len(found) == (2 if dedupe in {"exact", "messages"} else 1)
    assert 0 not in found
    assert record.left_out["bad"] == 1


@pytest.mark.parametrize("prefer", ["first", "best"])
@pytest.mark.parametrize("dedupe", ["exact", "messages", "task"])
async def test_many_rows_are_looked_through_in_parts_with_the_same_outcome(
    root: Path, monkeypatch: pytest.MonkeyPatch, dedupe: str, prefer: str
) -> None:
    held = [
        row(number, task=f"task_{number % 7}", result=str(number % 4), conversations=talk(f"text {number % 5}"))
        for number in range(40)
    ]
    at_once = await read(await source(root, held, dedupe=dedupe, prefer=prefer))
    monkeypatch.setattr(chooser, "ROWS_AT_ONCE", 1)
    assert await read(await source(root, held, dedupe=dedupe, prefer=prefer)) == at_once
    assert len(at_once[0]) == (7 if dedupe == "task" else 5)


# ---- what cannot be chosen ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dedupe": "nofield"}, "exact, messages, agent"),
        ({"share": SplitShare(by="nofield", start=0, stop=1, seed=1)}, "nofield"),
        ({"sample": 3}, "seed"),
        ({"shuffle": True}, "seed"),
        ({"sample": -1, "seed": 1}, "number of rows"),
        ({"rows": (99,)}, "99"),
        ({"rows": ("no such key",)}, "no such key"),
    ],
)
async def test_a_choice_by_what_there_is_not_is_refused(root: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        await numbers(await source(root, **options))


async def test_rows_are_told_apart_by_any_column_also_one_that_not_every_file_has(root: Path) -> None:
    held = [row(number, **({"repo": f"r{number % 2}"} if number > 3 else {})) for number in range(8)]
    found, record = await read(await source(root, held, dedupe="repo"))
    # Rows without a value are like no other.
    assert found == [0, 1, 2, 3, 4, 5]
    assert record.left_out == {"duplicate": 2}
    share = SplitShare(by="repo", start=0, stop=0.5, seed=1)
    rest = msgspec.structs.replace(share, start=0.5, stop=1)
    one, other = [(await read(await source(root, held, share=each)))[0] for each in (share, rest)]
    assert sorted(one + other) == list(range(8))
    for rows in ([4, 6], [5, 7], [0, 1, 2, 3]):
        assert set(rows) <= set(one) or set(rows) <= set(other)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"traces": "main"}, "field trace_source"),
        ({"episodes": "last"}, "field episode"),
        ({"dedupe": "model"}, "field model"),
        ({"where": "agent:x model:y"}, "field model"),
        ({"share": SplitShare(by="model", start=0, stop=1, seed=1)}, "field model"),
        ({"result": "success"}, "says how its run ended"),
    ],
)
async def test_what_no_row_has_is_told_in_the_record_and_the_log(
    root: Path, options: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    held = [{"conversations": talk(f"ask {number}"), "agent": "x"} for number in range(4)]
    chosen = await source(root, held, **options)
    _, record = await read(chosen)
    (note,) = record.notes
    assert said in note
    assert [each.getMessage() for each in caplog.records] == [note]
    assert (await read(await source(root, held, where="agent:x")))[1].notes == ()
