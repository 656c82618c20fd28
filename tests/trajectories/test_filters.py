"""Sources that leave out some rows: earlier episodes, and runs of the wrong result."""

import json
import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
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


TALK = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
SAID = [
    ({"result": "correct"}, "success"),
    ({"result": "OK"}, "success"),
    ({"result": [1.0]}, "success"),
    ({"result": [0]}, "failure"),
    ({"result": {"reward": [1]}}, "success"),
    ({"result": "incorrect"}, "failure"),
    ({"result": "N/A"}, None),
    ({"result": []}, None),
    ({"result": [0.0, 1.0]}, None),
    ({"result": "completed"}, None),
    ({"success": True}, "success"),
    ({"is_resolved": False}, "failure"),
    ({"passed": 1}, "success"),
    ({"is_correct": "true"}, "success"),
    ({"outcome": "failure"}, "failure"),
    ({"score": 0.0}, "failure"),
    ({"final_reward": 0.5}, "success"),
    ({"rewards": [1.0]}, "success"),
    ({"verifier_result": {"rewards": {"reward": 1.0}}}, "success"),
    ({"result": None, "success": True}, "success"),
    ({"result": "failed", "success": True}, "failure"),
    # The name promises nothing: it is the right answer.
    ({"correct": "the capital of France is Paris"}, None),
]


@pytest.mark.parametrize(("columns", "expected"), SAID, ids=str)
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
async def test_a_result_is_understood_whatever_it_is_called(
    root: Path, columns: dict[str, Any], expected: str | None, ending: str
) -> None:
    row = {"messages": TALK, **columns}
    content = json.dumps(row).encode() if ending == "jsonl" else parquet(pa.Table.from_pylist([row]))
    kept = [
        each
        for each in ("success", "failure")
        if await numbers(await open_source(root, {f"data/train.{ending}": content}, result=each))
    ]
    assert kept == ([expected] if expected else [])


async def test_what_a_flag_is_called_is_kept_beside_the_result(root: Path) -> None:
    content = json.dumps({"messages": TALK, "score": 0.5, "result": None}).encode()
    source = await open_source(root, {"a.parquet": parquet(pa.Table.from_pylist([json.loads(content)]))})
    (trajectory,) = [each async for each in source.stream_trajectories()]
    assert trajectory.extra is not None
    assert (trajectory.extra["score"], trajectory.extra["result"]) == (0.5, "0.5")


@pytest.mark.parametrize(("columns", "is_told"), [({"ended": "well"}, True), ({"result": "failed"}, False)])
async def test_a_filter_by_results_that_nobody_has_is_told(
    root: Path, caplog: pytest.LogCaptureFixture, columns: dict[str, str], is_told: bool
) -> None:
    filtered = await open_source(
        root, {"a.jsonl": json.dumps({"messages": TALK, **columns}).encode()}, result="success"
    )
    with caplog.at_level(logging.WARNING, "hfsvc"):
        assert await numbers(filtered) == []
    assert ("--column result=NAME" in caplog.text) == is_told


def trial(name: str, beside: Any, **extra: Any) -> dict[str, bytes]:
    document = {
        "schema_version": "ATIF-v1.6",
        "session_id": name,
        "agent": {"name": "a", "version": "1"},
        "steps": [{"step_id": 1, "source": "user", "message": "q"}],
        **({"extra": extra} if extra else {}),
    }
    files = {f"job/{name}/agent/trajectory.json": json.dumps(document).encode()}
    return files if beside is None else files | {f"job/{name}/result.json": json.dumps(beside).encode()}


JOB = {
    **trial("a", {"verifier_result": {"rewards": {"reward": 1.0}}}),
    **trial("b", {"verifier_result": {"rewards": {"reward": 0.0}}}),
    **trial("c", {"verifier_result": None, "exception_info": {"exception_type": "AgentTimeoutError"}}),
    **trial("d", {"verifier_result": {"rewards": {"passed": 1}}}),
    **trial("e", None),
    **trial("f", {"verifier_result": {"rewards": {"reward": 0.0}}}, result="1.0"),
}


async def test_the_result_of_a_trial_may_stand_beside_its_document(root: Path) -> None:
    assert await numbers(await open_source(root, JOB, result="success")) == [0, 3, 5]
    assert await numbers(await open_source(root, JOB, result="failure")) == [1, 2]
    everything = await open_source(root, JOB)
    page = await everything.list_summaries(0, 9)
    assert [each.result for each in page.items] == ["1.0", "0.0", "AgentTimeoutError", "1", None, "1.0"]
    assert everything.left_out == ()
    assert (await everything.statistics()).results == {"1.0": 2, "0.0": 1, "1": 1, "AgentTimeoutError": 1}
    # The document itself is handed on as it is.
    assert [each.extra async for each in everything.stream_trajectories()][:5] == [None] * 5


async def test_the_task_and_the_name_of_a_trial_may_stand_beside_its_document(root: Path) -> None:
    told = {"task_name": "fix", "trial_name": "fix__x"}
    job = {**trial("a", told), **trial("b", told, task="own"), **trial("c", {"task_name": "other"})}
    everything = await open_source(root, job, keep=("task", "trial_name"))
    page = await everything.list_summaries(0, 9)
    assert [(each.task, each.trial_name) for each in page.items] == [
        ("fix", "fix__x"), ("own", "fix__x"), ("other", None),
    ]  # fmt: skip
    assert [dict(each.kept)["task"] async for each in everything.stream_rows()] == ["fix", "own", "other"]
    assert await numbers(await open_source(root, job, where="task:other")) == [2]


async def test_a_result_that_is_replaced_counts_anew(root: Path) -> None:
    filtered = await open_source(root, JOB, result="success")
    assert await numbers(filtered) == [0, 3, 5]
    (beside,) = root.rglob("b/result.json")
    beside.write_text(json.dumps({"verifier_result": {"rewards": {"reward": 0.75}}}))
    assert await numbers(filtered) == [0, 1, 3, 5]


async def test_a_result_that_cannot_be_read_is_told(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = {**trial("a", None), "job/a/result.json": b"{"}
    with caplog.at_level(logging.WARNING, logger="hfsvc"):
        assert await numbers(await open_source(root, files)) == [0]
    assert "is no result of a run that can be read" in caplog.text
